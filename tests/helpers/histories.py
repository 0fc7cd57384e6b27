"""Histories made of numbers, without running anything: as long, and as odd, as a test needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l2l.evaluation import Failure, Status
from l2l.space import ParameterSpace
from l2l.store.folder import Store

SPACE = ParameterSpace({"tau": (0.0, 1.0), "n": (1, 9)})


def config(weights: tuple[float, ...] = (1.0,)) -> dict:
    return {
        "name": "made",
        "weights": list(weights),
        "optimizee": {"name": "some.where:Model"},
        "optimizer": {"name": "random_search"},
        "executor": {"name": "local", "workers": 2},
        "stop": {"generations": 10, "evaluations": None, "target": None, "time": None},
        "space": SPACE.describe(),
        "source": {"by_value": False},
    }


def write(
    path: Path,
    generations: int,
    size: int = 10,
    *,
    weights: tuple[float, ...] = (1.0,),
    all_failed: tuple[int, ...] = (),
    failed: float = 0.0,
    seed: int = 1,
    stopped: bool = True,
) -> Path:
    """Write a run whose fitness rises from 0 to 1, and of which some evaluations failed."""
    rng = np.random.default_rng(seed)
    store = Store.create(path, config(weights))
    store.note({"event": "started", "time": 1.0})
    for generation in range(generations):
        rise = 1 - np.exp(-4 * generation / max(generations, 2))
        fitness = rise + rng.normal(0, 0.2, (size, len(weights)))
        bad = rng.random(size) < (1.0 if generation in all_failed else failed)
        fitness[bad] = np.nan
        ids = np.arange(generation * size, (generation + 1) * size)
        store.append(
            {
                "id": ids,
                "generation": np.full(size, generation, np.int32),
                "index": np.arange(size, dtype=np.int32),
                "parameters": np.column_stack([rng.random(size), rng.integers(1, 10, size)]),
                "fitness": fitness,
                "status": np.where(bad, Status.TIMEOUT, Status.OK).astype(np.uint8),
                "draw": np.zeros(size, np.uint16),
                "seed": ids.astype(np.uint32) + 1,
                "started": 1e9 + ids / 10.0,
                "duration": np.full(size, 0.1),
                "worker": np.zeros(size, np.int32),
            },
            [Failure(int(i), 0, Status.TIMEOUT, "still running after 5 s") for i in ids[bad]],
        )
    if stopped:
        store.note({"event": "stopped", "time": 2.0, "how": "finished", "reason": "as asked"})
    store.close()
    return path
