"""The executor srun on a real Slurm: the contract, MPI programs, and all that can go wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cluster.cluster import Cluster, wait_until
from helpers.ranks import FAULTS, Gated, Ring

from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Job, Outcome, Status
from l2l.executors.base import Task
from l2l.executors.srun.executor import SrunExecutor, SrunOptions
from l2l.optimizee import Optimizee, space_of
from l2l.testing.executors import (
    check_batches,
    check_close,
    check_drain,
    check_executor,
    check_kills,
    check_leftovers,
    make_jobs,
)

PATIENCE = 120.0


@pytest.fixture(scope="module")
def allocation(cluster: Cluster) -> Iterator[int]:
    """An allocation of all four nodes; this process is the outer loop, outside of them."""
    words = ("--no-shell", "--no-kill", "-N4", "-n16", "-J", "test_srun")
    text = cluster.command("salloc", *words, check=True)
    job = int(text.split("Granted job allocation ")[1].split()[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(cluster.conf))
        patch.setenv("SLURM_JOB_ID", str(job))
        patch.setenv("SLURM_JOB_CPUS_PER_NODE", "4(x4)")
        patch.setenv("SLURM_NTASKS", "16")  # what would shape the steps must not
        patch.setenv("SLURM_EXPORT_ENV", "NONE")
        yield job
    cluster.command("scancel", str(job))


def make(workers: int | None = None, **options: Any) -> SrunExecutor:
    return SrunExecutor(SrunOptions(max_steps=workers, **options))


@contextmanager
def running(
    optimizee: type[Optimizee], gate: Path | None = None, **options: Any
) -> Iterator[SrunExecutor]:
    resources = options.pop("resources", getattr(optimizee, "resources", None) or {})
    with make(**options) as executor:
        arguments = {"gate": str(gate)} if gate else {}
        name = f"{optimizee.__module__}:{optimizee.__qualname__}"
        task = Task((name, arguments), space_of(optimizee))
        task.resources = dict(resources)
        executor.start(task)
        yield executor


def finish(executor: SrunExecutor, jobs: list[Job]) -> list[Outcome]:
    """Return the outcomes in the order of the jobs."""
    executor.submit(jobs)
    return collect(executor, jobs)


def collect(executor: SrunExecutor, jobs: list[Job]) -> list[Outcome]:
    landed: dict[int, Outcome] = {}
    end = time.monotonic() + PATIENCE
    while len(landed) < len(jobs) and time.monotonic() < end:
        landed |= {outcome.job.id: outcome for outcome in executor.collect(1.0)}
    assert sorted(landed) == sorted(job.id for job in jobs)
    return [landed[job.id] for job in jobs]


def all_began(executor: SrunExecutor, n: int) -> bool:
    """Whether ``n`` steps run, for a moment at least."""
    assert not executor.collect(0.05)
    steps = executor.crew.running()
    return len(steps) == n and all(step.began for step in steps)


def steps_of(cluster: Cluster, job: int) -> list[str]:
    return cluster.command("squeue", "-h", "-s", "-j", str(job), "-o", "%i").split()


@pytest.mark.campaign
def test_the_whole_contract(allocation: int) -> None:
    check_executor(make)


@pytest.mark.parametrize(
    "check",
    [check_batches, check_drain, check_close, check_kills, check_leftovers],
)
def test_the_contract(allocation: int, check: Any) -> None:
    check(make)


def test_mpi_programs(cluster: Cluster, allocation: int) -> None:
    """All ranks run ``simulate``; rank 0's return counts, and any rank's failure."""
    said = {
        "raises 0": (Status.FAILED, "rank 0 of 4 on n", "ZeroDivisionError: on purpose"),
        "raises 1": (Status.FAILED, "rank 1 of 4 on n", "ZeroDivisionError: on purpose"),
        "exits 1": (Status.CRASHED, "rank 1 of 4 on n", "exited with code 3 without a result"),
        "segfaults 2": (Status.CRASHED, "rank 2 of 4 on n", "killed by SIGSEGV"),
        "aborts 1": (Status.CRASHED, "rank 1 of 4 on n", "called MPI_Abort with exit code 7"),
        "is killed 3": (Status.CRASHED, "rank 3 of 4 on n", "killed by SIGKILL"),
        "hangs 3": (Status.TIMEOUT, "rank ", "ran longer than its timeout of 4 s"),
        "returns nothing 0": (Status.INVALID, "rank 0 of 4", "fitness, got None"),
    }
    assert said.keys() == set(FAULTS) - {"fine"}
    with running(Ring, nodes=2, timeout=4.0) as executor:
        assert executor.workers == 4
        rows = [[float(x), FAULTS.index("fine")] for x in range(1, 4)]
        rows += [[1.0, FAULTS.index(fault)] for fault in said]
        outcomes = finish(executor, make_jobs(Ring, rows))
        for x, outcome in enumerate(outcomes[:3], 1):
            assert outcome.status is Status.OK, outcome
            assert outcome.fitness == (10.0 * x,)
            assert outcome.metrics == {"ranks": 4, "nodes": 2}
        for (fault, (status, rank, message)), outcome in zip(
            said.items(), outcomes[3:], strict=True
        ):
            assert outcome.status is status, (fault, outcome)
            assert outcome.message.startswith(rank), (fault, outcome.message)
            assert message in outcome.message, (fault, outcome.message)
            assert "is here" in outcome.output, (fault, outcome.output)
        # Fewest nodes, and the configuration wins over the optimizee.
    with running(Ring, ntasks=2) as executor:
        [outcome] = finish(executor, make_jobs(Ring, [[1.0, 0]]))
        assert (outcome.fitness, outcome.metrics) == ((3.0,), {"ranks": 2, "nodes": 1})
        [step] = executor.crew.steps.values() or [None]
        if step is not None:  # MPI_Finalize has run in all ranks: the step ends by itself
            assert step.process.wait(PATIENCE) == 0
    wait_until(lambda: not steps_of(cluster, allocation))


def test_steps_that_go_away(cluster: Cluster, allocation: int, tmp_path: Path) -> None:
    """scancel of a step and a killed srun: lost, with the reason; all others are fine."""
    gate = tmp_path / "gate"
    jobs = make_jobs(Gated, [[i] for i in range(4)])
    with running(Gated, gate, resources={"ntasks": 2, "nodes": 2}, workers=4) as executor:
        executor.submit(jobs)
        wait_until(lambda: all_began(executor, 4))
        assert len(executor.ages()) == 4
        first, second, *_ = executor.crew.running()
        cluster.command("scancel", first.name)
        second.process.kill()
        gate.touch()
        outcomes = {o.job.id: o for o in collect(executor, jobs)}
        lost = [outcomes.pop(step.call[0].id) for step in (first, second)]
        assert {o.status for o in lost} == {Status.LOST}
        assert "has gone: srun ended (code 137)" in lost[0].message, lost[0].message
        assert "CANCELLED" in lost[0].message
        assert lost[0].message.startswith(f"job step {first.name} on n")
        assert "srun ended (killed by SIGKILL)" in lost[1].message, lost[1].message
        assert {o.status for o in outcomes.values()} == {Status.OK}
        again = finish(executor, make_jobs(Gated, [[i] for i in range(2)], 10))
        assert {o.status for o in again} == {Status.OK}
    wait_until(lambda: not steps_of(cluster, allocation))  # they hold no CPU for ever


def test_a_full_allocation(cluster: Cluster, allocation: int) -> None:
    """Where something else has the CPUs, steps wait until they are free."""
    command = ["srun", f"--jobid={allocation}", "--exact", "-N4", "-n16", "sleep", "600"]
    other = subprocess.Popen(command, env=cluster.environment(), stderr=subprocess.DEVNULL)
    wait_until(lambda: steps_of(cluster, allocation))
    jobs = make_jobs(Gated, [[i] for i in range(3)])
    with running(Gated, workers=3) as executor:
        executor.submit(jobs)
        assert executor.collect(1.0) == []
        other.terminate()
        outcomes = collect(executor, jobs)
    assert {o.status for o in outcomes} == {Status.OK}
    other.wait(PATIENCE)


DRIVER = textwrap.dedent("""
    import sys
    from helpers.ranks import Gated
    from l2l.executors.base import Task
    from l2l.executors.srun.executor import SrunExecutor, SrunOptions
    from l2l.testing.executors import make_jobs
    executor = SrunExecutor(SrunOptions(ntasks=2, max_steps=2))
    executor.start(Task(("helpers.ranks:Gated", {"gate": "/never"}), Gated.space))
    executor.submit(make_jobs(Gated, [[0.0]] * 2))
    while not all(step.began for step in executor.crew.running()):
        executor.collect(0.1)
    print("running", flush=True)
    executor.collect()
