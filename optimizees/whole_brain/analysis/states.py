"""UP and DOWN states: how long rates stay high and low.

Each region's rate is smoothed by a Gaussian (standard deviation 10 ms, cut off at 4 of them, the
signal going on at both ends as it ends there). It is UP where that exceeds 0.3 times its maximum
plus 0.2 Hz, else DOWN. A stay of less than 20 ms belongs to the state before it, or, with none
before it, to the one after it. The first and the last state, whose ends nobody saw, count as long
as they were seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain.model import Floats

if TYPE_CHECKING:
    from l2l.optimizees.whole_brain.analysis.signals import Signals

CUT_OFF = 4.0  #: standard deviations


def durations(signals: Signals) -> Floats:
    """Return the mean durations of DOWN and UP states ``(2,)`` in s.

    The mean over a region's states, and of that the mean over all regions. A region that is never
    in a state counts as 0 s, so that a silent brain has (T, 0) and a constantly active one (0, T).
    """
    from l2l.optimizees.whole_brain.analysis import kernels

    context = signals.context
    taps, half = _gaussian(context.up_smoothing / context.period, kernels.GROUP)
    out = np.empty((signals.regions, 2))
    shortest = math.ceil(context.up_shortest / context.period - 1e-6)
    kernels.states(signals.raw, taps, half, context.up_ratio, context.up_floor, shortest, out)
    return np.asarray(out.mean(axis=0) * (context.period / 1000.0))


def _gaussian(sigma: float, group: int) -> tuple[npt.NDArray[np.float32], int]:
    """Return the taps of a Gaussian, zeros added up to a whole group, and half its width."""
    half = int(CUT_OFF * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    taps = np.zeros(-(-len(weights) // group) * group, dtype=np.float32)
    taps[: len(weights)] = weights / weights.sum()
    return taps, half
