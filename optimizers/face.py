"""FACE: the fully adaptive cross-entropy method, which chooses its sample size as it goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.common.restarts import KINDS
from l2l.optimizers.crossentropy import CrossEntropy
from l2l.optimizers.elites.fitting import FittingParameters, check_smoothing, default_size
from l2l.options import option
from l2l.space import Floats


class _FACEFields(OptimizerParameters):
    """The fields of upstream L2L, in its order."""

    min_pop_size: int | None = option(
        None, "individuals of a sample at first; if none, 15 + 2.5 d, at most 100", low=2
    )
    max_pop_size: int | None = option(
        None, "individuals of a sample at most; if none, 10 times min_pop_size", low=2
    )
    n_elite: int | None = option(
        None, "elites of a sample of any size; if none, 0.3 times min_pop_size", low=1
    )
    smoothing: float = option(
        0.0, "of the mean: new = smoothing * old + (1 - smoothing) * fit", low=0, high=1
    )
    temp_decay: float = option(
        0.0,
        "others than the elite are accepted by Metropolis' rule at a temperature that is "
        "multiplied with this a fit; 0: none are",
        low=0,
        high=1,
    )
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    distribution: Any = option(
        "gaussian", "name, {name: ..., options}, or an object such as NoisyGaussian()"
    )
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    n_expand: int | None = option(
        None, "individuals that a sample grows by; if none, half of min_pop_size", low=1
    )
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)


class FACEParameters(FittingParameters, _FACEFields):
    """Parameters of :class:`FACE`; the first ten are those of upstream L2L."""

    restarts: str = option(
        "none",
        "when it can do no better: none (the run ends), same (a start with samples of the same "
        "size), ipop and bipop (with larger ones)",
        choices=KINDS[1:],
    )

    def check(self) -> None:
        """Refuse sizes that contradict each other."""
        super().check()
        check_smoothing(self.smoothing, self.covariance_smoothing)
        low, high, n = self.min_pop_size, self.max_pop_size, self.n_elite
        if low is not None and high is not None and high < low:
            raise ConfigError(f"max_pop_size must be at least min_pop_size ({low}), got {high}")
        if low is not None and n is not None and n > low:
            raise ConfigError(f"n_elite must be at most min_pop_size ({low}), got {n}")


class FACE(CrossEntropy):
    """Cross-entropy with a sample that grows until its elite is better than the last one.

    De Boer, Kroese, Mannor & Rubinstein (2005), A tutorial on the cross-entropy method, Annals of
    Operations Research 134, the section on FACE. A sample of ``min_pop_size`` is drawn.
    If neither its best score nor that of its worst elite is better than those of the sample before,
    ``n_expand`` more are drawn from the same distribution, and so on up to
    ``max_pop_size``. If that does not help either, the search is given up as possibly diverged, or
    begins anew. The fit is that of :class:`CrossEntropy`. Each part of a sample is one generation
    of the run. Evaluations that failed do not count as a part of the sample.

    Attributes:
        threshold: Score of the worst elite of the last sample.
        best_before: Best score of the last sample.
    """

    Parameters = FACEParameters
    grows_in_parts = False  # a sample ends where its elite says

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._forget()

    def _forget(self) -> None:
        """Be as before the first sample of a start."""
        self.threshold = self.best_before = -np.inf
        self._parts: list[Floats] = []  # of the sample, (k, d) each
        self._scores: Floats = np.empty(0)
        self._diverged = False

    # -- sizes --------------------------------------------------------------------------------

    def _first_size(self) -> int:
        p = self.parameters
        if p.min_pop_size is not None:
            return int(p.min_pop_size)
        size = max(default_size(self.space.size), p.n_elite or 0)
        return min(size, p.max_pop_size or size)

    def _times(self, given: int | None, share: float) -> int:
        """Return an option, or a share of the sample at first; it grows with restarts."""
        first = self._restarts.first
        size = max(1, round(share * first)) if given is None else given
        return max(1, round(size * self._restarts.pop_size / first))

    def _size(self) -> int:
        if not len(self._scores):
            return self._restarts.pop_size
        most = self._times(self.parameters.max_pop_size, 10.0)
        return max(1, min(self._times(self.parameters.n_expand, 0.5), most - len(self._scores)))

    def _n_elite(self) -> int:
        return max(self.fitted.least, self._times(self.parameters.n_elite, 0.3))

    # -- samples ------------------------------------------------------------------------------

    def _take(self, points: Floats, scores: Floats, new: int) -> None:
        """Add to the sample, and learn from it if its elite is better than the last one."""
        good = np.isfinite(scores)
        if not good.all():
            points, scores = points[good], scores[good]
        scores = np.concatenate([self._scores, scores])
        n, k = self._n_elite(), len(scores)
        best = float(scores.max())
        worst = float(np.partition(scores, -n)[-n]) if k >= n else -np.inf
        if worst > self.threshold or (k >= n and best > self.best_before):
            sample = np.concatenate([*self._parts, points]) if self._parts else points
            self._forget()
            self.threshold, self.best_before = worst, best
            self._learn(sample, scores, len(scores))
            self._go_on()
            return
        self._parts.append(points.copy())
        self._scores = scores
        if k >= self._times(self.parameters.max_pop_size, 10.0):
            self._diverged = True
            self._go_on()

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._forget()

    def _why(self) -> str | None:
        if (why := super()._why()) is not None or not self._diverged:
            return why
        return (
            f"possibly diverged: a sample of {len(self._scores)} (max_pop_size) has no better "
            "elite than the one before; the result is unreliable if the fitness is noisy"
        )

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        return {
            **super().state(),
            "sample": np.concatenate([np.empty((0, self.space.size)), *self._parts]),
            "sample_scores": self._scores,
            "threshold": self.threshold,
            "best_before": self.best_before,
            "diverged": self._diverged,
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        self._parts, self._scores = [state["sample"]], state["sample_scores"]
        self.threshold = float(state["threshold"])
        self.best_before = float(state["best_before"])
        self._diverged = bool(state["diverged"])
        super().restore(state)


FACEOptimizer = classic_optimizer(FACE)
