"""The slurm executor inside an allocation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster.cluster import Cluster, wait_until
from cluster.slurmruns import RUN, configure, inline_digest, lines, processes_in, said

import l2l
from l2l.errors import ConfigError
from l2l.evaluation import Status
from l2l.executors.slurm import manager
from l2l.executors.slurm.executor import SlurmExecutor
from l2l.executors.slurm.options import SlurmOptions, seconds_of

pytest.importorskip("parsl")

CONTRACT = """
import sys
from helpers.faults import check_faults
from l2l.executors.slurm.executor import SlurmExecutor, SlurmOptions
from l2l.testing import executors as contract

def make(workers=3, **options):
    return SlurmExecutor(SlurmOptions(workers_per_node=workers, **options))

if sys.argv[1:]:
    contract.check_executor(make)
else:
    contract.check_drain(make)
    contract.check_leftovers(make)
    check_faults(make)
"""


@pytest.mark.parametrize("words", [(), pytest.param(("whole",), marks=pytest.mark.campaign)])
def test_contract_and_faults(cluster: Cluster, tmp_path: Path, words: tuple[str, ...]) -> None:
    command = ("-Q", "-N1", "--exclusive", sys.executable, "-c", CONTRACT, *words)
    environment = cluster.environment(PYTHONPATH=str(Path(__file__).parents[1]))
    with cluster.salloc(*command, cwd=tmp_path, env=environment) as run:
        output = run.communicate(timeout=250)[0]
    assert run.returncode == 0, output


def test_a_run_in_an_allocation(cluster: Cluster, tmp_path: Path) -> None:
    """It finds its nodes, survives what people and machines do to it, and asks Slurm little."""
    done = configure(tmp_path, 0.6, 64, threads=2, heartbeat=8)
    before = len(cluster.calls())
    words = ("-Q", "-N3", "--exclusive", *RUN)
    with cluster.salloc(*words, cwd=tmp_path, counted=True) as run:
        wait_until(lambda: len(lines(done)) >= 6, 60)
        workers = _workers(tmp_path)
        assert len(workers) == 6  # of 3 nodes with 4 cores, 2 threads each
        os.kill(next(iter(workers.values())), signal.SIGKILL)  # a process of Parsl's pool
        time.sleep(1.0)
        os.kill(_managers(tmp_path)[0], signal.SIGKILL)
        (tmp_path / "there").rename(tmp_path / "away")
        time.sleep(5.0)
        (tmp_path / "away").rename(tmp_path / "there")
        output = run.communicate(timeout=200)[0]
    assert run.returncode == 0, output
    assert said(tmp_path, "was killed")
    history = l2l.load(tmp_path / "there")
    assert sorted(history.id.tolist()) == list(range(len(history)))
    assert (history.status == Status.OK).all()
    assert history.digest() == inline_digest(cluster, tmp_path)
    calls = [name for _, name, _ in cluster.calls()[before:]]
    assert calls.count("srun") == 1
    assert not {"squeue", "scontrol", "sbatch", "sinfo"} & set(calls)
    assert not processes_in(tmp_path)
    assert not (tmp_path / "away").exists()


def test_without_its_interchange_a_run_ends(cluster: Cluster, tmp_path: Path) -> None:
    done = configure(tmp_path, 0.5, 200, heartbeat=6)
    with cluster.salloc("-Q", "-N2", "--exclusive", *RUN, cwd=tmp_path) as run:
        wait_until(lambda: len(lines(done)) >= 2, 60)
        os.kill(_interchange(tmp_path), signal.SIGKILL)
        output = run.communicate(timeout=100)[0]
    assert run.returncode == 1, output
    assert "Parsl's interchange has ended (code -9); resume the run to go on" in output
    assert "Traceback" not in output
    wait_until(lambda: not processes_in(tmp_path), 60)


def _interchange(folder: Path) -> int:
    """Return the process that prints to the interchange's log."""
    log = str(folder / "there/logs/interchange.log")
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "fd/1") == log:
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("there is no interchange")


def _workers(folder: Path) -> dict[int, int]:
    """Return workers of the run, and the processes that they were started by."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            here = str(folder) in (entry / "environ").read_bytes().decode(errors="replace")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if here and b"l2l.worker" in command:
            found[int(entry.name)] = parent
    return found


def _managers(folder: Path) -> list[int]:
    """Return the processes of Parsl's managers."""
    found = subprocess.run(
        ["pgrep", "-f", f"^[^ ]*python.* -m l2l.executors.slurm.manager {folder}/there/"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(pid) for pid in found.stdout.split()]


# -- without a cluster ----------------------------------------------------------------------------


def test_walltimes_are_read_as_slurm_does() -> None:
    read = [seconds_of(text) for text in (30, "30", "30:30", "1:30:00", "2-12", "2-12:30:15")]
    assert read == [1800, 1800, 1830, 5400, 216000, 217815]
    for text in ("soon", "1:2:3:4", "0:30", ""):
        with pytest.raises(ConfigError):
            seconds_of(text)


def test_options_are_checked() -> None:
    assert SlurmOptions(setup="module load a\nmodule load b").lines("setup") == [
        "module load a", "module load b",
    ]  # fmt: skip
    for wrong in ({"setup": 3}, {"extra": ["mail"]}, {"extra": [1]}, {"walltime": "soon"}):
        with pytest.raises(ConfigError):
            SlurmOptions(**wrong)
    assert SlurmExecutor(SlurmOptions(gpus_per_node="a100:4")).options.gpus == 4


def test_neither_an_allocation_nor_sbatch_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for pilots in (None, False):
        with pytest.raises(ConfigError, match="allocation"):
            l2l.optimize(
                lambda traj: 0.0,
                space={"x": (0.0, 1.0)},
                optimizer="random_search",
                generations=1,
                executor={"name": "slurm", "pilots": pilots},
                run=tmp_path / f"run-{pilots}",
            )


def test_a_node_has_workers_for_its_cores_and_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"workers_per_node": None, "threads": 2, "hyperthreads": False, "memory": None}
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4096")  # more than this machine has
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert manager.count_workers(settings) == 2048
    assert manager.count_workers({**settings, "workers_per_node": 3}) == 3
    monkeypatch.setenv("L2L_MEM_PER_NODE", "1000")
    assert manager.count_workers({**settings, "memory": 300 * 2**20}) == 3
    with pytest.raises(SystemExit, match="n1: memory_limit is 2000 MiB"):
        manager.count_workers({**settings, "memory": 2000 * 2**20})


def test_hyperthreads_count_once_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(manager, "_cores_of", lambda cpus: {n % 2 for n in cpus})
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4")
    assert manager.count_cores(hyperthreads=False) == 2
    assert manager.count_cores(hyperthreads=True) == 4
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "8")  # Slurm does not confine: they can't be told
    assert manager.count_cores(hyperthreads=False) == 8
