"""What all peers of the asynchrony benchmark share: run times drawn by id, and a log of them.

Only the standard library is used, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import random
import time
from pathlib import Path

SIGMA = 1.0
POPULATION = 32


def seconds(number: int, mean: float) -> float:
    """Return the run time of the evaluation with this id: log-normal, the same for all peers."""
    return random.Random(number).lognormvariate(math.log(mean) - SIGMA**2 / 2, SIGMA)


def sleep(number: int, mean: float, log: str | Path) -> None:
    """Take the time of an evaluation, and log when that was."""
    began = time.time()
    time.sleep(seconds(number, mean))
    line = json.dumps([number, began, time.time()]) + "\n"
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(handle, line.encode())
    os.close(handle)


def wait_for_all(folder: str | Path, workers: int) -> None:
    """Return when so many workers are up; the clock starts with the first evaluation."""
    Path(folder).mkdir(exist_ok=True)
    (Path(folder) / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(os.listdir(folder)) < workers and time.monotonic() < until:
        time.sleep(0.01)


def greedy(n: int, mean: float, workers: int) -> float:
    """Return the busy fraction of a scheduler without overhead: whoever is free takes the next."""
    free = [0.0] * workers
    times = [seconds(number, mean) for number in range(n)]
    for each in times:
        heapq.heapreplace(free, free[0] + each)
    return sum(times) / (workers * max(free))


def arguments() -> argparse.Namespace:
    """Return ``n``, ``mean``, ``workers`` and an empty ``folder`` to write to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=960)
    parser.add_argument("--mean", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--mode", default="async")
    parser.add_argument("--optimizer", default="random_search")
    parser.add_argument("--folder", type=Path, required=True)
    return parser.parse_args()


def report(log: str | Path, args: argparse.Namespace) -> None:
    """Print how busy the workers were, from the first start to the last end.

    The time that the sleeps were drawn to take counts as work, not what they took.
    """
    with open(log) as file:
        rows = [json.loads(line) for line in file]
    work = sum(seconds(number, args.mean) for number, _, _ in rows)
    span = max(end for _, _, end in rows) - min(began for _, began, _ in rows)
    last = max(began for _, began, _ in rows) - min(began for _, began, _ in rows)
    before = sum(
        min(seconds(number, args.mean), max(0.0, last - (began - min(b for _, b, _ in rows[:64]))))
        for number, began, _ in rows
    )
    found = {
        "busy": work / (args.workers * span),
        "no_tail": before / (args.workers * last),
        "span": span,
        "n": len(rows),
    }
    print(json.dumps(found), flush=True)
