"""Batches: one start of a program takes many parameter sets and gives a fitness for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.errors import ConfigError, SimulationFailed
from l2l.optimizee import BatchResult
from l2l.optimizees.command.program import Program
from l2l.optimizees.command.readers import Outputs, Reader


def check_readers(readers: Mapping[str, tuple[Reader, ...]]) -> None:
    """Raise ConfigError at a reader that takes one number where each parameter set has its own."""
    for where, some in readers.items():
        for reader in some:
            if reader.form == "text" or (reader.form == "csv" and reader.row != "all"):
                raise ConfigError(
                    f"{where}: with `batch` each parameter set has a number of its own, as in "
                    "{csv: fitness.txt, row: all} (a line a set) or {json: out.json, key: fitness} "
                    "(a list)"
                )


def read_batch(program: Program, outputs: Outputs, sets: int) -> BatchResult:
    """Return what a program has left for each of its parameter sets, in their order.

    Where there are too few numbers, or too many, the framework says so of each set.
    """
    by_set = {
        where: _by_set(program, where, readers, outputs, sets)
        for where, readers in {
            "fitness": program.fitness,
            "observation": program.observation,
            **{f"metrics, {name}": readers for name, readers in program.metrics.items()},
        }.items()
    }
    metrics = {}
    for name in program.metrics:
        found = by_set[f"metrics, {name}"]
        if found.size != sets:
            raise SimulationFailed(
                f"metrics, {name}: expected {sets} numbers, one a parameter set; got {found.size}"
            )
        metrics[name] = found.ravel()
    observation = by_set["observation"] if program.observation else None
    return BatchResult(by_set["fitness"], observation=observation, metrics=metrics)


def _by_set(
    program: Program, where: str, readers: tuple[Reader, ...], outputs: Outputs, sets: int
) -> np.ndarray[Any, Any]:
    """Return numbers as ``(sets, k)``; flat, where they do not come to that."""
    parts = [program.read_all(where, (reader,), outputs) for reader in readers]
    if all(len(part) == sets for part in parts):
        return np.stack(parts, axis=1) if parts else np.empty((sets, 0))
    flat = np.array([number for part in parts for number in part])
    return flat.reshape(sets, -1) if len(parts) == 1 and len(flat) % sets == 0 else flat
