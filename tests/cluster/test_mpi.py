"""The executor mpi, under mpiexec and under srun: results, stops, ranks that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cluster.cluster import Cluster, wait_until
from helpers import models, mpi_contract, processes

import l2l

L2L = str(Path(sys.executable).parent / "l2l")
TESTS = Path(__file__).parents[1]
RUN = [L2L, "run", "config.yaml", "--executor", "mpi"]
SRUN = ["srun", "-N4", "-n5", "--mpi=pmi2"]
PATIENCE = 120.0
CONFIG = f"""\
run: run
seed: 3
weights: [-1.0]
optimizee: {{name: "{models.__file__}:Stateful", delay: DELAY}}
optimizer: {{name: genetic_algorithm, pop_size: 12}}
executor: {{name: inline}}
stop: {{generations: 5}}
"""
SCRIPT = """\
import atexit
import sys
import time
import l2l

print("before", flush=True)
atexit.register(print, "at exit")
def sphere(individual):
    return individual.x ** 2

for seed in (1, 2):
    l2l.optimize(
        sphere, "random_search", space={"x": (-1.0, 1.0)}, evaluations=6, seed=seed,
        executor="mpi", run=f"run-{seed}", progress=False,
    )
print("after", len(l2l.load("run-2")), flush=True)
if sys.argv[1:]:
    raise RuntimeError("on purpose")
"""


class Started:
    """A command, and all processes that came of it."""

    def __init__(self, folder: Path, words: list[str], **environment: str) -> None:
        self.token = f"l2l-test-{os.getpid()}-{time.monotonic_ns()}"
        more = {**environment, "L2L_TEST": self.token, "PYTHONPATH": str(TESTS)}
        self.process = subprocess.Popen(
            words, cwd=folder, env={**processes.uncovered(), **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def rank(self, number: int) -> int:
        """Return the process of a rank; its workers have the same environment."""
        return wait_until(lambda: self._rank(number), PATIENCE, f"rank {number} is there")

    def _rank(self, number: int) -> int | None:
        for pid in processes.with_token(self.token):
            folder = Path("/proc") / str(pid)
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"PMI_RANK={number}".encode() in environment and b"config.yaml" in words:
                return pid
        return None

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and output; nothing may be left then."""
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert processes.all_gone(self.token, within=20.0), said
        return self.process.returncode, said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG.replace("DELAY", "0.05"))
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def done(folder: Path) -> int:
    """Return how many evaluations are on record."""
    try:
        return len(l2l.load(folder / "run"))
    except l2l.L2LError:
        return 0


def undisturbed(folder: Path, **changes: Any) -> Any:
    """Return the history of the same run inline, without delays and interruptions."""
    (folder / "inline.yaml").write_text(CONFIG.replace("DELAY", "0"))
    words = [L2L, "run", "inline.yaml", "--run", "inline", "--quiet"]
    subprocess.run(words, cwd=folder, check=True, timeout=PATIENCE)
    return l2l.load(folder / "inline")


def test_contract_and_faults(mpi: str, tmp_path: Path) -> None:
    program = Started(tmp_path, [mpi, "-n", "4", sys.executable, mpi_contract.__file__])
    code, said = program.end()
    assert (code, said.splitlines()[-1:]) == (0, ["all is well"]), said


def test_a_run_goes_on_whatever_ended_it(mpi: str, folder: Path) -> None:
    """Stopped, and its ranks killed, again and again: the history is that of an inline run."""
    expected = undisturbed(folder)
    kills = {
        "SIGTERM": (lambda it: it.process.send_signal(signal.SIGTERM), 75),
        "a rank": (lambda it: os.kill(it.rank(2), signal.SIGKILL), None),
        "SIGINT": (lambda it: it.process.send_signal(signal.SIGINT), 75),
        "rank 0": (lambda it: os.kill(it.rank(0), signal.SIGKILL), None),
        "mpiexec": (lambda it: it.process.kill(), None),
    }
    for number, (what, (kill, expected_code)) in enumerate(kills.items()):
        before = done(folder)
        it = Started(folder, [mpi, "-n", str(3 + number % 2), *RUN, "--resume", "--quiet"])
        wait_until(lambda before=before: done(folder) > before, PATIENCE, "results")
        kill(it)
        code, said = it.end()
        assert code == expected_code or (expected_code is None and code != 0), (what, code, said)
        assert done(folder) < len(expected), f"{what} came too late"
    code, said = Started(folder, [mpi, "-n", "4", *RUN, "--resume"]).end()
    assert code == 0, said
    assert l2l.load(folder / "run").digest() == expected.digest()


def test_one_rank_alone_is_inline(mpi: str, folder: Path) -> None:
    code, said = Started(folder, [mpi, "-n", "1", *RUN]).end()
    assert code == 0
    assert "there is one rank only, so evaluations run inline" in said
    assert l2l.load(folder / "run").digest() == undisturbed(folder).digest()


