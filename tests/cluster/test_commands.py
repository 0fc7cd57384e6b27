"""The private cluster, the commands of Slurm as l2l calls them, and what an allocation says."""

from __future__ import annotations

import time

import pytest
from cluster.cluster import wait_until

from l2l.cluster import allocation, slurm
from l2l.cluster.allocation import Allocation, counts, expand, seconds
from l2l.errors import ConfigError, L2LError


@pytest.fixture(autouse=True)
def _fresh_queue(monkeypatch):
    monkeypatch.setattr(slurm, "_asker", slurm._Asker())
    allocation._end_of.cache_clear()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[01-03,07],login2", ["n01", "n02", "n03", "n07", "login2"]),
        ("r[0-1]c[1-2]-ib", ["r0c1-ib", "r0c2-ib", "r1c1-ib", "r1c2-ib"]),
        ("jwc[0998-1001]", ["jwc0998", "jwc0999", "jwc1000", "jwc1001"]),
    ],
)
def test_lists_of_nodes_are_expanded_here(text, names):
    assert expand(text) == names


@pytest.mark.parametrize("text", ["", "n[1-x]", "n[]"])
def test_what_is_no_list_of_nodes_is_an_error(text):
    with pytest.raises(L2LError, match="expected"):
        expand(text)


def test_numbers_and_durations_as_slurm_writes_them():
    assert counts("4(x2),8") == [4, 4, 8]
    assert seconds("1-02:03:04") == 93784
    assert seconds("9:58") == 598
    assert seconds("UNLIMITED") is None
    with pytest.raises(L2LError, match="expected numbers"):
        counts("four")


def test_outside_a_job_there_is_no_allocation(monkeypatch):
    for name in ("SLURM_JOB_ID", "L2L_JOB_END", "SLURM_JOB_END_TIME"):
        monkeypatch.delenv(name, raising=False)
    assert Allocation.here() is None
    assert allocation.time_left() is None


def test_an_allocation_is_read_from_the_environment():
    found = Allocation.here(
        {
            "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-2],big", "SLURM_RESTART_COUNT": "2",
            "SLURM_JOB_CPUS_PER_NODE": "4(x2),8", "SLURM_MEM_PER_CPU": "100",
        }
    )  # fmt: skip
    assert found == Allocation("7", ("n1", "n2", "big"), (4, 4, 8), 2, None, None, 100 * 2**20)


def test_the_end_of_the_job_needs_one_question_at_most(monkeypatch):
    monkeypatch.setenv("L2L_JOB_END", str(time.time() + 50))
    assert 45 < allocation.time_left() <= 50


def test_the_allocation_and_its_end_in_a_real_job(cluster):
    begun = time.time()
    said = cluster.command(
        "salloc", "-N2", "-c2", "--mem=300", "--time=7", "--quiet",
        *_python(
            "from l2l.cluster.allocation import *; a = Allocation.here();"
            "print(len(a.nodes), a.cpus, a.cpus_per_task, a.memory_per_node, time_left(),"
            "time_left())"
        ),
        env=cluster.environment(counted=True),
    )  # fmt: skip
    nodes, *cpus, each, memory, left, _ = said.split()
    assert (nodes, cpus, each, memory) == ("2", ["(2,", "2)"], "2", str(300 * 2**20))
    assert 360 < float(left) <= 421
    assert len(cluster.calls("squeue", "scontrol", since=begun)) == 1


def _python(code: str) -> list[str]:
    import sys

    return [sys.executable, "-P", "-c", code]


def test_refusals_of_sbatch_say_what_to_do(cluster):
    with pytest.raises(ConfigError, match=r"(?s)invalid partition.*sinfo -s"):
        slurm.submit("#!/bin/bash\n", ["--partition=nosuch"])
    with pytest.raises(ConfigError, match="what --gres may ask for"):
        slurm.submit("#!/bin/bash\n", ["--gres=unheard:3"])


def test_without_slurm_the_error_says_where_to_run(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="login node"):
        slurm.submit("#!/bin/bash\n")


def test_many_that_ask_are_one_question_and_a_silent_controller_ends_no_job(cluster, monkeypatch):
    counted = cluster.environment(counted=True)["PATH"]
    before = len(cluster.calls("squeue"))
    monkeypatch.setenv("PATH", counted)
    monkeypatch.setattr(slurm, "INTERVAL", 2.0)
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # as inside of a job: not handed on
    long, short = (slurm.submit(f"#!/bin/bash\nsleep {s}\n", ["-o/dev/null"]) for s in (600, 0))
    begun = time.monotonic()
    queues = [slurm.Queue() for _ in range(5)]

    def ask():
        return [queue.states([long, short]) for queue in queues][-1]

    wait_until(lambda: ask() == {long: "RUNNING"}, 30)
    third = slurm.submit("#!/bin/bash\n", ["--hold", "-o/dev/null"])
    assert queues[0].states([third]) == {third: "PENDING"}  # nobody has been asked about it yet
    asked = len(cluster.calls("squeue")) - before
    assert asked <= (time.monotonic() - begun) / 2 + 1

    with cluster.silent():
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert ask() == {long: "RUNNING"}
            time.sleep(0.2)
    slurm.cancel([long, third, short])
    wait_until(lambda: ask() == {} and queues[0].states([third]) == {}, 30)


def test_the_cluster_runs_jobs_and_loses_nodes(cluster, tmp_path):
    job = cluster.sbatch(
        "(setsid sleep 600 &); srun -n2 -N2 sleep 600 & sleep 600", "-N2", "-w", "n2,n3",
        "--no-kill", "--no-requeue", "-o", str(tmp_path / "out"),
    )  # fmt: skip
    cluster.wait_for(job, "RUNNING")
    wait_until(lambda: len(cluster.processes()) >= 6)
    cluster.kill_node("n2")
    cluster.kill_node("n3")
    assert not cluster.processes()
    cluster.revive()
    cluster.command("scancel", str(job))
    cluster.wait_for(job)
