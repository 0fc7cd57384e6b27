"""GPUs are shared out by CUDA_VISIBLE_DEVICES; what a worker sees is all that counts here."""

from __future__ import annotations

import os
from typing import Any

import cloudpickle
import pytest
from helpers.faults import finish, make_jobs

from l2l.errors import ConfigError
from l2l.executors.base import Task
from l2l.executors.local import LocalExecutor, LocalOptions
from l2l.gpus import VISIBLE, devices, shared_out
from l2l.optimizee import Optimizee, Result
from l2l.space import ParameterSpace

HERE = {VISIBLE: "3,5,GPU-8a1b"}


class Looks(Optimizee):
    """Says which GPU it sees: -1 for none, -2 where nobody says anything."""

    space = ParameterSpace({"x": (0.0, 1.0)})

    def simulate(self, traj: Any) -> Result:
        import time

        time.sleep(traj.individual.x)
        mine = os.environ.get(VISIBLE, "-2") or "-1"
        return Result(0.0, metrics={"gpu": float(mine), "mpi": float("PMI_RANK" in os.environ)})


def seen(**options: Any) -> dict[int, set[float]]:
    """Return the GPUs that each worker has seen."""
    cloudpickle.register_pickle_by_value(__import__(__name__))
    found: dict[int, set[float]] = {}
    with LocalExecutor(LocalOptions(**options)) as executor:
        executor.start(Task(cloudpickle.dumps(Looks()), Looks.space))
        for outcome in finish(executor, make_jobs(Looks.space, [{"x": 0.2}] * 8)).values():
            assert outcome.metrics["mpi"] == 0.0
            found.setdefault(outcome.worker, set()).add(outcome.metrics["gpu"])
    return found


def test_each_worker_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_RANK", "3")  # workers of a rank are none themselves
    monkeypatch.delenv(VISIBLE, raising=False)
    assert all(gpus == {-2.0} for gpus in seen(workers=1).values())
    assert all(gpus == {float(w % 2)} for w, gpus in seen(workers=3, gpus=2).items())
    assert all(gpus == {-1.0} for gpus in seen(workers=1, gpus=0).values())
    monkeypatch.setenv(VISIBLE, "4,6,7")
    expected = [6.0, 7.0]
    assert all(gpus == {expected[w % 2]} for w, gpus in seen(workers=2, gpus="1,2").items())


def test_which_gpus_there_are() -> None:
    assert devices(2, {}) == ["0", "1"]
    assert devices("0, 2,3", {}) == ["0", "2", "3"]
    assert devices(0, {}) == []
    assert devices(2, HERE) == ["3", "5"]
    assert devices("2,0", HERE) == ["GPU-8a1b", "3"]
    assert devices("GPU-8a1b", HERE) == ["GPU-8a1b"]
    for gpus in (4, "3", "GPU-9"):
        with pytest.raises(ConfigError, match=r"there is no GPU .* among the 3"):
            devices(gpus, HERE)
    with pytest.raises(ConfigError, match="expected how many, or which ones"):
        devices("two", {})


@pytest.mark.parametrize(
    "launcher", ["PARSL_WORKER_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK"]
)
def test_supervisors_of_a_node_count_on(launcher: str) -> None:
    """A supervisor has one worker, its number 0: which of the node's it is, its launcher says."""
    assert [shared_out(2, 0, {launcher: str(k)}) for k in range(4)] == ["0", "1", "0", "1"]
    assert [shared_out(3, 0, {**HERE, launcher: str(k)}) for k in (0, 2)] == ["3", "GPU-8a1b"]
    assert shared_out(0, 0, {launcher: "1"}) == ""


def test_too_few_gpus_are_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "0")
    with (
        pytest.raises(ConfigError, match="there is no GPU 1 among the 1"),
        LocalExecutor(LocalOptions(workers=1, gpus=2)) as executor,
    ):
        executor.start(Task(b"", Looks.space))
