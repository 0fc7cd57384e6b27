"""The links of many connectomes and speeds, in flat arrays that all blocks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.cpu.kernel import BLOCK, PANEL
from l2l.optimizees.whole_brain.cpu.links import Links

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Dense:
    """Weights without delays.

    Attributes:
        weights: ``weights[(group * n + source) * n + target]``.
    """

    weights: Array

    @classmethod
    def of(cls, links: Sequence[Links], regions: int) -> Dense:
        """Return the weights of several groups."""
        panels = [one.panels.reshape(-1, regions, PANEL).transpose(1, 0, 2) for one in links]
        return cls(np.concatenate([p.reshape(regions, -1)[:, :regions].ravel() for p in panels]))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What the kernel takes."""
        return (self.weights,)


@dataclass(frozen=True)
class Delayed:
    """Links with delays; those of target i of a group are ``starts[group * (n + 1) + i]`` and on.

    Attributes:
        far: ``(starts, rows, delays, weights)`` of links with a delay of at least a block;
            ``rows`` is where the history of the source begins in that of the set.
        near: ``(starts, sources, delays, weights)`` of the others.
        horizons: Length of the history of each group, in steps.
        longest: Longest delay of each group, in steps.
    """

    far: tuple[Array, Array, Array, Array]
    near: tuple[Array, Array, Array, Array]
    horizons: Array
    longest: Array

    @classmethod
    def of(cls, links: Sequence[Links], regions: int) -> Delayed:
        """Return the links of several groups."""
        longest = np.array([one.longest for one in links], np.int64)
        # sectors of memory are 8 numbers; the window needs a block
        horizons = np.maximum(BLOCK, -(-(longest + 1) // 8) * 8)
        far = [
            (starts, sources * horizon, delays, weights)
            for (starts, sources, delays, weights), horizon in zip(
                (one.far for one in links), horizons, strict=True
            )
        ]
        near = []
        for targets, starts, *rest in (one.near for one in links):
            counts = np.zeros(regions, np.int64)
            counts[targets] = np.diff(starts)[: len(targets)]
            near.append((np.concatenate([[0], np.cumsum(counts)]), *rest))
        return cls(_joined(far), _joined(near), horizons, longest)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What the kernel takes, the histories apart."""
        return (*self.far, *self.near, self.horizons)


def _joined(groups: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
    """Put the links of all groups one after the other; indices in 32 bits."""
    starts, before = [], 0
    for group in groups:
        starts.append(group[0] + before)
        before += len(group[1])
    rest = [np.concatenate([group[k] for group in groups]) for k in (1, 2, 3)]
    if not before:  # a GPU has no empty arrays
        rest = [np.zeros(1, column.dtype) for column in rest]
    first, second, weights = rest
    return _whole(np.concatenate(starts)), _whole(first), _whole(second), weights


def _whole(column: Array) -> Array:
    if len(column) and column.max() > np.iinfo(np.int32).max:
        raise ConfigError(
            "the links of one call are too many for a GPU: take a higher speed, a longer dt, or "
            "fewer speeds and subjects in a batch"
        )
    return column.astype(np.int32)
