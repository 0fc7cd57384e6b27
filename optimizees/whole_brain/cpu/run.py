"""Runs batches on a CPU: a thread takes a set, and simulates it from beginning to end.

Where a dense connectome does not fit in a cache, it takes a few sets that share it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.cpu.kernel import BLOCK, PANEL, RECENT, advance
from l2l.optimizees.whole_brain.cpu.links import SMALL, Links, aligned, links_of, padded
from l2l.optimizees.whole_brain.cpu.recipe import Recipe
from l2l.optimizees.whole_brain.observe.base import Observer
from l2l.optimizees.whole_brain.simulation import Outcome, Simulation, Watch, combined
from l2l.optimizees.whole_brain.words import region_words

SIDE = 4  #: sets that are simulated side by side, if they share large weights
Array = npt.NDArray[Any]
log = logging.getLogger("l2l")


def run(simulation: Simulation, batch: Batch, observers: Sequence[Observer]) -> Outcome:
    """Simulate a batch; see :meth:`Simulation.run`."""
    recipe = recipe_of(simulation, observers)
    _compile(recipe, simulation, batch)
    groups = groups_of(simulation, batch)

    def one(sets: list[int]) -> tuple[Array, Mapping[str, Array]]:
        return _simulate(recipe, simulation, batch, observers, sets)

    if simulation.threads == 1 or len(groups) == 1:
        found = [one(sets) for sets in groups]
    else:
        with ThreadPoolExecutor(simulation.threads) as pool:
            found = list(pool.map(one, groups))
    return _in_order(groups, found)


def recipe_of(simulation: Simulation, observers: Sequence[Observer]) -> Recipe:
    """Return what the kernel is compiled for."""
    return Recipe(simulation.scheme(observers), PANEL, simulation.generator)


def groups_of(simulation: Simulation, batch: Batch) -> list[list[int]]:
    """Return the sets that are simulated side by side, as lists of their numbers."""
    alike: dict[tuple[int, float], list[int]] = {}
    for k in range(batch.sets):
        alike.setdefault((int(batch.subject[k]), float(batch.speed[k])), []).append(k)
    groups = []
    large = batch.regions**2 > SMALL
    for sets in alike.values():
        shared = large and len(sets) > 1 and links_for(simulation, batch, sets[0]).panels.size
        each = min(SIDE, -(-len(sets) // simulation.threads)) if shared else 1
        groups += [sets[at : at + each] for at in range(0, len(sets), each)]
    return groups


def _in_order(
    groups: Sequence[list[int]], found: Sequence[tuple[Array, Mapping[str, Array]]]
) -> Outcome:
    """Return what came of all groups, as one outcome in the order of the batch."""
    order = np.argsort([k for sets in groups for k in sets])
    outcome = combined([bool(x) for ok, _ in found for x in ok], [part for _, part in found])
    return Outcome(outcome.ok[order], {name: x[order] for name, x in outcome.results.items()})


def _simulate(
    recipe: Recipe,
    simulation: Simulation,
    batch: Batch,
    observers: Sequence[Observer],
    sets: list[int],
) -> tuple[Array, Mapping[str, Array]]:
    """Simulate some sets; return which stayed finite, and the observers' results."""
    work = Workspace.of(recipe, simulation, batch, sets)
    outputs = recipe.scheme.outputs
    watch = Watch(simulation, observers, outputs, len(sets), batch.regions)
    step, ok = 0, np.ones(len(sets), bool)
    for samples in simulation.segments():
        out = np.zeros((len(sets), samples, len(outputs), batch.regions), simulation.dtype)
        if ok.any():
            work.advance(recipe, simulation, step, out)
            step += samples * simulation.every
            ok &= work.finite()
            out[~ok] = 0  # observers must see the whole length; combined() puts NaN in its place
        watch.take(out)
    return ok, watch.results()


