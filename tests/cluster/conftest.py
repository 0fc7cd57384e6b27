"""Fixtures of the tests that need a cluster: a private Slurm, JUBE, MPI."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

import pytest
from cluster.cluster import Cluster, missing, wait_until


@pytest.fixture(scope="session")
def _slurm() -> Iterator[Cluster]:
    if reason := missing():
        pytest.skip(reason)
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(_slurm: Cluster) -> Iterator[Cluster]:
    """Four nodes of four CPUs. After each file of tests, no job and no process may be left."""
    yield _slurm
    _slurm.revive()
    try:
        wait_until(lambda: not _slurm.active() and not _slurm.processes(), 30)
    except AssertionError:
        left = f"{_slurm.squeue()}{_slurm.described()}"
        _slurm.wipe()
        pytest.fail(f"left running: {left}")


@pytest.fixture(autouse=True)
def _environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let code of the test's own process see the cluster, where the test uses it."""
    if "cluster" in request.fixturenames:
        found: Cluster = request.getfixturevalue("cluster")
        monkeypatch.setenv("SLURM_CONF", str(found.conf))


@pytest.fixture(scope="session")
def jube() -> str:
    """Return the path of the command ``jube``."""
    found = shutil.which("jube")
    if found is None:
        pytest.skip("jube is not installed (make system, or apt-get install jube)")
    return found


@pytest.fixture(scope="session")
def mpi() -> str:
    """Return the path of ``mpiexec`` that goes with mpi4py."""
    import sys
    from pathlib import Path

    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed (pip install 'l2l[mpi]')")
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("mpiexec is not installed (pip install 'l2l[mpi]')")
    return found
