"""The slurm executor outside of an allocation: jobs bring its workers."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest
from cluster.cluster import Cluster, wait_until
from cluster.slurmruns import (
    configure,
    inline_digest,
    lines,
    processes_in,
    said,
    start,
)

import l2l
from l2l.evaluation import Status

pytest.importorskip("parsl")

SMALL = {"nodes": 1, "workers_per_node": 2, "walltime": "10:00"}


def test_pilots_come_and_are_replaced(cluster: Cluster, tmp_path: Path) -> None:
    """Two pilots, one of which is cancelled: another takes its place, and its work is done."""
    done = configure(tmp_path, 0.8, 40, **SMALL, max_blocks=2, heartbeat=8)
    before = len(cluster.calls())
    run = start(cluster, tmp_path, counted=True)
    wait_until(lambda: len(cluster.active()) == 2 and len(lines(done)) >= 8, 60)
    first = cluster.active()[0]
    cluster.command("scancel", str(first))
    output = run.communicate(timeout=200)[0]
    assert run.returncode == 0, output
    assert said(tmp_path, f"pilot {first} has ended")
    history = l2l.load(tmp_path / "there")
    assert sorted(history.id.tolist()) == list(range(len(history)))
    assert (history.status == Status.OK).all()
    assert all(f"job {first} has gone" in failure.message for failure in history.failures())
    assert history.digest() == inline_digest(cluster, tmp_path)
    logs = sorted(path.name for path in (tmp_path / "there/logs").iterdir())
    assert len(logs) == 5, logs  # of the run, the interchange and three pilots
    wait_until(lambda: not cluster.active(), 20)

    calls = cluster.calls()[before:]
    asked = [when for when, name, _ in calls if name in ("squeue", "scontrol")]
    assert asked
    assert all(after - before > 9.5 for before, after in itertools.pairwise(asked))
    assert [name for _, name, _ in calls].count("sbatch") == 3
    assert [name for _, name, _ in calls].count("srun") == 3


def test_nothing_is_left_of_a_driver_that_was_killed(cluster: Cluster, tmp_path: Path) -> None:
    """Its pilots miss it, and end."""
    done = configure(tmp_path, 0.5, 400, **SMALL, heartbeat=3)
    run = start(cluster, tmp_path)
    wait_until(lambda: len(lines(done)) >= 2, 60)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    wait_until(lambda: not cluster.active() and not processes_in(tmp_path), 90)


def test_a_pilot_that_slurm_refuses_is_an_error(cluster: Cluster, tmp_path: Path) -> None:
    configure(tmp_path, 0.0, 4, partition="nonsense")
    run = start(cluster, tmp_path)
    output = run.communicate(timeout=60)[0]
    assert run.returncode == 2
    assert "invalid partition" in output
    assert "Traceback" not in output


@pytest.mark.campaign
def test_pilots_that_fail_again_and_again_end_the_run(cluster: Cluster, tmp_path: Path) -> None:
    configure(tmp_path, 0.0, 4, **SMALL, setup=["echo no such module", "exit 3"])
    run = start(cluster, tmp_path)
    output = run.communicate(timeout=200)[0]
    assert run.returncode == 1
    assert "3 pilots in a row ended without a result" in output
    assert "no such module" in output


@pytest.mark.campaign
def test_a_pilot_at_its_wall_time_is_replaced(cluster: Cluster, tmp_path: Path) -> None:
    """A real limit of one minute: it gets no more work in time, and nothing is lost."""
    configure(tmp_path, 1.5, 60, **{**SMALL, "walltime": "1:00"})
    run = start(cluster, tmp_path)
    output = run.communicate(timeout=400)[0]
    assert run.returncode == 0, output
    assert said(tmp_path, "is about to reach its wall-time")
    history = l2l.load(tmp_path / "there")
    assert not history.failures()
    assert history.digest() == inline_digest(cluster, tmp_path)
