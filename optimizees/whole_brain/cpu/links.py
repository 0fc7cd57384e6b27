"""How a connectome becomes the links that the kernel sums over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain.cpu.kernel import BLOCK, PANEL
from l2l.optimizees.whole_brain.cpu.memory import LINE

Array = npt.NDArray[Any]
SMALL = 250_000  #: numbers that the second-level cache of most servers' cores holds, about 1 MB


@dataclass(frozen=True)
class Links:
    """The coupling of one connectome at one speed.

    Attributes:
        far: ``(starts, sources, delays, weights)`` of links with a delay of at least a block.
        near: ``(targets, starts, sources, delays, weights)`` of all others; only targets that have
            any.
        panels: Dense weights in panels of 16 targets; empty where the links are used.
        longest: The longest delay in steps.
        horizon: Length of the history in steps, a multiple of a block; 0 where panels are used.
    """

    far: tuple[Array, Array, Array, Array]
    near: tuple[Array, Array, Array, Array, Array]
    panels: Array
    longest: int
    horizon: int


def links_of(weights: Array, delays: Array, dtype: Any) -> Links:
    """Return the links of ``weights[target, source]`` with ``delays`` in steps, ``(n, n)`` each."""
    regions = len(weights)
    columns = padded(regions)
    linked = weights != 0
    longest = int(delays[linked].max(initial=0))
    if longest == 0 and _fills(linked):
        linked[:] = False
        panels = _panels(weights, columns, dtype)
    else:
        panels = np.zeros((0, 0, PANEL), dtype)
    far = linked & (delays >= BLOCK)
    near = linked & ~far
    targets = np.flatnonzero(near.any(axis=1))
    return Links(
        far=_ordered(far, weights, delays, regions, dtype),
        near=(
            targets,
            *_ordered(near[targets], weights[targets], delays[targets], len(targets), dtype),
        ),
        panels=panels,
        longest=longest,
        horizon=0 if panels.size else (longest // BLOCK + 1) * BLOCK,
    )


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return zeros that begin where a line of the cache does.

    Otherwise each register that is loaded or stored lies on two lines.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return np.asarray(room[start : start + size].view(dtype).reshape(shape))


def padded(regions: int) -> int:
    """Return the number of columns for so many regions: whole registers."""
    return -(-regions // PANEL) * PANEL


def _fills(linked: Array) -> bool:
    """Whether to multiply all weights is faster than to take those that are not zero.

    A product takes 16 at once and is bound by what it reads: 4 bytes a weight, against about 20 for
    a link.
    """
    return bool(linked.mean() > (0.03 if linked.size < SMALL else 0.2))


def _ordered(
    chosen: Array, weights: Array, delays: Array, rows: int, dtype: Any
) -> tuple[Array, Array, Array, Array]:
    """Return links ordered by target, and where in them those of each of ``rows`` targets start."""
    targets, sources = np.nonzero(chosen)
    starts = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(targets, minlength=rows), out=starts[1:])
    return (
        starts,
        sources.astype(np.int64),
        delays[chosen].astype(np.int64),
        weights[chosen].astype(dtype),
    )


def _panels(weights: Array, columns: int, dtype: Any) -> Array:
    panels = aligned((columns // PANEL, len(weights), PANEL), dtype)
    for k, panel in enumerate(panels):
        rows = weights[k * PANEL : (k + 1) * PANEL]
        panel[:, : len(rows)] = rows.T
    return panels