def test_a_script_runs_on_once_after_its_runs(mpi: str, folder: Path) -> None:
    """All ranks come to the first run; what follows is for rank 0, an error included."""
    three = [mpi, "-n", "3", sys.executable, "script.py"]
    code, said = Started(folder, three).end()
    assert (code, said.count("before"), said.count("after 6"), said.count("at exit")) == (
        0,
        3,
        1,
        1,
    )
    code, said = Started(folder, three).end()
    assert code == 2 or "run-1 exists already" in said, said
    assert said.count("run-1 exists already") == 1
    for run in ("run-1", "run-2"):
        (folder / run).rename(folder / f"old-{run}")
    code, said = Started(folder, [*three, "fail"]).end()
    assert (code, said.count("RuntimeError: on purpose"), said.count("at exit")) == (1, 1, 1), said


def test_what_is_wrong_is_said_before_anything_starts(folder: Path) -> None:
    def says(*words: str, **environment: str) -> str:
        code, said = Started(folder, list(words), **environment).end()
        assert code == 2, said
        return said

    said = says(*RUN, SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="0")
    assert "expected an MPI world of 4 ranks (SLURM_STEP_NUM_TASKS), got one of 1" in said
    assert "srun --mpi=pmi2" in said
    assert says(*RUN, SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="3") == ""
    said = says(*RUN, OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_RANK="0")
    assert "Start it with the mpiexec of that MPI" in said
    assert "mpiexec -n 5 gives 4 workers" in says(*RUN, "--workers", "4")
    hidden = "import sys; sys.modules['mpi4py'] = None; import l2l.cli; sys.exit(l2l.cli.main())"
    assert "pip install 'l2l[mpi]'" in says(sys.executable, "-c", hidden, *RUN[1:])
    assert not (folder / "run").exists()


def test_mpi_is_initialised_by_nobody_else(folder: Path) -> None:
    program = (
        "import sys, l2l.cli; import l2l.executors.mpi.executor; "
        "l2l.cli.main(['run', 'config.yaml', '--quiet', '--evaluations', '2']); "
        "sys.exit('mpi4py' in sys.modules)"
    )
    assert Started(folder, [sys.executable, "-c", program]).end()[0] == 0


# -- under Slurm ------------------------------------------------------------------------------


def slurm(cluster: Cluster) -> dict[str, str]:
    """Return what commands need to find the cluster."""
    return {"SLURM_CONF": str(cluster.conf)}


def test_under_srun(cluster: Cluster, mpi: str, folder: Path) -> None:
    """Without PMI nothing starts; USR1 and scancel stop; the history is that of an inline run."""
    del mpi
    code, said = Started(folder, ["srun", "-n3", "--mpi=none", *RUN], **slurm(cluster)).end()
    assert code == 2
    assert said.count("got one of 1") == 1
    assert not (folder / "run").exists()
    for words in (["--signal=USR1"], ["--signal=TERM"], []):
        before = done(folder)
        it = Started(folder, [*SRUN, *RUN, "--resume", "--quiet"], **slurm(cluster))
        wait_until(lambda before=before: done(folder) > before, PATIENCE, "results")
        (job,) = cluster.active()
        cluster.command("scancel", *words, str(job), check=True)
        code, said = it.end()
        assert code == 75, said
        wait_until(lambda: not cluster.active(), PATIENCE)
    code, said = Started(folder, [*SRUN, *RUN, "--resume"], **slurm(cluster)).end()
    assert code == 0, said
    assert l2l.load(folder / "run").digest() == undisturbed(folder).digest()


@pytest.mark.campaign
def test_a_killed_rank_ends_a_step_that_goes_on_without_it(
    cluster: Cluster, mpi: str, folder: Path
) -> None:
    """Slurm may leave the other ranks alone: they notice themselves, rank 0 gone or another."""
    for number in (2, 0):
        before = done(folder)
        words = [*SRUN, "--kill-on-bad-exit=0", *RUN, "--resume", "--quiet"]
        it = Started(folder, words, **slurm(cluster))
        wait_until(lambda before=before: done(folder) > before, PATIENCE, "results")
        os.kill(it.rank(number), signal.SIGKILL)
        code, said = it.end()
        assert code != 0
        assert ("rank 2 on n2 has gone" if number else "rank 0 has gone") in said, said
    assert Started(folder, [mpi, "-n", "3", *RUN, "--resume"]).end()[0] == 0
    assert l2l.load(folder / "run").digest() == undisturbed(folder).digest()


@pytest.mark.campaign
@pytest.mark.parametrize("node", ["n2", "n1"])
def test_a_killed_node_ends_the_job_and_its_requeue_finishes(
    cluster: Cluster, mpi: str, folder: Path, node: str
) -> None:
    """Also the node of rank 0, which is that of the batch script, too."""
    del mpi
    script = f"cd {folder}; PYTHONPATH={TESTS} {' '.join([*SRUN, *RUN])}"
    job = cluster.sbatch(script, "-N4", "-n5", "--requeue", "--open-mode=append")
    wait_until(lambda: done(folder), PATIENCE, "results")
    cluster.kill_node(node)
    wait_until(lambda: cluster.state(job) != "RUNNING", PATIENCE, "Slurm notices")
    cluster.revive()
    assert cluster.wait_for(job, within=PATIENCE) == "COMPLETED"
    assert cluster.show(job)["Restarts"] == "1"
    assert l2l.load(folder / "run").digest() == undisturbed(folder).digest()
