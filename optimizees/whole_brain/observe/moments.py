"""Running moments of series of any length, merged block by block."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator

import numpy as np

from l2l.optimizees.whole_brain.model import Floats

#: Samples whose moments are computed at once. Merging costs n^2 operations a block, the products in
#: a block n^2 a sample, so that merging is lost in it; yet a block of 80 regions fits in a cache.
BLOCK = 512
#: Regions from which on Numba's version is used.
REGISTER = 16


class Blocks:
    """Cuts a series into blocks of one length, however it arrives.

    Blocks, and so all sums over them, are the same for any length of segments.

    Args:
        sets: Number of sets.
        regions: Number of regions.
        length: Samples in a block.
    """

    def __init__(self, sets: int, regions: int, length: int = BLOCK) -> None:
        self.length = length
        self._waiting: Floats = np.zeros((sets, 0, regions), np.float32)
        self._count = 0

    def take(self, series: Floats) -> Iterator[Floats]:
        """Yield the blocks ``(sets, length, regions)`` that these samples complete.

        A block is to be used before the next one is asked for.
        """
        first, samples = 0, series.shape[1]
        while first < samples:
            last = min(samples, first + self.length - self._count)
            if last - first == self.length:
                yield series[:, first:last]
            else:
                self._keep(series[:, first:last])
                if self._count == self.length:
                    self._count = 0
                    yield self._waiting
            first = last

    def rest(self) -> Floats:
        """Return the samples that do not fill a block, ``(sets, fewer, regions)``."""
        return self._waiting[:, : self._count]

    def _keep(self, series: Floats) -> None:
        if not self._waiting.shape[1]:
            sets, _, regions = series.shape
            self._waiting = np.empty((sets, self.length, regions), series.dtype)
        self._waiting[:, self._count : self._count + series.shape[1]] = series
        self._count += series.shape[1]


class Moments:
    """Number, means and sums of squared or mutual deviations of samples, merged block by block.

    The merging is that of Chan, Golub, LeVeque 1979, in double precision. Within a block,
    deviations are from its own mean, so that large means and slow drifts cost no digits; their
    products are summed in the precision of the series, over this block only.

    Args:
        sets: Number of sets.
        regions: Number of regions.
        mutual: Whether the products of all pairs of regions are summed, or the squares only.
    """

    def __init__(self, sets: int, regions: int, mutual: bool) -> None:
        self.count = 0
        self.mean: Floats = np.zeros((sets, regions))
        self.sums: Floats = np.zeros((sets, regions, regions) if mutual else (sets, regions))
        self._mutual = mutual

    def merge(self, block: Floats) -> None:
        """Add samples ``(sets, samples, regions)``."""
        samples = block.shape[1]
        if not samples:
            return
        mean, sums, error = in_block(block, self._mutual)
        apart = mean - self.mean
        total = self.count + samples
        weight = self.count * samples / total
        self.sums += sums
        if self._mutual:
            # the means' distance from those so far, less what the block's sums were taken from
            right = np.stack((np.sqrt(weight) * apart, np.sqrt(samples) * error), axis=1)
            self.sums += np.matmul(right.transpose(0, 2, 1) * (1.0, -1.0), right)
        else:
            self.sums += weight * apart**2
        self.mean += apart * (samples / total)
        self.count = total

    def copy(self) -> Moments:
        """Return another one with the same samples."""
        sets, regions = self.mean.shape
        other = Moments(sets, regions, self._mutual)
        other.count, other.mean, other.sums = self.count, self.mean.copy(), self.sums.copy()
        return other


def in_block(block: Floats, mutual: bool) -> tuple[Floats, Floats, Floats]:
    """Return the means of samples, and sums of their deviations.

    Args:
        block: ``(sets, samples, regions)``.
        mutual: Whether deviations are multiplied with those of other regions, or squared.

    Returns:
        Means ``(sets, regions)``, float64. Sums: if mutual ``(sets, regions, regions)``, of
        deviations from means that were rounded; else ``(sets, regions)``, of those from the means.
        Last, what the rounded means lack, ``(sets, regions)``; zeros if not mutual.
    """
    if block.dtype == np.float32 and block.shape[2] >= REGISTER and _numba():
        from l2l.optimizees.whole_brain.observe import compiled

        return compiled.in_block(block, mutual)
    # less the first sample, so that equal numbers have no deviations at all
    rough = block[:, 0] + (block - block[:, :1]).mean(axis=1)
    away = block - rough[:, None]
    error = away.mean(axis=1).astype(np.float64)
    if mutual:
        return rough + error, np.matmul(away.transpose(0, 2, 1), away), error
    squares = np.einsum("str,str->sr", away, away) - block.shape[1] * error**2
    return rough + error, squares, np.zeros_like(error)


@functools.cache
def _numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def correlations(sums: Floats) -> Floats:
    """Return correlations ``(..., n, n)`` from sums of mutual deviations; 1 on the diagonal.

    A region that does not vary has no correlation: NaN, as in NumPy.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1.0 / np.sqrt(np.diagonal(sums, axis1=-2, axis2=-1))
        fc: Floats = np.clip(sums * scale[..., :, None] * scale[..., None, :], -1.0, 1.0)
    places = np.arange(sums.shape[-1])
    fc[..., places, places] = np.where(np.isfinite(scale), 1.0, np.nan)
    return fc
