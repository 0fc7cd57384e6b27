"""Blocks and run folders for tests of the store: made of numbers, different for each id."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l2l.evaluation import Failure, Status
from l2l.space import Parameter, ParameterSpace
from l2l.store.folder import Store
from l2l.store.reader import Records


def config(d: int = 3, weights: tuple[float, ...] = (1.0,)) -> dict:
    space = ParameterSpace([Parameter("w", -20.0, 20.0, shape=(d,), unit="pA")])
    return {"name": "made", "weights": list(weights), "space": space.describe()}


def block(ids, d: int = 3, m: int = 1, generation: int = 0, metrics: tuple[str, ...] = ()) -> dict:
    """Return results that depend on nothing but the ids."""
    ids = np.atleast_1d(np.asarray(ids, np.int64))
    rngs = [np.random.default_rng([7, int(i)]) for i in ids]
    n = len(ids)
    made = {
        "id": ids,
        "generation": np.full(n, generation, np.int32),
        "index": (ids % 1000).astype(np.int32),
        "parameters": np.array([rng.normal(size=d) for rng in rngs]).reshape(n, d),
        "fitness": np.array([rng.normal(size=m) for rng in rngs]).reshape(n, m),
        "status": np.zeros(n, np.uint8),
        "draw": np.zeros(n, np.uint16),
        "seed": (ids + 1).astype(np.uint32),
        "started": 1e9 + ids * 0.5,
        "duration": np.full(n, 0.25),
        "worker": (ids % 4).astype(np.int32),
    }
    for name in metrics:
        made[f"metrics/{name}"] = ids / 8.0
    return made


def failing(ids, **options) -> tuple[dict, list[Failure]]:
    """Return results that did not end ok, and their failures."""
    made = block(ids, **options)
    made["status"][:] = Status.FAILED
    made["fitness"][:] = np.nan
    failures = [
        Failure(int(i), 0, Status.FAILED, f"bad {i}", f"Traceback {i}\n", f"printed {i}\n")
        for i in made["id"]
    ]
    return made, failures


def state_of(generation: int, size: int = 8) -> dict:
    """Return a state that differs in each generation."""
    return {"x": np.random.default_rng(generation).normal(size=size), "generation": generation}


def filled(path: Path, generations: int = 4, size: int = 5, d: int = 3) -> Store:
    """Return the store of a new run, still open, with results, failures, repairs and states."""
    store = Store.create(path, config(d))
    store.note({"event": "started", "time": 1.0})
    store.snapshot(state_of(0), 0, 0, force=True)
    for generation in range(generations):
        ids = np.arange(generation * size, (generation + 1) * size)
        made = block(ids[:-1], d, generation=generation, metrics=("a",))
        made["repair_id"] = ids[:1].copy()
        made["repair_column"] = np.array([1], np.int32)
        made["repair_asked"] = np.array([generation + 0.5])
        store.append(made)
        store.append(*failing(ids[-1:], d=d, generation=generation))
        store.sync()
        told = (generation + 1) * size
        store.snapshot(state_of(generation + 1), generation + 1, told, force=True)
    return store


def abandon(store: Store) -> None:
    """Leave a store as a killed process does: not closed, and its process gone."""
    from l2l.store import takeover

    store._journal.close()
    takeover.held.discard(store._key)


def digest(path: Path) -> str:
    with Records(path) as records:
        return records.digest()


def equal(a: dict, b: dict) -> bool:
    """Whether two blocks are the same, bit for bit."""
    return a.keys() == b.keys() and all(
        a[name].dtype == b[name].dtype
        and a[name].shape == b[name].shape
        and a[name].tobytes() == b[name].tobytes()
        for name in a
    )
