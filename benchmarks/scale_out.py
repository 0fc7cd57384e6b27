"""What an individual costs on a cluster: l2l beside the bare engines, on four virtual Slurm nodes.

A private Slurm is started on this machine (``tests/cluster``; needs root and the packages that
``make test`` installs). Inside one allocation of 4 nodes x 4 workers run in turn: trivial
individuals, with equal chunks and one at a time, and individuals that sleep for a second. l2l keeps
everything durable; the bare engines keep nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import Report, arguments, plain_environment, scratch

HERE = Path(__file__).resolve().parent
CLUSTER = HERE.parent / "tests" / "cluster"
NODES, CPUS = 4, 4
WORKERS = NODES * CPUS
EQUAL = 50  # individuals of a chunk, where chunks are equal
TIME_LIMIT = 600  # of one contender, in s
ALLOCATE = ("salloc", "-Q", "-N", str(NODES), "-n", str(WORKERS))
MPI = ("srun", "--mpi=pmi2", "--overcommit", "-n", str(WORKERS + 1))


@dataclass(frozen=True)
class Contender:
    """An engine, bare or with l2l on top.

    Attributes:
        name: As the table shows it.
        script: File in ``peers/``.
        executor: Of l2l, with its options; None for a bare engine.
        launcher: What starts it.
        bare: Name of the bare engine beneath.
    """

    name: str
    script: str
    executor: str | None = None
    launcher: Sequence[str] = ALLOCATE
    bare: str = ""

    def command(self, folder: Path, population: int, **settings: float) -> list[str]:
        """Return the command that runs it with some settings."""
        python = [sys.executable]
        if self.script == "scale_mpi.py":
            python += ["-m", "mpi4py.futures"]
        command = [*self.launcher, *python, str(HERE / "peers" / self.script)]
        command += ["--folder", str(folder), "--workers", str(WORKERS)]
        if self.executor is not None:
            command += ["--executor", self.executor]
        for name, value in {"population": population, **settings}.items():
            command += [f"--{name}", str(value)]
        return command


PARSL = Contender("bare Parsl", "scale_parsl.py")
FUTURES = Contender("bare mpi4py.futures", "scale_mpi.py", launcher=(*ALLOCATE, *MPI))
DASK = Contender("dask.distributed", "scale_dask.py")
SLURM = Contender("l2l slurm", "scale_l2l.py", '{"name": "slurm"}', bare=PARSL.name)
MPI_RUN = Contender(
    "l2l mpi", "scale_l2l.py", '{"name": "mpi"}', launcher=(*ALLOCATE, *MPI), bare=FUTURES.name
)
PILOT = Contender(
    "l2l slurm, a pilot block",
    "scale_l2l.py",
    json.dumps({"name": "slurm", "nodes": NODES, "walltime": "10m"}),
    launcher=(),
)
Found = dict[str, float]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which a private Slurm is used; end it afterwards."""
    environment = {
        **plain_environment(),
        "SLURM_TEST_BASE": str(folder / "slurm"),
        "SLURM_TEST_NODES": str(NODES),
        "SLURM_TEST_CPUS": str(CPUS),
        "SLURM_TEST_PORT": "18600",
    }
    started = subprocess.run(
        [CLUSTER / "start_slurm.sh"], env=environment, capture_output=True, text=True
    )
    try:
        if started.returncode:
            raise RuntimeError(f"no Slurm: {started.stderr.strip() or started.stdout.strip()}")
        yield {**environment, "SLURM_CONF": str(folder / "slurm" / "slurm.conf")}
    finally:
        subprocess.run([CLUSTER / "stop_slurm.sh", "--wipe"], env=environment, check=False)


