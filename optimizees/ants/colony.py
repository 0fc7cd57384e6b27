"""An episode: colonies forage, each in its world, steered by a brain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from l2l.optimizees.ants.brain import Brain, NumbaBrain, NumpyBrain
from l2l.optimizees.ants.field import CompiledField, Field
from l2l.optimizees.ants.layout import Floats, Ints
from l2l.optimizees.ants.worlds import World
from l2l.optimizees.spiking import default_backend

TICK = 5  #: ms of the network in a tick of the world


@dataclass(frozen=True)
class Harvest:
    """What n colonies brought about.

    Attributes:
        returns: ``(n,)`` rewards less costs (equation 6 of the paper).
        counts: ``(n, 6)`` how often each of :data:`rules.COUNTED` happened.
    """

    returns: Floats
    counts: Ints


def forage(
    brain: Brain,
    worlds: Sequence[World],
    *,
    compiled: bool | None = None,
    watch: Callable[[Field], None] | None = None,
) -> Harvest:
    """Let colonies forage, lane k in ``worlds[k]``.

    Args:
        brain: Steers as many colonies as there are worlds.
        worlds: Of equal size, number of ants and ticks.
        compiled: Whether the worlds use Numba; if None, they do where it is installed.
        watch: Called with the field after each tick.
    """
    fast = default_backend() == "numba" if compiled is None else compiled
    field = (CompiledField if fast else Field)(worlds)
    if isinstance(field, CompiledField) and isinstance(brain, NumbaBrain) and watch is None:
        field.run(brain)
        return Harvest(field.returns, field.counts)
    with brain:
        for _ in range(len(worlds[0].wobble)):
            field.act(brain.step(field.sense()))
            if watch is not None:
                watch(field)
    return Harvest(field.returns, field.counts)


def brain_for(backend: str, weights: Floats, delays: Ints, ants: int) -> Brain:
    """Return networks ``(n, 250)``, a copy for each ant, in ``numba``, ``numpy`` or ``nest``."""
    if backend == "nest":
        from l2l.optimizees.ants.nest_brain import NestBrain

        return NestBrain(weights, delays, ants, TICK)
    kind = NumbaBrain if backend == "numba" else NumpyBrain
    return kind(
        np.asarray(weights, dtype=np.float64), np.asarray(delays, dtype=np.int64), ants, TICK
    )
