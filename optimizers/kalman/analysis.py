"""One update of an ensemble: minibatches, passes, prior, localisation, inflation, resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizers.kalman import ensemble as members
from l2l.optimizers.kalman import update as kalman
from l2l.optimizers.kalman.parameters import EnsembleKalmanFilterParameters, Settings
from l2l.space import Floats


class Analysis:
    """The update of the ensemble Kalman filter, with what it remembers between generations.

    Args:
        parameters: Of the filter.
        settings: What is in force of them.

    Attributes:
        time: Pseudo-time, the sum of the steps.
    """

    def __init__(self, parameters: EnsembleKalmanFilterParameters, settings: Settings) -> None:
        self.parameters, self.settings = parameters, settings
        self.time = 0.0
        self._dealt: NDArray[np.int64] | None = None  # observations in the order of minibatches
        self._turn = 0  # which of the minibatches is used, where it is one
        self._prior: tuple[Floats, Floats] | None = None

    def begin(self, ensemble: Floats) -> None:
        """Remember mean and variance of the first ensemble ``(n, d)``, if they are a prior."""
        if self.parameters.tikhonov:
            spread = ensemble.std(axis=0, ddof=1)
            self._prior = ensemble.mean(axis=0), np.where(spread > 0, spread, 1.0) ** 2

    def chi2(self, residual: Floats) -> float:
        """Return the mean square of a residual ``(k,)`` in units of the noise."""
        return float((np.square(residual) / self.settings.variance).mean())

    def step(self, residuals: Floats) -> float:
        """Return the step dt for residuals ``(n, k)``; 0 where their mean is within the noise."""
        s, end = self.settings, self.parameters.end_time
        if self.chi2(residuals.mean(axis=0)) <= s.discrepancy:
            return 0.0
        left = np.inf if end is None else (end - self.time) / s.passes
        if s.step == "fixed":
            return float(min(self.parameters.dt, left))
        phi = np.square(residuals / np.sqrt(s.variance)).sum(axis=1) / 2
        return kalman.dmc_step(phi, residuals.shape[1], min(1.0, left))

    def moved(
        self, points: Floats, residuals: Floats, generation: int, rng: np.random.Generator
    ) -> Floats:
        """Return the members ``(n, d)`` after the update and what follows it.

        Args:
            points: ``(n, d)``.
            residuals: ``(n, k)`` outputs less data.
            generation: Its number, for minibatches that last several.
            rng: Draws.
        """
        p, s = self.parameters, self.settings
        dt = self.step(residuals)
        if p.localisation != "none":
            moved = self._localised(points, residuals, dt, rng)
            return members.relaxed(points, moved, p.rtps) if p.rtps else moved
        t, inflation = np.eye(len(points)), 1.0
        if dt > 0:
            parts = self._minibatches(residuals, generation, rng)
            t, inflation = self._transform(points, residuals, dt, parts, rng), p.inflation
        if s.resample == "none":
            return self._spread(points, t, inflation)
        mean = t.mean(axis=0) @ points
        gone = min(1.0, kalman.explained(t) / points.shape[1])
        factor = np.sqrt(1 - gone) * inflation * self._contraction(residuals)
        resampled = members.flipped if s.resample == "flip" else members.redrawn
        return resampled(points, mean, float(factor), rng)

    def _transform(
        self,
        points: Floats,
        residuals: Floats,
        dt: float,
        parts: list[NDArray[np.int64]],
        rng: np.random.Generator,
    ) -> Floats:
        """Return the transform ``(n, n)`` of all minibatches; each sees what the former did."""
        p, t = self.parameters, np.eye(len(points))
        variance = np.broadcast_to(self.settings.variance, residuals.shape[1:])
        raw = self._prior_gram(points) if p.tikhonov else None
        for number in range(self.settings.passes):
            if number and self.chi2(t.mean(axis=0) @ residuals) <= self.settings.discrepancy:
                break
            for part in parts:
                b = kalman.gram(t @ residuals[:, part], variance[part])
                if raw is not None:  # Chada, Stuart & Tong (2020): parameters as further data
                    b += p.tikhonov / len(parts) * (t @ raw @ t.T)
                t = kalman.transform(dt * b, self.settings.update, rng) @ t
            self.time += dt
        return t

    def _localised(
        self, points: Floats, residuals: Floats, dt: float, rng: np.random.Generator
    ) -> Floats:
        if dt <= 0:
            return points
        self.time += dt
        variance = np.broadcast_to(self.settings.variance / dt, residuals.shape[1:])
        noise = None
        if self.settings.update == "perturbed":
            noise = np.sqrt(variance) * rng.standard_normal(residuals.shape)
        taper = kalman.TAPERS[self.parameters.localisation](len(points))
        return kalman.localised(points, residuals, variance, noise, taper)

    def _minibatches(
        self, residuals: Floats, generation: int, rng: np.random.Generator
    ) -> list[NDArray[np.int64]]:
        """Return the observations that each part of the update uses."""
        p, k = self.parameters, residuals.shape[1]
        n = min(p.n_batches, k)
        if self._dealt is None or len(self._dealt) != k or generation % p.n_repeat_batch == 0:
            self._dealt = rng.permutation(k) if p.shuffle else np.arange(k)
            self._turn = int(rng.integers(n)) if p.online else 0
        parts = np.array_split(self._dealt, n)
        return [parts[self._turn]] if p.online else parts

    def _prior_gram(self, points: Floats) -> Floats:
        """Return the Gram matrix ``(n, n)`` of the prior's residuals (Tikhonov)."""
        assert self._prior is not None
        mean, variance = self._prior
        return kalman.gram(points - mean, variance)

    def _spread(self, points: Floats, t: Floats, inflation: float) -> Floats:
        """Return the members after a transform ``(n, n)`` that is inflated, then relaxed."""
        p = self.parameters
        mean = t.mean(axis=0)
        moved = (mean + inflation * (t - mean)) @ points
        return members.relaxed(points, moved, p.rtps) if p.rtps else moved

    def _contraction(self, residuals: Floats) -> float:
        """Return the factor of the deviations of a resampled ensemble.

        They may not be wider than the misfit of the mean calls for, nor than the noise: else the
        mean of the outputs tells too little of the output of the mean.
        """
        spread = float((residuals.var(axis=0, ddof=1) / self.settings.variance).mean())
        wide = spread > max(self.chi2(residuals.mean(axis=0)), 1.0)
        return float(self.parameters.contraction) if wide else 1.0

    def pack(self) -> dict[str, Any]:
        """Return everything that changes, under names; later updates do not change the arrays."""
        mean, variance = (None, None) if self._prior is None else self._prior
        return {
            "time": self.time,
            "dealt": self._dealt,
            "turn": self._turn,
            "prior_mean": mean,
            "prior_variance": variance,
        }

    def unpack(self, packed: dict[str, Any]) -> None:
        """Go back to what :meth:`pack` packed (among other entries, if need be)."""
        self.time = float(packed["time"])
        self._dealt, self._turn = packed["dealt"], int(packed["turn"])
        mean, variance = packed["prior_mean"], packed["prior_variance"]
        self._prior = None if mean is None else (mean, variance)
