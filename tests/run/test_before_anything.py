"""What is wrong with a user's code or arguments is told before a run folder is made or moved."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import l2l
from l2l.errors import ConfigError, L2LError, RunLocked
from l2l.optimizee import RESERVED
from l2l.optimizers.randomsearch import RandomSearch

GA = {"name": "genetic_algorithm", "pop_size": 4}


class Model(l2l.Optimizee):
    """Draws ``x`` by itself."""

    def create_individual(self):
        return {"x": 1.0}

    def simulate(self, traj):
        return traj.individual.x


class CreatesLess(Model):
    """Draws other parameters the second time."""

    n = 0

    def create_individual(self):
        self.n += 1
        return {"x": 1.0} if self.n == 1 else None


class CreateRaises(Model):
    """Fails the second time."""

    n = 0

    def create_individual(self):
        self.n += 1
        if self.n > 1:
            raise RuntimeError("no licence")
        return {"x": 1.0}


class BoundsNothing(Model):
    """Forgets to return the individual."""

    def bounding_func(self, individual):
        individual["x"] = 0.0


class HoldsLock(Model):
    """Can't be sent to workers."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class WithoutMethods:
    """No progress."""


@pytest.mark.parametrize(
    ("optimizee", "error", "text"),
    [
        (CreatesLess, ConfigError, "create_individual .* is a dict.* got None"),
        (CreateRaises, RuntimeError, "no licence"),
        (BoundsNothing, ConfigError, "bounding_func .* is a dict.* got None"),
        (HoldsLock, ConfigError, "can't be sent to workers"),
    ],
)
def test_an_optimizee_that_can_not_start_leaves_nothing(tmp_path, optimizee, error, text):
    with pytest.raises(error, match=text):
        l2l.optimize(optimizee(), GA, generations=1, run=tmp_path / "run", progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"weights": "a"}, "weights must be"),
        ({"optimizer": None}, "expected a name"),
        ({"executor": RandomSearch}, "expected a name"),
        ({"space": [("x", 0.0, 1.0)]}, "Parameter"),
        ({"space": {3: (0.0, 1.0)}}, "must be a text"),
        ({"space": {"x": {"a", "b"}}}, "a list of choices"),
        ({"space": l2l.ParameterSpace([l2l.Parameter("x")])}, "no bounds"),
        ({"optimizer": {**GA, "crossover": "sbx", "mutation": "gaussian"},
          "space": l2l.ParameterSpace([l2l.Parameter("x")])}, "bounds"),
        ({"progress": WithoutMethods()}, "has no start, update, generation, stop, close"),
        ({"progress": None}, "progress must be"),
    ],
)  # fmt: skip
def test_bad_arguments_leave_nothing(tmp_path, arguments, text):
    good = {"optimizer": GA, "space": {"x": (0.0, 1.0)}, "generations": 1, "progress": False}
    with pytest.raises(ConfigError, match=text):
        l2l.optimize(lambda p: p.x, **{**good, **arguments}, run=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["seed", "generation", "ind_idx", "params", "workdir", "values"])
def test_names_that_an_individual_has_for_itself(tmp_path, name):
    assert name in RESERVED
    with pytest.raises(ConfigError, match=f"can't be named {name}"):
        l2l.optimize(lambda p: p[name], GA, space={name: (0.0, 1.0)}, generations=1,
                     run=tmp_path / "run", progress=False)  # fmt: skip


def test_a_broken_overwrite_leaves_the_old_run_in_place(tmp_path):
    good = {"generations": 1, "run": tmp_path / "run", "executor": "inline", "progress": False}
    l2l.optimize(Model(), GA, **good)
    with pytest.raises(ConfigError):
        l2l.optimize(HoldsLock(), GA, **good, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_empty_folder_is_free(tmp_path):
    l2l.optimize(Model(), GA, generations=1, run=tmp_path, executor="inline", progress=False)
    assert len(l2l.load(tmp_path)) == 4


def test_a_run_that_goes_on_is_not_moved_away(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import l2l, time\n"
        "def slow(p):\n    time.sleep(0.2)\n    return p.x\n"
        "l2l.optimize(slow, 'random_search', space={'x': (0.0, 1.0)}, generations=99, run='run',\n"
        "             workers=1, progress=False)\n"
    )
    with subprocess.Popen([sys.executable, script], cwd=tmp_path) as process:
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / "run" / "run.yaml").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            with pytest.raises(RunLocked, match=str(process.pid)):
                l2l.optimize(Model(), GA, generations=1, run=tmp_path / "run", overwrite=True,
                             executor="inline", progress=False)  # fmt: skip
            assert not (tmp_path / "run.1").exists()
        finally:
            process.kill()


class Watcher:
    """Progress that fails."""

    def start(self, generations, evaluations, done):
        """Do nothing."""

    update = stop = generation = start

    def close(self):
        """Fail."""
        raise OSError("the terminal is gone")


def test_a_broken_watcher_does_not_keep_the_run_locked(tmp_path):
    settings = {"generations": 2, "run": tmp_path / "run", "executor": "inline", "resume": True}
    with pytest.raises((OSError, TypeError)):
        l2l.optimize(Model(), GA, **settings, progress=Watcher())
    assert l2l.optimize(Model(), GA, **settings, progress=False).reason == "2 generations"


class AsksWrongly(RandomSearch):
    """Returns no points."""

    def ask(self):
        return np.empty((0, 1))


def test_an_optimizer_that_asks_wrongly(tmp_path):
    with pytest.raises(L2LError, match=r"AsksWrongly.ask\(\) must return points \(n, 1\)"):
        l2l.optimize(lambda p: p.x, AsksWrongly, space={"x": (0.0, 1.0)}, evaluations=5,
                     run=tmp_path / "run", executor="inline", progress=False)  # fmt: skip


def test_an_executor_that_is_not_there_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for executor in ("slurm", "srun", "jube"):
        with pytest.raises(ConfigError):
            l2l.optimize(
                lambda individual: individual.x, GA, space={"x": (0.0, 1.0)}, generations=1,
                executor=executor, run=tmp_path / "run", progress=False,
            )  # fmt: skip
        assert not (tmp_path / "run").exists()
