"""The store with a long history: 10^6 evaluations of 10 parameters, and 98 x 28,800 x 100.

The store is driven alone as the outer loop drives it, and cut off; then opened, looked at and
closed by other processes. The outer loop itself runs with the inline executor on a trivial
batched optimizee. Bytes written are those passed to write() and its kin, of /proc/self/io.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import Report, arguments, plain_environment, scratch

PARTS = Path(__file__).with_name("history_parts.py")
PAYLOAD = 8 * 10 + 8 + 1 + 4 + 16  # bytes an evaluation: parameters, fitness, status, seed, times
MB = 1e6


def part(name: str, folder: Path, number: int) -> dict[str, Any]:
    """Run one part in a process of its own, and return what it reports."""
    print(f"{name} {number:,} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(PARTS), name, str(folder), str(number)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=plain_environment()
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def status(folder: Path) -> float:
    """Return the median time of ``l2l status``, the whole process, in s."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        command = [sys.executable, "-m", "l2l", "status", str(folder / "run")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=plain_environment())
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def of_the_store(report: Report, n: int, args: Any) -> None:
    """Add what the store does with ``n`` evaluations."""
    with scratch(args.dir) as folder:
        filled = part("fill", folder, n)
        n = filled["n"]
        payload = {"reference": "payload", "reference_value": PAYLOAD * n / MB}
        report.add("store: time an evaluation, seals and all", filled["seconds"] / n * 1e6, "us")
        report.add("store: memory", filled["memory"] / MB, "MB", at_most=300)
        report.add("snapshots written", filled["states"] / MB, "MB", **payload, ratio_at_most=1)
        looked = status(folder)
        report.add("l2l status after a kill, whole process", looked, "s", at_most=0.7)
        opened = part("resume", folder, 0)
        report.add("opening for resume after a kill", opened["opened"], "s", at_most=2)
        report.add("opening: memory", opened["memory"] / MB, "MB", at_most=300)
        closed = part("resume", folder, 1)
        report.add("last seal", closed["closed"], "s")
        report.add("last seal: memory", closed["memory"] / MB, "MB", at_most=300)
        opened = part("resume", folder, 0)
        report.add("opening for resume, sealed", opened["opened"], "s", at_most=2)
        report.add("l2l status, sealed, whole process", status(folder), "s", at_most=0.7)
        size = (folder / "run" / "history.h5").stat().st_size / MB
        report.add("history.h5", size, "MB", **payload, ratio_at_most=1.25)
        total = filled["written"] / MB + size  # the last seal writes at most a whole history
        report.add("written in all but snapshots", total, "MB", **payload, ratio_at_most=5)


def of_the_loop(report: Report, n: int, args: Any) -> None:
    """Add what the outer loop does with ``n`` evaluations, and with a tenth of them."""
    memory = []
    for size in (n // 10, n):
        with scratch(args.dir) as folder:
            found = part("loop", folder, size)
        memory.append(found["memory"] / MB)
        what = f"outer loop, {size:,} evaluations"
        report.add(f"{what}: time of one", found["seconds"] / size * 1e6, "us")
        report.add(f"{what}: memory", memory[-1], "MB", at_most=300)
        report.add(
            f"{what}: written",
            found["written"] / MB,
            "MB",
            reference="payload",
            reference_value=PAYLOAD * size / MB,
            ratio_at_most=5,
        )
    report.add(
        "outer loop: memory that 10 times the history adds", memory[1] - memory[0], "MB", at_most=30
    )


def of_an_ensemble(report: Report, generations: int, args: Any) -> None:
    """Add what journaling large individuals costs."""
    with scratch(args.dir) as folder:
        found = part("ensemble", folder, generations)
    report.add(
        f"journaling 98 x 28,800, median of {generations}",
        found["journaled"],
        "s",
        reference="numpy.save and fsync",
        reference_value=found["saved"],
        ratio_at_most=2,
    )
    report.add(
        "the same, mean",
        found["journaled_mean"],
        "s",
        reference="numpy.save and fsync",
        reference_value=found["saved_mean"],
        ratio_at_most=2,
    )
    report.add("seals while the run goes on, a generation", found["sealed"] / generations, "s")
    report.add("98 x 28,800: memory", found["memory"] / MB, "MB", at_most=300)


def main() -> int:
    args = arguments(__doc__)
    n, generations = (10**5, 10) if args.quick else (10**6, 100)
    report = Report(f"History: {n:,} evaluations of 10 parameters; 98 x 28,800 x {generations}")
    of_the_store(report, n, args)
    of_the_loop(report, n, args)
    of_an_ensemble(report, generations, args)
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
