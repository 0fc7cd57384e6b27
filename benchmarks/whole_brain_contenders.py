"""Who takes part in ``whole_brain.py``: each in an interpreter of its own, on cores of its own."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import plain_environment

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE / ".peers"
TIME_LIMIT = 600  # of one job, in s


@dataclass(frozen=True)
class Contender:
    """A package that simulates whole brains.

    Attributes:
        name: As the table shows it.
        script: File in ``peers/``.
        package: What pip installs into its own environment; empty for l2l, which runs in this one.
    """

    name: str
    script: str
    package: str = ""

    @property
    def flag(self) -> str:
        """Name of the option that says where its Python is."""
        return f"{self.name.removesuffix('-library').lower()}_python"

    def python(self, args: argparse.Namespace) -> str | None:
        """Return the Python that has it: the option's, the one of ``.peers/``, or this one."""
        if not self.package:
            return sys.executable
        given: Path | None = getattr(args, self.flag)
        own = ENVIRONMENTS / self.name.lower() / "bin" / "python"
        for python in (given, own if (own.parents[1] / "complete").exists() else None):
            if python is not None:
                return str(python)
        return None

    def install(self) -> None:
        """Make its environment below ``.peers/``."""
        folder = ENVIRONMENTS / self.name.lower()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", self.package], check=True)
        (folder / "complete").touch()


L2L = Contender("l2l", "whole_brain_l2l.py")
TVB = Contender("tvb-library", "whole_brain_tvb.py", "tvb-library==2.10.0")
TVBOPTIM = Contender("tvboptim", "whole_brain_tvboptim.py", "tvboptim==0.4.0")
CUBNM = Contender("cuBNM", "whole_brain_cubnm.py", "cubnm==0.1.0")
VBI = Contender("vbi", "whole_brain_vbi.py", "vbi==0.4.4")
BRAINMASS = Contender("brainmass", "whole_brain_brainmass.py", "brainmass==0.1.1")
PEERS = (TVB, TVBOPTIM, CUBNM, VBI, BRAINMASS)
Found = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One thing to measure.

    Attributes:
        contender: Who does it.
        task: What its script is to simulate.
        connectome: Name of a file of connectomes.
        sets: Parameter sets in one call.
        ms: Simulated time.
        dt: Step in ms.
        threads: Threads, and cores, that it may use.
        options: Further arguments of the script.
        quick: Whether it takes part under ``--quick``.
        quick_ms: Simulated time then.
    """

    contender: Contender
    task: str
    connectome: str
    sets: int = 1
    ms: float = 1000.0
    dt: float = 0.1
    threads: int = 1
    options: tuple[str, ...] = ()
    quick: bool = False
    quick_ms: float = 200.0

    def run(self, args: argparse.Namespace, folder: Path) -> Found:
        """Return what the script reports.

        Raises:
            RuntimeError: If it is not installed or fails; says so.
        """
        python = self.contender.python(args)
        if python is None:
            flag = self.contender.flag.replace("_", "-")
            raise RuntimeError(f"not installed: --install-peers, or --{flag} PYTHON")
        command = [python, str(HERE / "peers" / self.contender.script), "--task", self.task]
        command += ["--connectome", str(folder / f"{self.connectome}.npz")]
        command += ["--sets", str(self.sets), "--dt", str(self.dt)]
        command += ["--ms", str(self.quick_ms if args.quick else self.ms)]
        command += ["--repeats", "1" if args.quick else "3", *self.options]
        cores = sorted(os.sched_getaffinity(0))[-self.threads :]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=plain_environment() | {"NUMBA_NUM_THREADS": str(self.threads)},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),  # JAX heeds nothing else
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {TIME_LIMIT} s") from None
        except OSError as error:
            raise RuntimeError(str(error)) from None
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["failed"])[-1])
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        found: Found = json.loads(lines[-1])
        return found


class Runs:
    """The results of jobs, or why there are none.

    Args:
        args: Of the command line.
        folder: Where the connectomes are.
        jobs: What is to be run, in this order, as often as there are turns.
        turns: How often; medians count.
    """

    def __init__(
        self, args: argparse.Namespace, folder: Path, jobs: dict[str, Job], turns: int
    ) -> None:
        self.jobs, self.failed = jobs, dict[str, str]()
        found: dict[str, list[Found]] = {name: [] for name in jobs}
        for _ in range(turns):
            for name, job in jobs.items():
                if args.quick and not job.quick:
                    self.failed[name] = "not measured with --quick"
                if name in self.failed:
                    continue
                print(f"{name} ...", file=sys.stderr, flush=True)
                try:
                    found[name].append(job.run(args, folder))
                except RuntimeError as error:
                    self.failed[name] = f"{job.contender.name}: {error}"
        self.found = {
            name: {key: _middle([run[key] for run in runs]) for key in runs[0]}
            for name, runs in found.items()
            if runs and name not in self.failed
        }

    def version(self, name: str) -> str:
        """Return the contender of a job, with its version."""
        return f"{self.jobs[name].contender.name} {self.found[name]['version']}"


def _middle(values: list[Any]) -> Any:
    numbers = all(isinstance(value, (int, float)) for value in values)
    return statistics.median(values) if numbers else values[0]
