"""How busy 16 workers are while run times differ widely: asynchronous, generational, and peers.

Log-normal run times (sigma 1), population 32; each evaluation sleeps for the time that was drawn
for its id. Busy is the sum of these times over workers x time from the first start to the last
end. Beside it: what a greedy scheduler without any overhead reaches on the same times (computed).
The environments of the peers are those of ``overhead.py --install-peers``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from common import Report, arguments, plain_environment, scratch
from overhead import ENVIRONMENTS, HERE

sys.path.insert(0, str(HERE / "peers"))
import drawn

WORKERS = 16
TIME_LIMIT = 600  # of one run, in s


@dataclass(frozen=True)
class Runner:
    """One package at work.

    Attributes:
        name: As the table shows it.
        script: File in ``peers/``.
        environment: Name of its environment; empty: it runs in this one.
        options: Further arguments of the script.
        long: Whether it is also run for 10,000 evaluations.
    """

    name: str
    script: str
    environment: str = ""
    options: tuple[str, ...] = ()
    long: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        own = ENVIRONMENTS / self.environment / "bin" / "python"
        return own if self.environment else Path(sys.executable)


OURS = Runner("l2l, async", "drawn_l2l.py", long=True)
GENETIC = Runner(
    "l2l, async, genetic algorithm", "drawn_l2l.py", options=("--optimizer", "genetic_algorithm")
)
WAITING = Runner("l2l, generational", "drawn_l2l.py", options=("--mode", "generational"))
PEERS = (
    Runner("libEnsemble, async_return", "drawn_libensemble.py", "libensemble", long=True),
    Runner("Optuna, NSGA-II, 16 threads, journal", "drawn_optuna.py", "optuna"),
    Runner("DEAP, Pool, chunksize 1", "drawn_deap.py"),
)


def measure(runner: Runner, n: int, mean: float, parent: Path) -> dict[str, float]:
    """Return what a runner reports.

    Raises:
        RuntimeError: If it fails or is not installed; says why.
    """
    if not runner.python.exists():
        raise RuntimeError("not installed: benchmarks/overhead.py --install-peers")
    with scratch(parent) as folder:
        command = [str(runner.python), str(HERE / "peers" / runner.script), "--folder", str(folder)]
        command += ["--n", str(n), "--mean", str(mean), "--workers", str(WORKERS), *runner.options]
        process = subprocess.Popen(
            command, cwd=HERE / "peers", env=plain_environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            out, errors = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {TIME_LIMIT} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise RuntimeError((errors.strip().splitlines() or ["failed"])[-1])
    found: dict[str, float] = json.loads(out.strip().splitlines()[-1])
    return found


def add(report: Report, runner: Runner, n: int, mean: float, parent: Path) -> None:
    """Add the busy fraction of a runner beside what is possible."""
    what = f"{runner.name}: busy, {n:,} evaluations of {1000 * mean:g} ms"
    print(f"{what} ...", file=sys.stderr, flush=True)
    possible = 100 * drawn.greedy(n, mean, WORKERS)
    try:
        busy = 100 * measure(runner, n, mean, parent)["busy"]
    except RuntimeError as error:
        report.missing(what, str(error))
        return
    target = None if runner is not OURS else 0.95 * possible if n < 10_000 else 95.0
    report.add(
        what, busy, "%", reference="greedy, no overhead", reference_value=possible, at_least=target
    )


def main() -> int:
    args = arguments(__doc__)
    report = Report(f"Busy fraction of {WORKERS} workers, log-normal run times (sigma 1)")
    for mean in (0.05,) if args.quick else (0.05, 0.2):
        for runner in (OURS, GENETIC, WAITING, *PEERS):
            add(report, runner, 960, mean, args.dir)
    if not args.quick:
        for mean in (0.05, 0.2):
            for runner in (OURS, *PEERS):
                if runner.long:
                    add(report, runner, 10_000, mean, args.dir)
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
