"""What a solver costs beside the objective: CPU time of ask and tell, and memory."""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

#: Generations that do not count: they compile, build tables and fill caches.
WARM_UP = 2


def cost(make: Callable[[Any], Any], start: Any, task: dict[str, Any]) -> dict[str, float]:
    """Return the CPU time of a generation's ask and tell, and the memory that was added.

    Args:
        make: Returns a solver, as ``solving.py`` describes it.
        start: How it begins.
        task: ``population``; ``generations`` and ``seconds`` that it runs at most.
    """
    gc.collect()
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is counted from here
    before = resident("VmRSS")
    solver = make(start)
    times: list[float] = []
    n, began = 0, time.process_time()
    while len(times) < WARM_UP + 2 or (
        len(times) < task["generations"] and time.process_time() - began < task["seconds"]
    ):
        points, seconds = generation(solver)
        times.append(seconds)
        n += len(points)
        began = time.process_time() if len(times) == WARM_UP else began
        if getattr(solver, "done", False):
            solver = make(start)
    per = max(n / len(times), task["population"])  # some leave out what has not changed
    counted = times[WARM_UP:] or times
    return {
        "us_per_individual": statistics.median(counted) / per * 1e6,
        "mean_us": statistics.fmean(counted) / per * 1e6,
        "generations": len(counted),
        "memory": max(0, resident("VmHWM") - before),
    }


def generation(solver: Any) -> tuple[Any, float]:
    """Return the points of a generation, and the CPU time of ask and tell in s."""
    began = time.process_time()
    points = solver.ask()
    seconds = time.process_time() - began
    values = np.einsum("ij,ij->i", points, points)
    if hasattr(solver, "prepare"):
        solver.prepare(points, values)
    began = time.process_time()
    solver.tell(points, values)
    return points, seconds + time.process_time() - began


def resident(which: str) -> int:
    """Return the resident size (``VmRSS``) or its peak (``VmHWM``) of this process, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(which))
