"""What ``history.py`` measures, each in a process of its own, which ends with a line of JSON.

``python history_parts.py NAME ARGUMENT...``; see the functions for what they do.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import l2l
from l2l.plan import Plan, Stop
from l2l.space import ParameterSpace
from l2l.store.folder import Store

DIMENSIONS = 10
POPULATION = 256
ENSEMBLE = (98, 28_800)


def written() -> int:
    """Return the bytes that this process passed to write() and its kin so far."""
    with open("/proc/self/io") as file:
        return int(dict(line.split(":") for line in file)["wchar"])


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    with open("/proc/self/status") as file:
        return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])


class Spheres(l2l.Optimizee):
    """A trivial optimizee that takes many individuals in one call."""

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        super().__init__(traj, parameters)
        self.space = ParameterSpace({f"x{i}": (-5.0, 5.0) for i in range(DIMENSIONS)})

    def simulate_batch(self, params: dict[str, Any], seeds: Any) -> l2l.BatchResult:
        return l2l.BatchResult(sum(column**2 for column in params.values()))


def loop(folder: Path, n: int) -> dict[str, float]:
    """Run the real outer loop for ``n`` evaluations: inline, batched, random search."""
    population = 10_000
    before, began = written(), time.perf_counter()
    l2l.optimize(
        Spheres(),
        {"name": "random_search", "pop_size": population},
        generations=n // population,
        weights=(-1.0,),
        run=folder / "run",
        executor="inline",
        progress=False,
    )
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "memory": peak_memory(), "written": written() - before}


def config() -> dict[str, Any]:
    """Return the configuration of a run of the genetic algorithm on the spheres."""
    optimizer = {"name": "genetic_algorithm", "pop_size": POPULATION}
    plan = Plan.of(Spheres(), optimizer, "inline", Stop(generations=10**6), weights=(-1.0,))
    return {"name": "run", "run": "run", **plan.config()}


def block_of(ids: Any, generation: int, parameters: Any) -> dict[str, Any]:
    """Return results as a block for the store."""
    n = len(ids)
    return {
        "id": ids,
        "generation": np.full(n, generation, np.int32),
        "index": np.arange(n, dtype=np.int32),
        "parameters": parameters,
        "fitness": (parameters[:, :DIMENSIONS] ** 2).sum(axis=1, keepdims=True),
        "status": np.zeros(n, np.uint8),
        "draw": np.zeros(n, np.uint16),
        "seed": ids.astype(np.uint32) + np.uint32(1),
        "started": np.full(n, time.time()),
        "duration": np.full(n, 1e-6),
        "worker": np.zeros(n, np.int32),
    }


def fill(folder: Path, n: int) -> dict[str, float]:
    """Drive the store alone through ``n`` evaluations in generations of 256, and cut it off.

    Each generation is synced, offers a state of the size that the genetic algorithm has, and may
    seal; as in the outer loop. In the end the process goes away as if it were killed.
    """
    rng = np.random.default_rng(1)
    generations = n // POPULATION
    before, states, began = written(), 0, time.perf_counter()
    store = Store.create(folder / "run", config())
    state = {"rng": np.zeros(6, np.uint64), "scores": np.zeros(POPULATION)}
    for generation in range(generations):
        parameters = rng.uniform(-5.0, 5.0, (POPULATION, DIMENSIONS))
        ids = np.arange(generation * POPULATION, (generation + 1) * POPULATION)
        store.append(block_of(ids, generation, parameters))
        store.sync()
        at = written()
        store.snapshot(state | {"population": parameters}, generation + 1, int(ids[-1]) + 1)
        states += written() - at
        store.maybe_seal()
    return {
        "seconds": time.perf_counter() - began,
        "written": written() - before - states,
        "states": states,
        "memory": peak_memory(),
        "n": generations * POPULATION,
    }


def resume(folder: Path, seal: int) -> dict[str, float]:
    """Open a run as a resume does, and close it again, sealed or not."""
    began = time.perf_counter()
    store = Store.open(folder / "run")
    snapshot = store.last_snapshot()
    assert snapshot is not None
    replayed = len(store.since(snapshot.told)["id"])
    opened = time.perf_counter()
    store.close(seal=bool(seal))
    closed = time.perf_counter()
    return {
        "opened": opened - began,
        "closed": closed - opened,
        "replayed": replayed,
        "memory": peak_memory(),
    }


def ensemble(folder: Path, generations: int) -> dict[str, float]:
    """Journal an ensemble of 98 x 28,800, in turn with ``numpy.save`` of the same bytes."""
    rng = np.random.default_rng(1)
    parameters = rng.normal(size=ENSEMBLE)
    whole = {**config(), "space": {"parameters": [{"name": "w", "shape": [ENSEMBLE[1]]}]}}
    store = Store.create(folder / "run", whole)
    journaled, saved, sealed = [], [], 0.0
    for generation in range(generations):
        parameters[:, :DIMENSIONS] = rng.normal(size=(ENSEMBLE[0], DIMENSIONS))
        ids = np.arange(generation * ENSEMBLE[0], (generation + 1) * ENSEMBLE[0])
        times = [time.perf_counter()]
        store.append(block_of(ids, generation, parameters))
        store.sync()
        times.append(time.perf_counter())
        with open(folder / "saved.npy", "wb") as file:
            np.save(file, parameters)
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter())
        os.unlink(folder / "saved.npy")
        store.maybe_seal()
        sealed += time.perf_counter() - times[-1]
        journaled.append(times[1] - times[0])
        saved.append(times[2] - times[1])
    store.close()
    return {
        "journaled": float(np.median(journaled)),
        "saved": float(np.median(saved)),
        "sealed": sealed,
        "journaled_mean": float(np.mean(journaled)),
        "saved_mean": float(np.mean(saved)),
        "memory": peak_memory(),
    }


def main() -> None:
    name, folder, number = sys.argv[1:]
    part = {"loop": loop, "fill": fill, "resume": resume, "ensemble": ensemble}[name]
    print(json.dumps(part(Path(folder), int(number))), flush=True)
    if name == "fill":
        os._exit(0)  # nothing is closed, as after a SIGKILL


if __name__ == "__main__":
    main()