def run(who: Contender, parent: Path, environment: dict[str, str], **settings: float) -> Found:
    """Run one contender; return what it reports.

    Raises:
        RuntimeError: If it fails; carries the end of what it printed.
    """
    print(f"{who.name} {settings} ...", file=sys.stderr, flush=True)
    with scratch(parent) as folder:
        command = who.command(folder, **settings)  # type: ignore[arg-type]
        done = subprocess.run(
            ["timeout", str(TIME_LIMIT), *command],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            start_new_session=True,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        last = (done.stderr.strip().splitlines() or ["nothing printed"])[-1]
        raise RuntimeError(f"exit status {done.returncode}: {last}")
    found: Found = json.loads(lines[-1])
    return found


class Rows:
    """Runs contenders and puts what they report into rows."""

    def __init__(self, report: Report, parent: Path, environment: dict[str, str]) -> None:
        self.report, self.parent, self.environment = report, parent, environment

    def measure(self, who: Contender, what: str, **settings: float) -> Found | None:
        """Return what a contender reports, or None and a row that says why not."""
        try:
            return run(who, self.parent, self.environment, **settings)
        except RuntimeError as error:
            self.report.missing(f"{who.name}: {what}", str(error))
            return None

    def trivial(self, n: int, chunk: int, most: float) -> None:
        """Trivial individuals in chunks: l2l's cost as a ratio to the bare engine's."""
        what = "time an individual, " + ("one at a time" if chunk == 1 else f"chunks of {chunk}")
        settings = {"population": n, "generations": 2, "chunk": chunk}
        found = {who.name: self.measure(who, what, **settings) for who in (PARSL, FUTURES, DASK)}
        for who in (SLURM, MPI_RUN):
            mine, bare = self.measure(who, what, **settings), found[who.bare]
            if mine is not None and bare is not None:
                self.report.add(
                    f"{who.name}: {what}", mine["us_per_individual"], "us",
                    reference=who.bare, reference_value=bare["us_per_individual"],
                    ratio_at_most=most,
                )  # fmt: skip
        if (dask := found[DASK.name]) is not None:
            self.report.add(f"{DASK.name}: {what}", dask["us_per_individual"], "us")

    def throughput(self, generations: int) -> None:
        """Trivial individuals as l2l runs them by itself."""
        for who in (SLURM, MPI_RUN):
            settings = {"population": 1000, "generations": generations, "chunk": 0}
            if found := self.measure(who, "throughput", **settings):
                n = 1000 * generations
                self.report.add(f"{who.name}: {n} individuals", found["per_s"], "1/s", at_least=800)
                what = f"{who.name}: CPU of the driver, chunks as it likes"
                self.report.add(what, found["driver_us"], "us")

    def sleepers(self, rounds: int) -> None:
        """Individuals of a second each: how busy the workers are."""
        settings = {"population": rounds * WORKERS, "generations": 1, "seconds": 1.0}
        for who in (PARSL, FUTURES, DASK):
            if found := self.measure(who, "efficiency", **settings):
                self.report.add(f"{who.name}: efficiency at 1 s", 100 * found["efficiency"], "%")
        for who in (SLURM, MPI_RUN):
            if found := self.measure(who, "efficiency", **settings, chunk=0):
                value = 100 * found["efficiency"]
                self.report.add(f"{who.name}: efficiency at 1 s", value, "%", at_least=95)

    def model(self) -> None:
        """What driver and engine cost, and how busy workers are: measured, and by docs/scaling.md.

        By the model an individual of T s keeps a worker for T + r s, and a generation costs t0 s
        more; r and t0 are taken from the two longest run times, the others are predicted.
        """
        trivial = self.measure(SLURM, "cost", population=4000, generations=1, chunk=1)
        for name in ("driver", "engine") if trivial else ():
            what = f"{SLURM.name}: CPU of the {name}, one at a time"
            self.report.add(what, trivial[f"{name}_us"], "us")
        lost: dict[float, tuple[float, int]] = {}  # time beyond the ideal, and evaluations in a row
        for seconds in (0.3, 0.1, 0.03, 0.01):
            rounds = max(10, round(4.0 / seconds))
            settings = {"population": rounds * WORKERS, "generations": 1, "chunk": 1}
            found = self.measure(SLURM, "busy", seconds=seconds, **settings)
            if found is None:
                return
            ideal, busy = rounds * seconds, found["efficiency"]
            lost[seconds] = ideal / busy - ideal, rounds
            modelled = ideal / (ideal + _predicted(lost, rounds)) if len(lost) > 2 else None
            self.report.add(
                f"{SLURM.name}: busy at {1000 * seconds:g} ms, one at a time", 100 * busy, "%",
                reference="model" if modelled else None,
                reference_value=modelled and 100 * modelled,
            )  # fmt: skip
        self.report.add(f"{SLURM.name}: r of the model", 1000 * _fitted(lost)[0], "ms")
        self.report.add(f"{SLURM.name}: t0 of the model", 1000 * _fitted(lost)[1], "ms")

    def starts(self) -> None:
        """From the start of the program to the first result."""
        for who, most in ((PILOT, 12), (MPI_RUN, 3), (SLURM, None)):
            settings = {"population": 64, "generations": 1, "chunk": 0}
            if found := self.measure(who, "first result", **settings):
                what = f"{who.name}: start to first result"
                self.report.add(what, found["first_s"], "s", at_most=most)


def _fitted(lost: dict[float, tuple[float, int]]) -> tuple[float, float]:
    """Return r and t0 in s, by the two longest run times."""
    (most, few), (more, many) = lost[0.3], lost[0.1]
    r = (more - most) / (many - few)
    return r, most - few * r


def _predicted(lost: dict[float, tuple[float, int]], rounds: int) -> float:
    """Return the time that a generation of so many evaluations in a row loses, in s."""
    r, t0 = _fitted(lost)
    return t0 + rounds * r


def main() -> int:
    args: argparse.Namespace = arguments(__doc__)
    report = Report(f"Scale out: {NODES} virtual nodes x {CPUS} workers on {os.cpu_count()} cores")
    with scratch(args.dir) as folder:
        try:
            with cluster(folder) as environment:
                rows = Rows(report, folder, environment)
                rows.throughput(1 if args.quick else 10)
                if not args.quick:
                    rows.trivial(5000, EQUAL, most=1.5)
                    rows.trivial(1000, 1, most=2.5)
                    rows.sleepers(20)
                    rows.model()
                rows.starts()
        except RuntimeError as error:
            report.missing("everything", str(error))
    return report.end(args)


if __name__ == "__main__":
    raise SystemExit(main())
