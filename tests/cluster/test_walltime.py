"""What happens to jobs of a run: near the end, requeued, cancelled, node gone, doubled."""

from __future__ import annotations

import time

import pytest
from cluster.cluster import wait_until
from cluster.submitted import held_by, log, reference, submit, wait_for_results

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


def test_near_its_end_the_run_stops_and_goes_on_in_the_requeued_job(
    cluster, tmp_path, digest, elsewhere
):
    begun = time.time()
    job, run = submit(cluster, tmp_path, elsewhere)
    wait_for_results(run)
    cluster.command("scancel", "--batch", "--signal=USR1", str(job))
    cluster.wait_for(job, "PENDING", "COMPLETED")
    assert 4 <= len(l2l.load(run)) < 30
    assert cluster.wait_for(job, "COMPLETED", "FAILED") == "COMPLETED", log(run)
    assert cluster.show(job)["Restarts"] == "1"
    assert l2l.load(run).digest() == digest
    assert "stopped by SIGUSR1" in log(run)
    assert "goes on after" in log(run)
    asked = cluster.calls("squeue", since=begun)
    assert len([words for _, _, words in asked if str(job) in words]) == 2  # one a start
    assert [words for _, _, words in cluster.calls("scontrol", since=begun)] == [f"requeue {job}"]


def test_a_storm_of_requeues_costs_nothing_but_time(cluster, tmp_path, digest, elsewhere):
    job, run = submit(cluster, tmp_path, elsewhere)
    wait_for_results(run, 2)
    for _ in range(5):
        cluster.command("scontrol", "requeue", str(job))
    cluster.wait_for(job, "RUNNING")
    wait_for_results(run, 8)
    cluster.command("scontrol", "requeue", str(job))
    assert cluster.wait_for(job, "COMPLETED", "FAILED", within=120) == "COMPLETED", log(run)
    assert int(cluster.show(job)["Restarts"]) >= 2
    assert l2l.load(run).digest() == digest


def test_a_cancelled_run_is_not_requeued_and_can_be_resumed(cluster, tmp_path, digest, elsewhere):
    job, run = submit(cluster, tmp_path, elsewhere)
    wait_for_results(run)
    cluster.command("scancel", str(job))
    assert cluster.wait_for(job) == "CANCELLED"
    wait_until(lambda: not held_by(cluster, tmp_path), 30, "all processes have gone")
    job, _ = submit(cluster, tmp_path, "--resume", str(run), elsewhere)
    assert cluster.wait_for(job) == "COMPLETED", log(run)
    assert l2l.load(run).digest() == digest
    assert not l2l.load(run).failures()


def test_of_two_jobs_on_one_run_the_second_steps_back(cluster, tmp_path, digest, elsewhere):
    first, run = submit(cluster, tmp_path, elsewhere)
    wait_for_results(run)
    second, _ = submit(cluster, tmp_path, "--resume", str(run), elsewhere)
    assert cluster.wait_for(second) == "FAILED"
    assert cluster.show(second)["ExitCode"] == "4:0", log(run)
    assert cluster.show(second)["Restarts"] == "0"
    assert cluster.wait_for(first) == "COMPLETED", log(run)
    assert l2l.load(run).digest() == digest


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
