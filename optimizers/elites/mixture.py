"""Mixture: several normal distributions at once, fitted by scikit-learn.

Variational Bayes: Bishop (2006), Pattern Recognition and Machine Learning, section 10.2.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest, need
from l2l.optimizers.common.margin import Margin
from l2l.optimizers.elites.fitted import Update, drawn, floored, with_margin
from l2l.space import Floats

#: Weight of a component's covariance before, as the prior of the one after.
PRIOR = 0.1


class FittedMixture:
    """A mixture of normal distributions, fitted by scikit-learn.

    A share of the old covariance is the prior of the new one, so that a component with few points
    does not collapse, and the weights have a Dirichlet prior. For smoothing, old and new components
    are paired by their distance.

    Args:
        n: Number of components.
        full: Whether covariances are matrices.
        options: Of ``sklearn.mixture.BayesianGaussianMixture``.

    Attributes:
        weights: ``(n,)`` of the components.
        means: ``(n, d)``; empty before it begins.
        covariances: ``(n, d, d)`` or ``(n, d)``.

    Raises:
        MissingExtra: If scikit-learn is not installed.
        ConfigError: If it has no such option.
    """

    def __init__(self, n: int, full: bool, options: dict[str, Any]) -> None:
        need("sklearn", "scikit-learn", "scikit")
        from sklearn.mixture import BayesianGaussianMixture

        known = BayesianGaussianMixture().get_params()
        for name in options:
            if name not in known:
                raise ConfigError(f"a mixture has no option {name!r}; {nearest(name, known)}")
        self._new = BayesianGaussianMixture
        self.options, self.full, self.n = options, full, n
        self.least = max(2, n)
        self.weights: Floats = np.full(n, 1 / n)
        self.means: Floats = np.empty((0, 0))
        self.covariances: Floats = np.empty(0)

    def begin(self, mean: Floats, sigma: Floats) -> None:
        """Start with equal components at a mean ``(d,)`` with standard deviations ``(d,)``."""
        one = np.diag(sigma**2) if self.full else sigma**2
        self.weights = np.full(self.n, 1 / self.n)
        self.means = np.tile(mean, (self.n, 1))
        self.covariances = np.stack([one] * self.n)

    @property
    def mean(self) -> Floats:
        """``(d,)`` mean of the heaviest component; empty before it begins."""
        return self.means[self.weights.argmax()] if len(self.means) else np.empty(0)

    @property
    def sigma(self) -> Floats:
        """``(d,)`` standard deviations, the largest of any component."""
        variances = self.covariances
        if self.full:
            variances = np.diagonal(variances, axis1=1, axis2=2)
        widest: Floats = variances.max(axis=0)
        return np.sqrt(widest)

    def draw(self, n: int, rng: np.random.Generator, noise: Any = 0.0) -> Floats:
        """Return ``n`` points ``(n, d)``; ``noise`` is a further variance, a number or ``(d,)``."""
        counts = rng.multinomial(n, self.weights / self.weights.sum())
        parts = zip(self.means, self.covariances, counts, strict=True)
        return np.concatenate([drawn(m, c, int(k), rng, noise) for m, c, k in parts])

    def fit(
        self, points: Floats, weights: Floats, update: Update, rng: np.random.Generator
    ) -> None:
        """Learn from the elite ``(k, d)``, whose points all count the same."""
        centre, scale = points.mean(axis=0), points.std(axis=0)
        scale[scale == 0] = 1.0
        model = self._model(scale, int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged after max_iter
            model.fit((points - centre) / scale)
        means = centre + model.means_ * scale
        spreads = model.covariances_ * (np.outer(scale, scale) if self.full else scale**2)
        order = paired(self.means / scale, means / scale)
        for name, new, s in (
            ("weights", model.weights_[order], update.mean),
            ("means", means[order], update.mean),
            ("covariances", spreads[order], update.covariance),
        ):
            setattr(self, name, s * getattr(self, name) + (1 - s) * new)
        self.covariances = np.stack([floored(c, update.floor) for c in self.covariances])

    def _model(self, scale: Floats, seed: int) -> Any:
        """Return scikit-learn's estimator for points that have been divided by ``scale``."""
        d = len(scale)
        pooled = np.tensordot(self.weights, self.covariances, axes=1)
        prior = pooled / (np.outer(scale, scale) if self.full else scale**2)
        defaults = {
            "covariance_type": "full" if self.full else "diag",
            "covariance_prior": PRIOR * prior * self.options.get("degrees_of_freedom_prior", d),
            "mean_precision_prior": 0.01,
            "weight_concentration_prior_type": "dirichlet_distribution",
            "init_params": "kmeans",
        }
        return self._new(n_components=self.n, random_state=seed, **{**defaults, **self.options})

    def keep_margin(self, margin: Margin, alpha: float) -> None:
        """Keep integers changing, in each component: see :class:`Margin`."""
        parts = zip(self.means, self.covariances, strict=True)
        kept = [with_margin(mean, cov, margin, alpha) for mean, cov in parts]
        self.means, self.covariances = (np.stack(part) for part in zip(*kept, strict=True))

    def pack(self) -> dict[str, Floats]:
        """Return all numbers."""
        return {"weights": self.weights, "means": self.means, "covariances": self.covariances}

    def unpack(self, packed: Any) -> None:
        """Go back to what :meth:`pack` returned."""
        self.weights, self.means = packed["weights"], packed["means"]
        self.covariances = packed["covariances"]


def paired(old: Floats, new: Floats) -> Any:
    """Return for each old mean ``(k, d)`` the place of its new one: the closest pairs first."""
    distance = np.square(old[:, None] - new[None]).sum(axis=2)
    order = np.empty(len(old), np.int64)
    for _ in range(len(old)):
        i, j = np.unravel_index(int(distance.argmin()), distance.shape)
        order[i] = j
        distance[i, :] = distance[:, j] = np.inf
    return order
