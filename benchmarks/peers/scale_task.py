"""What bare engines run beside l2l on a cluster, and how their time is taken.

A generation is cut into chunks, all of it is submitted, and all of it is waited for, as the outer
loop does it; but nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

BEGAN = time.time()
Chunk = Sequence[Sequence[float]]


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--population", type=int, default=1000)
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--chunk", type=int, default=1, help="individuals of a hand-over")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.0, help="an individual sleeps so long")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--executor", help="of l2l, as JSON")
    return parser.parse_args()


def evaluate(chunk: Chunk, seconds: float) -> list[float]:
    """Return the fitness of each point: the sum of its squares, after some sleep."""
    fitness = []
    for point in chunk:
        if seconds:
            time.sleep(seconds)
        fitness.append(sum([value * value for value in point]))
    return fitness


def measure(submit: Callable[[Chunk], Any], args: argparse.Namespace) -> None:
    """Run generations through an engine, and print its times as a line of JSON.

    Args:
        submit: Hands a chunk over to the engine; returns something with ``result()``.
        args: Of :func:`arguments`.
    """
    submit([[0.0] * 10]).result()
    first = time.time() - BEGAN
    wait(submit(chunk) for chunk in chunks(4 * args.workers * args.chunk, args.chunk))  # all are up
    began = time.perf_counter()
    for _ in range(args.generations):
        wait(submit(chunk) for chunk in chunks(args.population, args.chunk))
    took = time.perf_counter() - began
    n = args.population * args.generations
    found = {"first_s": first, "per_s": n / took, "us_per_individual": took / n * 1e6}
    ideal = -(-args.population // args.workers) * args.generations * args.seconds
    print(json.dumps({**found, "efficiency": ideal / took}), flush=True)


def chunks(n: int, size: int) -> list[Chunk]:
    """Return ``n`` random points in chunks."""
    points = [[random.random() for _ in range(10)] for _ in range(n)]
    return [points[at : at + size] for at in range(0, n, size)]


def wait(futures: Iterable[Any]) -> None:
    """Wait for all futures; all are made before the first is waited for."""
    for future in list(futures):
        future.result()
