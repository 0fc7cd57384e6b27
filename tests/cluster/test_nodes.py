"""Nodes that die under the slurm executor, and under srun after one has died."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cluster.cluster import Cluster, wait_until
from cluster.slurmruns import L2L, RUN, configure, inline_digest, lines

import l2l
from l2l.evaluation import Status

pytest.importorskip("parsl")


def test_a_run_ends_on_the_last_node(cluster: Cluster, tmp_path: Path) -> None:
    """Three of four nodes die in the middle of a generation; nothing is done twice or left out."""
    done = configure(tmp_path, 0.5, 48)
    with cluster.salloc("-Q", "--no-kill", "-N4", "--exclusive", *RUN, cwd=tmp_path) as run:
        wait_until(lambda: len(lines(done)) >= 8, 60)
        for node in ("n2", "n3", "n4"):
            cluster.kill_node(node)
        killed = time.time()
        output = run.communicate(timeout=200)[0]
    assert run.returncode == 0, output
    history = l2l.load(tmp_path / "there")
    assert sorted(history.id.tolist()) == list(range(len(history)))
    assert (history.status == Status.OK).all()
    lost = {failure.id: failure.message for failure in history.failures()}
    assert lost
    assert all("has gone" in message for message in lost.values())
    assert all(killed < history.started[i] < killed + 30 for i in lost)
    assert "lost with their node" in cluster.command(L2L, "status", "there", cwd=tmp_path)
    assert history.digest() == inline_digest(cluster, tmp_path)


@pytest.mark.campaign
def test_job_steps_begin_after_the_job_has_lost_a_node(cluster: Cluster, tmp_path: Path) -> None:
    """Slurm takes the CPUs of all steps that run at that moment for taken from then on."""
    cluster.revive()
    done = configure(tmp_path, 1.0, 28, name="srun", heartbeat=6)
    words = ("-Q", "--no-kill", "-N3", "-n12", *RUN)
    with cluster.salloc(*words, cwd=tmp_path, counted=True) as run:
        wait_until(lambda: len(lines(done)) >= 6, 60)
        node = cluster.command("squeue", "-h", "-t", "R", "-o", "%N").strip()[-2]  # n[2-4]
        down = ("scontrol", "update", f"nodename=n{node}", "state=down", "reason=test")
        cluster.command(*down, check=True)
        output = run.communicate(timeout=250)[0]
    cluster.command("scontrol", "update", f"nodename=n{node}", "state=resume")
    assert run.returncode == 0, output
    history = l2l.load(tmp_path / "there")
    assert sorted(history.id.tolist()) == list(range(len(history)))
    assert (history.status == Status.OK).all()
    assert all(f"on n{node} has gone" in failure.message for failure in history.failures())
    assert history.failures()
    assert history.digest() == inline_digest(cluster, tmp_path)
