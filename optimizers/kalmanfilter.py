"""Ensemble Kalman inversion: fits a model's outputs to data, without gradients.

Iglesias, Law & Stuart (2013), Inverse Problems 29, 045001; the paper's variant: Yegenoglu et al.
(2022), Front. Comput. Neurosci. 16, section 3.1.4.
"""

from __future__ import annotations

import functools
from abc import ABCMeta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.classic.optimizer import ClassicOptimizer
from l2l.errors import L2LError
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, State
from l2l.optimizers.common.bounds import reflected
from l2l.optimizers.kalman import ensemble as members
from l2l.optimizers.kalman.analysis import Analysis
from l2l.optimizers.kalman.parameters import EnsembleKalmanFilterParameters
from l2l.space import Floats

__all__ = ["EnsembleKalmanFilter", "EnsembleKalmanFilterOptimizer",
           "EnsembleKalmanFilterParameters"]  # fmt: skip


class _EitherForm(ABCMeta):
    """Lets upstream's scripts call ``EnsembleKalmanFilter(traj, optimizee_prepare=..., ...)``.

    Upstream's class has the name of the algorithm, without ``Optimizer``.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "traj" in kwargs or "optimizee_create_individual" in kwargs:
            return EnsembleKalmanFilterOptimizer(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class EnsembleKalmanFilter(Optimizer, metaclass=_EitherForm):
    """Moves an ensemble of points so that their observations approach data.

    Each evaluation returns ``l2l.Result(fitness, observation=...)``, k numbers that should become
    ``target`` up to noise of the standard deviation ``noise_std``. The fitness ranks members where
    the worst are replaced (``sample``), and is recorded; the update itself uses observations.

    A generation: (1) the worst members are replaced, if asked for; (2) the Kalman update, in the
    space of the members, with the noise divided by the step dt; (3) inflation or, where the
    ensemble can't span the space (d > n - 1), the mean moves and the deviations are turned into
    another subspace. Without the latter the points stay for ever in the span of the first ones.
    (4) Members that failed are drawn from the Gaussian of the others. What lies outside the bounds
    is mirrored at them.

    Attributes:
        ensemble: ``(pop_size, d)`` the points to be asked next, or None.
        misfit: chi2 of the last mean output: its mean squared residual in units of the noise.
        residual: The mean squared residual of the last mean output, in the data's own units.

    Raises:
        L2LError: If an evaluation comes without observation, or with another number of them.
    """

    Parameters = EnsembleKalmanFilterParameters
    on_failure = "drop"
    observes = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = self.parameters.settled(self.space.size)
        self.ensemble: Floats | None = None
        self.analysis = Analysis(self.parameters, self.settings)
        self.misfit = self.residual = np.inf
        self._told = self._at_noise = 0
        kinds = [np.full(p.size, p.kind == "float") for p in self.space.parameters]
        self._floats = np.concatenate(kinds)

    # -- ask and tell -------------------------------------------------------------------------

    def ask(self) -> Floats:
        """Return the ensemble ``(pop_size, d)``."""
        if self.ensemble is None:
            self.ensemble = self._first()
            self.analysis.begin(self.ensemble)
        return self.ensemble.copy()

    def tell(self, evaluations: Evaluations) -> None:
        """Learn from the observations of the members that ended ok."""
        asked = 0 if self.ensemble is None else len(self.ensemble)
        scores = self.scored(evaluations, expected=asked)
        points = self._learned(evaluations)
        ok, residuals = self._residuals(evaluations)
        if ok.sum() < 2:  # no covariance to learn from
            self.ensemble = self._again(points, ok)
            return
        points = points if ok.all() else points[ok]
        if self.parameters.sample:
            points, residuals = self._replaced(points, residuals, scores[ok])
        mean = residuals.mean(axis=0)
        self.residual, self.misfit = float(np.square(mean).mean()), self.analysis.chi2(mean)
        self._at_noise = self._at_noise + 1 if self.misfit <= self.settings.discrepancy else 0
        moved = self.analysis.moved(points, residuals, self._told, self.rng)
        self.ensemble = self._inside(members.completed(moved, ok, self.rng))
        self._told += 1

    def _first(self) -> Floats:
        """Return the first ensemble; unbounded spaces complete a few points by their Gaussian."""
        n, given = self.parameters.pop_size, self.initial
        if given is not None and 2 <= len(given) < n and not self.space.bounded:
            self.initial = None
            return members.completed(given, np.arange(n) < len(given), self.rng)
        return self.first_points(n)

    def _learned(self, evaluations: Evaluations) -> Floats:
        """Return the points ``(n, d)``, as evaluated where a float was moved by the optimizee."""
        assert self.ensemble is not None
        if evaluations.evaluated is evaluations.asked:
            return self.ensemble
        return np.where(self._floats, evaluations.evaluated, self.ensemble)

    def _residuals(self, evaluations: Evaluations) -> tuple[NDArray[np.bool_], Floats]:
        """Return which members count ``(n,)``, and their observations less the target."""
        seen, ok = evaluations.observation, evaluations.ok
        if not ok.any():
            return ok, np.empty((0, 0))
        if seen is None or not np.isfinite(seen[ok]).any():
            raise L2LError(
                "the ensemble Kalman filter learns from observations, and none came: simulate "
                "must return l2l.Result(fitness, observation=...), with the model's outputs"
            )
        finite = ok & np.isfinite(seen).all(axis=1)
        target = np.asarray(0.0 if self.parameters.target is None else self.parameters.target)
        variance = np.asarray(self.settings.variance)
        for name, data in (("target", target), ("noise_std", variance)):
            if data.ndim and data.shape != (seen.shape[1],):
                raise L2LError(
                    f"{name} has {data.size} numbers, but an observation has {seen.shape[1]}: give "
                    "one for each, or a single number"
                )
        return finite, seen[finite] - target

    def _again(self, points: Floats, ok: NDArray[np.bool_]) -> Floats:
        """Return points with those that failed drawn again, around the same mean."""
        mean = points.mean(axis=0)
        fresh = members.redrawn(points, mean, 1.0, self.rng)
        return self._inside(np.where(ok[:, None], points, fresh))

    def _replaced(self, points: Floats, residuals: Floats, scores: Floats) -> tuple[Floats, Floats]:
        p = self.parameters
        # fewer in the repeats of a minibatch, as upstream: the ensemble knows it by then
        worst_n = p.worst_n * float(np.exp(-(self._told % p.n_repeat_batch)))
        points, residuals = members.replaced(
            points, residuals, scores, best_n=p.best_n, worst_n=worst_n, method=p.pick_method,
            settings=p.picking, scale_noise=p.scale_weights, rng=self.rng,
        )  # fmt: skip
        return self._inside(points), residuals

    def _inside(self, points: Floats) -> Floats:
        return reflected(points, self.space.lower, self.space.upper)

    # -- ends and state -----------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Pseudo-time, the sum of the steps; with data that stay, posteriors are reached at 1."""
        return self.analysis.time

    @property
    def done(self) -> str | None:
        """Why there is nothing left to do, or None."""
        p = self.parameters
        enough, patience = p.stop_criterion, self.settings.patience
        if enough is not None and np.isfinite(enough) and self.residual <= enough:
            return f"the mean squared residual has reached the stop_criterion {enough:g}"
        if p.end_time is not None and self.time >= p.end_time * (1 - 1e-12):
            return f"the pseudo-time has reached {p.end_time:g}"
        if patience is not None and self._at_noise >= patience:
            return f"the mean output fits the data to their noise (chi2 {self.misfit:.2g})"
        return "the ensemble has collapsed to a point" if self._collapsed else None

    @property
    def recommended(self) -> Floats | None:
        """The mean ``(d,)`` of the ensemble; None before anything ended ok."""
        if self.ensemble is None or self.best_point is None:
            return None
        mean: Floats = self.ensemble.mean(axis=0)
        return mean

    @property
    def _collapsed(self) -> bool:
        e = self.ensemble
        if e is None:
            return False
        nothing = 1e-14 * np.abs(e[0])
        return all(bool((np.abs(some - e[0]) <= nothing).all()) for some in (e[:2], e))

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        return {
            **super().state(),
            **self.analysis.pack(),
            "ensemble": self.ensemble,
            "misfit": self.misfit,
            "residual": self.residual,
            "told": self._told,
            "at_noise": self._at_noise,
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.analysis.unpack(state)
        self.ensemble = state["ensemble"]
        self.misfit, self.residual = float(state["misfit"]), float(state["residual"])
        self._told, self._at_noise = int(state["told"]), int(state["at_noise"])


class EnsembleKalmanFilterOptimizer(ClassicOptimizer):
    """Classic constructor of :class:`EnsembleKalmanFilter`.

    Args:
        optimizee_prepare: Called once, before ``optimizee_create_individual``, which gets what it
            returns (a tuple as so many arguments); as upstream's EnKF does it.
    """

    algorithms = (EnsembleKalmanFilter,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "optimizee_create_individual" in kwargs and "optimizee_prepare" in kwargs:
            prepared = kwargs.pop("optimizee_prepare")()
            sizes = prepared if isinstance(prepared, tuple) else (prepared,)
            if prepared is not None:
                create = kwargs["optimizee_create_individual"]
                kwargs["optimizee_create_individual"] = functools.partial(create, *sizes)
        super().__init__(*args, **kwargs)
