"""A connectome: how strongly regions are linked, and how long the tracts between them are."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, nearest

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

#: Longest delay: of 100 regions it is 400 MB of history a set.
MOST_STEPS = 1_000_000

#: What weights can be divided by.
SCALINGS = ("none", "max", "columns", "rows", "mean")


@dataclass(frozen=True, eq=False)
class Connectome:
    """Weights and lengths of the tracts between ``n`` regions.

    Attributes:
        weights: Shape ``(n, n)``; ``weights[i, j]`` is from region j to region i, 0 for no tract.
        lengths: Lengths of the tracts in mm, shape ``(n, n)``, laid out as the weights are.
        labels: Names of the regions; ``r0``, ``r1``, ... if none are given.

    Raises:
        ConfigError: If the shapes don't fit, a number is not finite, or a length is negative.
    """

    weights: Floats
    lengths: Floats
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        weights, lengths = _matrix("weights", self.weights), _matrix("lengths", self.lengths)
        n = len(weights)
        if lengths.shape != weights.shape:
            raise ConfigError(
                f"lengths must have the shape of the weights, {weights.shape}; got {lengths.shape}"
            )
        if lengths.min() < 0:
            raise ConfigError(f"lengths must not be negative; the smallest is {lengths.min():g} mm")
        labels = tuple(map(str, self.labels)) or tuple(f"r{i}" for i in range(n))
        if len(labels) != n:
            raise ConfigError(f"expected {n} labels, one for each region; got {len(labels)}")
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "labels", labels)

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.weights)

    @property
    def strengths(self) -> Floats:
        """Sum of the weights of all tracts to a region, shape ``(n,)``."""
        return np.asarray(self.weights.sum(axis=1))

    def scaled(self, by: str) -> Connectome:
        """Return the connectome with its weights divided by one number, or by one a row or column.

        Args:
            by: ``"none"``; ``"max"``, the largest weight; ``"columns"``, the sum of what a region
                sends (TVB-AdEx studies do so); ``"rows"``, the sum of what it receives;
                ``"mean"``, the mean over regions of what they receive. Regions that send or
                receive nothing keep their zeros.
        """
        if by not in SCALINGS:
            raise ConfigError(f"weights can't be scaled by {by!r}; {nearest(by, SCALINGS)}")
        if by == "none":
            return self
        absolute = np.abs(self.weights)
        divisor: Any = {
            "max": lambda: absolute.max(),
            "columns": lambda: absolute.sum(axis=0),
            "rows": lambda: absolute.sum(axis=1)[:, None],
            "mean": lambda: absolute.sum(axis=1).mean(),
        }[by]()
        divisor = np.where(divisor > 0, divisor, 1.0)
        return dataclasses.replace(self, weights=self.weights / divisor)

    def delays(self, speed: float, dt: float, wrap: int | None = None) -> Integers:
        """Return the delay of each tract in steps, ``rint(length / (speed * dt))``.

        Args:
            speed: Of conduction, in mm/ms (= m/s); infinite for no delays.
            dt: Length of a step in ms.
            wrap: Take delays modulo so many steps; None for true delays.

        Returns:
            Shape ``(n, n)``; 0 where there is no tract.
        """
        if not speed > 0:
            raise ConfigError(f"the speed must be above 0 mm/ms (inf for no delays), got {speed}")
        if not (dt > 0 and math.isfinite(dt)):
            raise ConfigError(f"dt must be above 0 ms, got {dt}")
        steps = self.lengths / speed  # as tvb-library rounds: delay in ms first
        steps /= dt
        np.rint(steps, out=steps)
        steps[self.weights == 0] = 0
        if steps.max() > MOST_STEPS:
            raise ConfigError(
                f"at {speed:g} mm/ms the longest tract takes {steps.max() * dt:.3g} ms, which is "
                f"{steps.max():.3g} steps, more than the {MOST_STEPS:,} whose history is kept; "
                "take a higher speed or a longer dt, and check that lengths are in mm"
            )
        delays: Integers = steps.astype(np.int32)
        return delays if wrap is None else delays % wrap


def _matrix(what: str, values: Any) -> Floats:
    """Return a read-only square matrix of finite float64 numbers."""
    try:
        matrix = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} must be a square matrix of numbers: {error}") from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ConfigError(f"{what} must be a square matrix, got the shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise ConfigError(f"{what} must be finite numbers, got {matrix[i, j]} at [{i}, {j}]")
    matrix.flags.writeable = False
    return matrix
