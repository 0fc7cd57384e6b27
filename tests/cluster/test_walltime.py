"""What happens to jobs of a run: near the end, requeued, cancelled, node gone, doubled."""

from __future__ import annotations

import time

import pytest
from cluster.cluster import wait_until
from cluster.submitted import held_by, log, reference, results, submit, wait_for_results

import l2l


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    return reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module", autouse=True)
def orphan(cluster, tmp_path_factory):
    """Return job, run and node of a driver whose node is killed: Slurm takes 30 s to notice."""
    job, run = submit(cluster, tmp_path_factory.mktemp("orphan"))
    wait_for_results(run)
    node = cluster.show(job)["BatchHost"]
    cluster.kill_node(node)
    yield job, run, node
    cluster.wipe()  # where a test has failed, it is there still


@pytest.fixture
def elsewhere(orphan):
    """Return the option that keeps a job off the node that was killed."""
    return f"--extra=--exclude={orphan[2]}"


def test_near_its_end_it_stops_and_is_requeued_and_a_storm_of_requeues_costs_only_time(
    cluster, tmp_path, digest, elsewhere
):
    """However often it is begun again, the history is that of one run."""
    begun = time.time()
    job, run = submit(cluster, tmp_path, elsewhere)
    wait_for_results(run)
    cluster.command("scancel", "--batch", "--signal=USR1", str(job))
    cluster.wait_for(job, "PENDING", "COMPLETED")
    there = results(run)
    assert 4 <= there < 30
    assert "stopped by SIGUSR1" in log(run)
    assert [words for _, _, words in cluster.calls("scontrol", since=begun)] == [f"requeue {job}"]
    wait_for_results(run, there + 2)
    assert cluster.show(job)["Restarts"] == "1"
    assert "goes on after" in log(run)
    for _ in range(5):
        cluster.command("scontrol", "requeue", str(job))
    assert cluster.wait_for(job, "COMPLETED", "FAILED", within=120) == "COMPLETED", log(run)
    assert int(cluster.show(job)["Restarts"]) >= 2
    assert l2l.load(run).digest() == digest
    starts = 1 + int(cluster.show(job)["Restarts"])
    assert len(cluster.calls("squeue", since=begun)) <= starts  # when it ends, one a start
    assert len(cluster.calls("scontrol", since=begun)) == 1


def test_a_second_job_steps_back_and_a_cancelled_one_can_be_resumed(
    cluster, tmp_path, digest, elsewhere
):
    first, run = submit(cluster, tmp_path, elsewhere, slow=1.0)
    wait_for_results(run, 2)
    second, _ = submit(cluster, tmp_path, "--resume", str(run), elsewhere)
    assert cluster.wait_for(second) == "FAILED"
    assert cluster.show(second)["ExitCode"] == "4:0", log(run)
    assert cluster.show(second)["Restarts"] == "0"
    cluster.command("scancel", str(first))
    assert cluster.wait_for(first) == "CANCELLED"  # and not requeued
    wait_until(lambda: not held_by(cluster, tmp_path), 30, "all processes have gone")
    third, _ = submit(cluster, tmp_path, "--resume", str(run), elsewhere, slow=0.0)
    assert cluster.wait_for(third) == "COMPLETED", log(run)
    assert l2l.load(run).digest() == digest
    assert not l2l.load(run).failures()


def test_a_signal_that_comes_before_the_run_listens_does_not_requeue_for_ever(
    cluster, tmp_path, elsewhere
):
    """As after ten restarts: the wall-time is too short for whatever comes before the run."""
    slow = f"--setup=touch {tmp_path}/begun; sleep 2; export SLURM_RESTART_COUNT=10"
    job, run = submit(cluster, tmp_path, elsewhere, slow)
    wait_until((tmp_path / "begun").exists, 60)
    cluster.command("scancel", "--batch", "--signal=USR1", str(job))
    assert cluster.wait_for(job) == "FAILED", log(run)
    assert cluster.show(job)["ExitCode"] == "138:0"
    assert cluster.show(job)["Restarts"] == "0"


def test_the_node_of_the_driver_has_gone(cluster, orphan, digest):
    job, run, node = orphan
    assert cluster.wait_for(job, "COMPLETED", "FAILED", "CANCELLED", within=240) == "COMPLETED"
    assert cluster.show(job)["Restarts"] == "1"
    assert cluster.show(job)["BatchHost"] != node
    assert l2l.load(run).digest() == digest


@pytest.mark.campaign
def test_a_real_wall_time_of_two_minutes(cluster, tmp_path, digest):
    job, run = submit(cluster, tmp_path, "--walltime=2", "--signal-margin=55", slow=12.0)
    assert cluster.wait_for(job, "COMPLETED", "FAILED", "TIMEOUT", within=600) == "COMPLETED"
    assert int(cluster.show(job)["Restarts"]) >= 1
    assert l2l.load(run).digest() == digest
