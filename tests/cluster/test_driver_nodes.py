"""The node of the outer loop dies, under each executor: the requeued job resumes by itself."""

from __future__ import annotations

import pytest
from cluster.submitted import log, reference, submit, wait_for_results

import l2l

SETTINGS = {
    "slurm": ("--nodes=2", "--ntasks=4"),
    "srun": ("--nodes=2", "--ntasks=4", "--set=executor.mpi=none"),
    "mpi": ("--nodes=2", "--ntasks=4"),
    "jube": (),
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    return reference(tmp_path_factory.mktemp("reference"))


@pytest.mark.campaign
@pytest.mark.parametrize("executor", list(SETTINGS))
def test_the_requeued_job_goes_on(cluster, tmp_path, digest, executor, jube):
    """Under local it is in ``test_walltime.py``."""
    del jube  # must be there
    job, run = submit(cluster, tmp_path, f"--executor={executor}", *SETTINGS[executor], slow=1.0)
    wait_for_results(run, 8)
    node = cluster.show(job)["BatchHost"]
    cluster.kill_node(node)
    ended = cluster.wait_for(job, "COMPLETED", "FAILED", "CANCELLED", within=400)
    assert ended == "COMPLETED", log(run)
    assert cluster.show(job)["Restarts"] == "1"
    history = l2l.load(run)
    assert history.digest() == digest
    assert len(set(history.id.tolist())) == len(history)
    cluster.wipe()
