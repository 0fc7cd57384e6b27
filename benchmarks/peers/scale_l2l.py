"""l2l on a cluster, with everything durable: a random search whose individuals may sleep."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import scale_task
from l2l_run import Clock
from l2l_sphere import Sphere

import l2l


class Sleeper(Sphere):
    """The same sphere, after some sleep."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def simulate(self, traj: Any) -> float:
        """Return the sum of squares."""
        if self.seconds:
            time.sleep(self.seconds)
        return float(super().simulate(traj))


class FirstResult(Clock):
    """Notes when the first result lands, too."""

    first_result: float | None = None

    def update(self, *_: Any) -> None:
        if self.first_result is None:
            self.first_result = time.time() - scale_task.BEGAN


def cpu_of_engine() -> float:
    """Return the CPU time of Parsl's interchange so far, in s; 0 where there is none."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and b"interchange" in command:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def cpu_of_driver() -> float:
    """Return the CPU time of this process so far, threads included, in s."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Costs(FirstResult):
    """Notes what driver and engine have used when the measured part begins and ends."""

    def generation(self, summary: dict[str, Any]) -> None:
        """Take the times."""
        if self.first is None:
            self.before = cpu_of_driver(), cpu_of_engine()
        self.after = cpu_of_driver(), cpu_of_engine()
        super().generation(summary)


def main() -> None:
    args = scale_task.arguments()
    executor = json.loads(args.executor)
    clock = Costs()
    result = l2l.optimize(
        Sleeper(args.seconds),
        {"name": "random_search", "pop_size": args.population},
        generations=args.generations + 1,  # all workers are up after the first one
        run=Path(args.folder) / "run",
        executor=executor if args.chunk == 0 else {**executor, "chunk": args.chunk},
        progress=clock,
    )
    assert clock.first is not None
    n, took = len(result.history) - clock.first[1], clock.last - clock.first[0]
    found = {"first_s": clock.first_result, "per_s": n / took, "us_per_individual": took / n * 1e6}
    for name, before, after in zip(("driver", "engine"), clock.before, clock.after, strict=True):
        found[f"{name}_us"] = (after - before) / n * 1e6
    ideal = -(-args.population // args.workers) * args.generations * args.seconds
    print(json.dumps({**found, "efficiency": ideal / took}), flush=True)


if __name__ == "__main__":
    main()