@dataclass
class Workspace:
    """All arrays of some sets' simulation; see :func:`~.kernel.advance`."""

    table: Array
    sent: Array
    seeds: Array
    words: Array
    links: Links
    history: Array
    block: Array
    states: int
    regions: int

    @classmethod
    def of(cls, recipe: Recipe, simulation: Simulation, batch: Batch, sets: list[int]) -> Workspace:
        """Return the workspace at the start."""
        scheme, dtype, regions = recipe.scheme, simulation.dtype, batch.regions
        links = links_for(simulation, batch, sets[0])
        columns = padded(regions)
        rows = [batch.rows(k, scheme, simulation.dt) for k in sets]
        table = np.zeros((len(sets), len(rows[0]) + len(scheme.outputs), columns), dtype)
        recent = RECENT if links.horizon else 1
        sent = aligned((len(sets), recent, scheme.n_sent, columns), dtype)
        history = aligned((len(sets), scheme.n_sent, columns, links.horizon + BLOCK), dtype)
        for place, k in enumerate(sets):
            table[place, : len(rows[0]), :regions] = rows[place]
            past = batch.past(k, links.longest + 1)
            _remember(past, sent[place], history[place, :, :regions])
        if simulation.stimulus is not None:
            table[:, len(rows[0]) - 1, :regions] = simulation.stimulus.pattern
        table[..., regions:] = table[..., regions - 1 : regions]  # no division by 0, which is slow
        parts = table.reshape(*table.shape[:2], -1, PANEL).transpose(0, 2, 1, 3)
        panels = aligned(parts.shape, dtype)
        panels[:] = parts
        return cls(
            table=panels,
            sent=sent,
            seeds=batch.seeds[sets],
            words=_words(columns, recipe.generator),
            links=links,
            history=history,
            block=aligned((len(sets), scheme.n_sent, BLOCK, columns), dtype),
            states=scheme.n_states,
            regions=regions,
        )

    def advance(self, recipe: Recipe, simulation: Simulation, step: int, out: Array) -> None:
        """Simulate as many samples as ``out`` has room for."""
        advance(
            recipe,
            step,
            out,
            simulation.every,
            simulation.dtype(simulation.dt),
            self.table,
            self.sent,
            self.seeds,
            self.words,
            simulation.wave(step, out.shape[1] * simulation.every if simulation.stimulus else 1),
            self.links.far,
            self.links.near,
            self.links.panels,
            self.history,
            self.block,
        )

    def finite(self) -> Array:
        """Whether all states of all regions are finite, ``(sets,)``."""
        states = self.table[:, :, : self.states].transpose(0, 2, 1, 3)
        flat = states.reshape(*states.shape[:2], -1)[..., : self.regions]
        return np.asarray(np.isfinite(flat).all(axis=(1, 2)))


def _remember(past: Array, sent: Array, history: Array) -> None:
    """Fill a set's recent values and its history with what was sent until the start, its last step.

    Args:
        past: ``(longest delay + 1, quantities, regions)``.
        sent: ``(RECENT or 1, quantities, columns)``; step t is at t modulo its length.
        history: ``(quantities, regions, horizon + BLOCK)``; step t is at t modulo the horizon.
    """
    for back in range(min(len(sent), len(past))):
        sent[-back, :, : past.shape[2]] = past[-1 - back]
    horizon = history.shape[2] - BLOCK
    if horizon:
        history[..., horizon - len(past) + 1 : horizon] = past[:-1].transpose(1, 2, 0)
        history[..., horizon:] = history[..., :BLOCK]


def links_for(simulation: Simulation, batch: Batch, k: int) -> Links:
    """Return the links of set ``k``; those that were used last are kept, of large connectomes few.

    Those of 1,000 regions are 20 MB, and each speed has its own.
    """
    kept = _links_of_large if batch.regions**2 > SMALL else _links
    return kept(
        batch.connectome(k),
        float(batch.speed[k]),
        simulation.dt,
        simulation.wrap_delays_at,
        simulation.precision,
    )


@lru_cache(maxsize=64)
def _links(connectome: Any, speed: float, dt: float, wrap: int | None, precision: str) -> Links:
    delays = connectome.delays(speed, dt, wrap)
    return links_of(connectome.weights, delays, np.dtype(precision).type)


_links_of_large = lru_cache(maxsize=4)(_links.__wrapped__)


@lru_cache(maxsize=16)
def _words(columns: int, generator: str) -> Array:
    if generator == "hash":
        return np.asarray(region_words(columns).ravel())
    return np.tile(np.arange(columns, dtype=np.uint32), 2)


def _compile(recipe: Recipe, simulation: Simulation, batch: Batch) -> None:
    """Compile the kernel before threads begin; say how long that took."""
    key = recipe.key, simulation.precision
    if key in _compiled or not batch.sets:
        return
    began = time.perf_counter()
    work = Workspace.of(recipe, simulation, batch, [0])
    work.advance(
        recipe,
        simulation,
        0,
        np.zeros((1, 0, len(recipe.scheme.outputs), batch.regions), simulation.dtype),
    )
    _compiled.add(key)
    took = time.perf_counter() - began
    if took > 1:
        log.info(
            "compiled the kernel of %s (%s) in %.1f s; later runs load it from disk",
            simulation.model.name,
            simulation.precision,
            took,
        )


_compiled: set[tuple[str, str]] = set()