""")


def test_the_driver_is_killed(cluster: Cluster, allocation: int) -> None:
    """Its steps end with it."""
    before = set(steps_of(cluster, allocation))
    assert not before, cluster.command("squeue", "-s", "-j", str(allocation))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], env=env, stdout=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"running\n"
    assert set(steps_of(cluster, allocation)) - before
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not set(steps_of(cluster, allocation)) - before, 30)
    wait_until(lambda: not cluster.processes())


def test_errors_come_before_anything_starts(
    allocation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options, words in [
        ({"ntasks": 17}, "needs 17 tasks of 1 CPUs, and the nodes"),
        ({"cpus_per_task": 5}, "needs 1 tasks of 5 CPUs, and the nodes"),
        ({"nodes": 5, "ntasks": 5}, "needs 5 tasks of 1 CPUs on 5 nodes"),
        ({"threads": 4, "cpus_per_task": 2}, "cpus_per_task=2 is less than threads=4"),
        ({"resources": {"tasks": 4}}, "'tasks' is unknown; did you mean 'ntasks'?"),
        ({"resources": {"ntasks": "4"}}, "ntasks must be a positive number, got '4'"),
    ]:
        with pytest.raises(ConfigError, match=words), running(Gated, **options):
            pass
    with pytest.raises(ConfigError, match="must be a list of texts"):
        SrunOptions(arguments="--label")
    with running(Gated, arguments=["--gres=unheard:3"]) as executor:
        executor.submit(make_jobs(Gated, [[0.0]]))
        with pytest.raises(L2LError, match=r"(?s)no job step can be started.*gres=unheard"):
            executor.collect(PATIENCE)
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(ConfigError, match="inside an allocation of Slurm"), running(Gated):
        pass


def test_a_node_dies(cluster: Cluster, allocation: int, tmp_path: Path) -> None:
    """Its evaluations are lost long before Slurm says so; those tried again run elsewhere."""
    gate = tmp_path / "gate"
    jobs = make_jobs(Gated, [[i] for i in range(4)])
    options = {"resources": {"ntasks": 2, "nodes": 2}, "heartbeat": 5.0, "workers": 4}
    with running(Gated, gate, **options) as executor:
        executor.submit(jobs)
        wait_until(lambda: all_began(executor, 4))
        on_it = {s.call[0].id for s in executor.crew.running() if "n2" in s.nodes.values()}
        assert on_it
        cluster.kill_node("n2")
        first = executor.collect(PATIENCE)
        gate.touch()
        rest = [job for job in jobs if job.id not in {o.job.id for o in first}]
        outcomes = first + collect(executor, rest)
        lost = [o for o in outcomes if o.status is Status.LOST]
        assert {o.job.id for o in lost} == on_it
        assert all(" on n2 has gone: nothing was heard" in o.message for o in lost)
        again = finish(executor, make_jobs(Gated, [[i] for i in range(4)], 10))
        assert {o.status for o in again} == {Status.OK}
    cluster.revive()
