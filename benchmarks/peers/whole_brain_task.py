"""What all peers of the whole-brain benchmark share: the task, the clock, and the line they print.

Only NumPy and the standard library are used, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def arguments(parent: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """Return the task: what to simulate, on which connectome, how many sets and how long.

    ``weights`` (n, n), from column to row, and ``lengths`` (n, n) in mm are read from the file.
    """
    parser = argparse.ArgumentParser(parents=[parent] if parent else [], conflict_handler="resolve")
    parser.add_argument("--task", required=True)
    parser.add_argument("--connectome", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=1)
    parser.add_argument("--ms", type=float, default=1000.0, help="simulated time")
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--speed", type=float, default=3.0, help="mm/ms")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--noise", action="store_true", help="with noise of its own in each set")
    args = parser.parse_args()
    with np.load(args.connectome) as file:
        args.weights, args.lengths = file["weights"], file["lengths"]
    return args


def measure(args: argparse.Namespace, run: Callable[[], object]) -> dict[str, float]:
    """Call ``run`` once to compile, then ``repeats`` times; it simulates all the sets each time.

    Returns:
        ``ms`` and ``wall_ms``: CPU and wall time of a set and simulated second (medians), in ms;
        ``first_s``: wall time of the first call beyond that of the others, which is compiling.
    """
    began = time.perf_counter()
    run()
    first = time.perf_counter() - began
    cpu, wall = [], []
    for _ in range(args.repeats):
        before, began = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
    each = args.sets * args.ms / 1000.0
    return {
        "ms": 1e3 * statistics.median(cpu) / each,
        "wall_ms": 1e3 * statistics.median(wall) / each,
        "first_s": max(0.0, first - statistics.median(wall)),
    }


def report(**found: object) -> None:
    """Print what was found, as the last line."""
    print(json.dumps(found), flush=True)
