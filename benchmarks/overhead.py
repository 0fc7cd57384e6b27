"""Time and bytes per individual beyond the simulation, of l2l and its peers.

Trivial fitness (sphere of 10 parameters), population 256, 20 generations, 2 workers, every peer
at its durable setting. Each runs in a process of its own, one after the other; those that are fast
enough take turns, and their medians count. ``--install-peers`` makes the environments that they
need.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from common import Report, arguments, plain_environment, scratch

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".peers"
TIME_LIMIT = 300  # of one peer, in s
TURNS = 5


@dataclass(frozen=True)
class Peer:
    """One package that does the same job.

    Attributes:
        name: As the table shows it.
        script: File in ``peers/``.
        packages: What pip installs into its own environment; empty: it runs in this one.
        options: Further arguments of the script.
        launcher: Command of its environment that starts the script, with arguments.
        slow: Whether it is run once, with one generation under ``--quick``.
        size: Population and generations, where it is too slow for the others'.
    """

    name: str
    script: str
    packages: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    slow: bool = True
    size: tuple[int, int] | None = None
    options: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        """Folder of its environment."""
        return ENVIRONMENTS / self.packages[0].lower()

    def command(self) -> list[str]:
        """Return the command without arguments."""
        if not self.packages:
            return [sys.executable, str(HERE / "peers" / self.script)]
        programs = self.environment / "bin"
        launcher = [str(programs / self.launcher[0]), *self.launcher[1:]] if self.launcher else []
        return [*launcher, str(programs / "python"), str(HERE / "peers" / self.script)]

    def installed(self) -> bool:
        """Whether its environment is there, and complete."""
        return not self.packages or (self.environment / "complete").exists()

    def install(self) -> None:
        """Make its environment."""
        subprocess.run([sys.executable, "-m", "venv", self.environment], check=True)
        pip = [self.environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", *self.packages], check=True)
        (self.environment / "complete").touch()


OURS = Peer("l2l, genetic algorithm", "l2l_run.py", slow=False)
SEARCH = Peer(
    "l2l, random search", "l2l_run.py", slow=False, options=("--optimizer", "random_search")
)
INLINE = Peer(
    "l2l inline, population 1000",
    "l2l_run.py",
    slow=False,
    size=(1000, 20),
    options=("--optimizer", "random_search", "--executor", "inline"),
)
FLOOR = Peer("bare process pool, nothing kept", "bare_pool.py", slow=False)
PEERS = (
    Peer("DEAP, eight chunks and a pickle a generation", "deap_pool.py", slow=False),
    Peer("DEAP, chunksize 1", "deap_pool.py", slow=False, options=("--chunksize", "1")),
    Peer("BluePyOpt IBEA, cp_frequency=1", "bluepyopt_ibea.py", ("bluepyopt",), slow=False),
    Peer(
        "Propulate, its checkpoint, 3 ranks",
        "propulate_ga.py",
        ("propulate", "mpi4py", "mpich"),
        ("mpiexec", "-n", "3"),
    ),
    Peer("libEnsemble, saved every 100", "libensemble_es.py", ("libensemble",)),
    Peer("nevergrad, a dump a generation", "nevergrad_de.py", ("nevergrad",)),
    Peer("Optuna, its journal", "optuna_journal.py", ("optuna",)),
    Peer("upstream L2L, 2 individuals", "upstream_ga.py", ("L2LforHPC",), size=(2, 1)),
)
Found = dict[str, float]


def measure(peer: Peer, args: argparse.Namespace) -> Found:
    """Run a peer in a session of its own, and return what it reports.

    Raises:
        RuntimeError: If it fails; carries the end of what it printed.
    """
    population, generations = peer.size or (256, 20)
    if args.quick:
        generations = 1 if peer.slow else generations
    with scratch(args.dir) as folder:
        command = [*peer.command(), "--folder", str(folder), *peer.options]
        command += ["--population", str(population), "--generations", str(generations)]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=plain_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, errors = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {TIME_LIMIT} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has left behind
    if process.returncode:
        raise RuntimeError((errors.strip().splitlines() or ["failed"])[-1])
    found: Found = json.loads(out.strip().splitlines()[-1])
    return found


def measure_all(args: argparse.Namespace) -> tuple[dict[Peer, Found], dict[Peer, str]]:
    """Return what each peer reports (medians, where it has run more than once), or why not."""
    runs: dict[Peer, list[Found]] = {}
    failed: dict[Peer, str] = {}
    for turn in range(1 if args.quick else TURNS):
        for peer in (OURS, SEARCH, INLINE, FLOOR, *PEERS):
            if peer in failed or (turn and peer.slow):
                continue
            print(f"{peer.name} ...", file=sys.stderr, flush=True)
            try:
                if not peer.installed():
                    raise RuntimeError("not installed: benchmarks/overhead.py --install-peers")
                runs.setdefault(peer, []).append(measure(peer, args))
            except RuntimeError as error:
                failed[peer] = str(error)
    medians = {
        peer: {key: statistics.median(run[key] for run in theirs) for key in theirs[0]}
        for peer, theirs in runs.items()
    }
    return medians, failed


def add_ours(report: Report, found: dict[Peer, Found]) -> None:
    """Add what l2l does, against its targets."""
    for peer, most in ((OURS, 150), (SEARCH, 150), (INLINE, 40)):
        mine = found[peer]
        report.add(f"{peer.name}: time", mine["us_per_individual"], "us", at_most=most)
        disk, calls = mine["bytes_per_individual"], mine["call_bytes_per_individual"]
        report.add(f"{peer.name}: bytes to the disk", disk, "B", at_most=500)
        report.add(f"{peer.name}: bytes to write()", calls, "B", at_most=500)
        report.add(f"{peer.name}: start and first generation", mine["start_s"], "s")
        report.add(f"{peer.name}: end, with the last seal", mine["end_s"], "s")


def add_peers(report: Report, found: dict[Peer, Found], failed: dict[Peer, str]) -> None:
    """Add l2l's figures as ratios to those of its peers."""
    for key, what, unit in (
        ("us_per_individual", "time", "us"),
        ("bytes_per_individual", "bytes to the disk", "B"),
    ):
        for peer in (FLOOR, *PEERS):
            if peer in failed:
                report.missing(f"{OURS.name}: {what}", f"{peer.name}: {failed[peer]}")
            elif found[peer][key]:
                report.add(
                    f"{OURS.name}: {what}",
                    found[OURS][key],
                    unit,
                    reference=peer.name,
                    reference_value=found[peer][key],
                    less=unit == "us" and peer is not FLOOR,
                )


def main() -> int:
    args = arguments(__doc__, install_peers="make the environments of the peers, and end")
    if args.install_peers:
        for peer in PEERS:
            if not peer.installed():
                print(f"installing {peer.name}: {' '.join(peer.packages)}", flush=True)
                peer.install()
        return 0
    report = Report("Overhead per individual: population 256, 2 workers, trivial fitness")
    found, failed = measure_all(args)
    for peer in (OURS, SEARCH, INLINE):
        if peer in failed:
            sys.exit(f"{peer.name} failed: {failed[peer]}")
    add_ours(report, found)
    add_peers(report, found, failed)
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
