"""A private Slurm with virtual nodes: started, broken and asked by the tests."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent
COMMANDS = ("squeue", "scontrol", "sbatch", "srun", "scancel", "salloc", "sacct", "sinfo")
FOREIGN = ("SLURM", "SRUN_", "SBATCH_", "SALLOC_", "PMI_", "CUDA_VISIBLE")

_SHIM = """#!/bin/bash
printf '%s\\t%s\\t%s\\n' "$EPOCHREALTIME" {name} "$*" >> "{log}"
exec {program} "$@"
"""


def missing() -> str | None:
    """Return why no Slurm can be started here, or None."""
    if os.geteuid() != 0:
        return "a private Slurm needs root"
    for tool in ("slurmctld", "slurmd", "munged", "srun", "sbatch"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (make system, or apt-get install slurmctld slurmd)"
    return None


def wait_until(true: Any, within: float = 60.0, what: str = "") -> Any:
    """Call ``true`` until it returns something true, and return that."""
    deadline = time.monotonic() + within
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what or true}"
        time.sleep(0.05)
    return value


class Cluster:
    """One private Slurm.

    Attributes:
        base: Folder of all that it keeps; ``base/calls`` logs counted commands.
        nodes: Names of the nodes.
        conf: Path of its slurm.conf.
    """

    def __init__(self, nodes: int = 4, cpus: str = "4", **knobs: Any) -> None:
        given = os.environ.get("SLURM_TEST_BASE")
        self.base = Path(given or tempfile.mkdtemp(prefix="l2l-slurm-", dir="/tmp"))
        self.nodes = [f"n{i + 1}" for i in range(nodes)]
        self.conf = self.base / "slurm.conf"
        self._log = self.base / "calls"
        self._knobs = {
            "SLURM_TEST_BASE": str(self.base),
            "SLURM_TEST_NODES": str(nodes),
            "SLURM_TEST_CPUS": cpus,
            "SLURM_TEST_PORT": os.environ.get("SLURM_TEST_PORT") or str(_free_ports(11 + nodes)),
            **{f"SLURM_TEST_{name.upper()}": str(value) for name, value in knobs.items()},
        }

    # -- the cluster itself --------------------------------------------------------------------
    def start(self) -> None:
        """Start what is not running; a node that was killed comes back."""
        done = self._script("start_slurm.sh")
        assert done.returncode == 0, f"Slurm did not start: {done.stderr}"

    def stop(self) -> None:
        """End all jobs and daemons, and delete all state."""
        self._script("stop_slurm.sh", "--wipe")
        shutil.rmtree(self.base, ignore_errors=True)

    def kill_node(self, name: str, daemon_only: bool = False) -> None:
        """Cut the power of a node; with ``daemon_only``, its network."""
        assert name in self.nodes
        self._script("kill_node.sh", name, *(["--daemon-only"] if daemon_only else []))

    def revive(self) -> None:
        """Bring all killed nodes back."""
        self.start()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let the controller answer nobody for a while."""
        controller = int((self.base / "run" / "slurmctld.pid").read_text())
        os.kill(controller, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(controller, signal.SIGCONT)

    def wipe(self) -> None:
        """Cancel all jobs, wait until nothing of them is left, and bring all nodes back."""
        self.start()
        for state in ("PENDING", "RUNNING", "SUSPENDED"):
            self.command("scancel", f"--state={state}")
        wait_until(lambda: not self.active() and not self.processes(), 60, "jobs have gone")

    # -- jobs ----------------------------------------------------------------------------------
    def environment(self, counted: bool = False, **more: str) -> dict[str, str]:
        """Return the environment for commands; ``counted`` ones are logged (see `calls`)."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        clean["SLURM_CONF"] = str(self.conf)
        if counted:
            clean["PATH"] = f"{self._shims()}{os.pathsep}{clean['PATH']}"
        return {**clean, **more}

    def command(self, *words: str, check: bool = False, **options: Any) -> str:
        """Run a command and return what it printed, stderr included."""
        options.setdefault("env", self.environment())
        options.setdefault("stderr", subprocess.STDOUT)
        options.setdefault("timeout", 120)
        done = subprocess.run(words, text=True, stdout=subprocess.PIPE, **options)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}"
        return done.stdout

    def sbatch(self, script: str | Path, *options: str, **more: Any) -> int:
        """Submit a script, given as its text or its path; return the job id."""
        if isinstance(script, str):
            text = script if script.startswith("#!") else f"#!/bin/bash\n{script}\n"
            path = Path(tempfile.mkdtemp(dir=self.base)) / "job.sh"
            path.write_text(text)
            script = path
            more.setdefault("cwd", path.parent)
        return int(self.command("sbatch", "--parsable", *options, str(script), check=True, **more))

    @contextlib.contextmanager
    def salloc(
        self, *words: str, counted: bool = False, **more: Any
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command in an interactive allocation: options of salloc, then the command.

        Where the test fails before it has ended, it is ended, and not waited for.
        """
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.STDOUT)
        more.setdefault("env", self.environment(counted))
        process = subprocess.Popen(("salloc", *words), text=True, **more)
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                for pid in self.processes():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.wipe()
                raise

    def show(self, job: int) -> dict[str, str]:
        """Return all that Slurm tells about a job, ended ones included."""
        text = self.command("scontrol", "-o", "show", "job", str(job))
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def state(self, job: int) -> str:
        """Return the state of a job, such as RUNNING."""
        return self.show(job).get("JobState", "UNKNOWN")

    def wait_for(self, job: int, *states: str, within: float = 60.0) -> str:
        """Wait until the job has one of the states (any in which it has ended, if none given)."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        wait_until(
            lambda: self.state(job) in (states or ended), within, f"job {job} is {states or ended}"
        )
        return self.state(job)

    def active(self) -> list[int]:
        """Return the jobs that wait or run."""
        out = self.command("squeue", "-h", "-o", "%A", stderr=subprocess.DEVNULL, check=True)
        return sorted({int(line) for line in out.split()})

    def squeue(self) -> str:
        """Return the queue as text."""
        return self.command("squeue", "-o", "%i %P %j %T %M %D %R %N")

    def processes(self) -> list[int]:
        """Return the processes that jobs of this cluster have started, on any node."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                environ = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"SLURM_CONF={self.conf}".encode() in environ and any(
                entry.startswith(b"SLURM_JOB_ID=") for entry in environ
            ):
                found.append(int(folder.name))
        return found

    def described(self) -> str:
        """Return what :meth:`processes` are: number, parent and command of each."""
        numbers = ",".join(map(str, self.processes())) or "0"
        columns = "pid,ppid,stat,etimes,args"
        done = subprocess.run(["ps", "-o", columns, "-p", numbers], text=True, capture_output=True)
        return done.stdout

    # -- counting ------------------------------------------------------------------------------
    def calls(self, *names: str, since: float = 0.0) -> list[tuple[float, str, str]]:
        """Return the counted calls (time, command, arguments), of some commands or all."""
        if not self._log.exists():
            return []
        rows = (line.split("\t", 2) for line in self._log.read_text().splitlines())
        all_calls = [(float(when), name, words) for when, name, words in rows]
        return [c for c in all_calls if c[0] >= since and (not names or c[1] in names)]

    def _shims(self) -> Path:
        folder = self.base / "shims"
        if not folder.exists():
            folder.mkdir()
            for name in COMMANDS:
                if program := shutil.which(name):
                    shim = folder / name
                    shim.write_text(_SHIM.format(name=name, log=self._log, program=program))
                    shim.chmod(0o755)
        return folder

    def _script(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPTS / name), *words], text=True, capture_output=True, timeout=120,
            env={**self.environment(), **self._knobs},
        )  # fmt: skip


def _free_ports(count: int) -> int:
    """Return the first of ``count`` free ports in a row, below those that clients get."""
    for _ in range(200):
        first = random.randrange(12000, 32000 - count)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError("no free ports for a private Slurm")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
