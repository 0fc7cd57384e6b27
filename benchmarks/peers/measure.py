"""What all peers share: the task, and how it is measured.

Only the standard library is used, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

DIMENSIONS = 10
LOW, HIGH = -5.0, 5.0


def sphere(point) -> float:
    """Return the sum of squares of ``(10,)`` numbers; takes about 1 us."""
    return sum([value * value for value in point])


def arguments(parent: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """Return ``population``, ``generations``, ``workers`` and an empty ``folder`` to write to."""
    parser = argparse.ArgumentParser(parents=[parent] if parent else [])
    parser.add_argument("--population", type=int, default=256)
    parser.add_argument("--generations", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    return parser.parse_args()


def bytes_written() -> dict[str, int]:
    """Return what this process and the children it has waited for wrote so far.

    ``disk``: bytes sent to the disk, which Linux counts a page (4 KiB) at a time whenever a page
    becomes dirty. ``calls``: bytes passed to write(), those to pipes included.
    """
    with open("/proc/self/io") as file:
        io = {key: int(value) for key, value in (line.split(":") for line in file)}
    return {"disk": io["write_bytes"], "calls": io["wchar"]}


class Meter:
    """Measures a loop.

    Made when workers are up; ``stop`` it when the last result is in and saved, and ``report``
    after the workers have been waited for, so that what they wrote is counted.
    """

    def __init__(self) -> None:
        self.before = bytes_written()
        self.began = time.perf_counter()
        self.seconds = 0.0

    def stop(self, seconds: float | None = None) -> None:
        self.seconds = time.perf_counter() - self.began if seconds is None else seconds

    def result(
        self, n: int, *, per: int | None = None, written: dict[str, int] | None = None
    ) -> dict[str, float]:
        """Return the result of ``n`` evaluations, of which ``per`` fell into the time."""
        if written is None:
            after = bytes_written()
            written = {key: after[key] - self.before[key] for key in after}
        return {
            "us_per_individual": self.seconds / (per or n) * 1e6,
            "bytes_per_individual": written["disk"] / n,
            "call_bytes_per_individual": written["calls"] / n,
            "n": n,
        }

    def report(self, n: int, written: dict[str, int] | None = None) -> None:
        """Print the result of ``n`` evaluations as a line of JSON."""
        print(json.dumps(self.result(n, written=written)), flush=True)
