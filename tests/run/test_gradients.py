"""Gradients of an optimizee, from ``value_and_grad`` to what the optimizer is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

import l2l
from l2l import wire
from l2l.evaluate import Evaluator
from l2l.evaluation import Job, Status
from l2l.executors.base import Task
from l2l.optimizee import BatchResult, has_gradients

SPACE = l2l.ParameterSpace(
    [
        l2l.Parameter("x", -5.0, 5.0, shape=(2,)),
        l2l.Parameter("tau", 0.1, 1000.0, scale="log"),
        l2l.Parameter("n", 1, 4, kind="int"),
        l2l.Parameter("rule", kind="categorical", choices=("a", "b")),
    ]
)


class Smooth(l2l.Optimizee):
    """Two objectives with noise that is the same for the same seed."""

    space = SPACE

    def __init__(self, delay=0.0):
        super().__init__()
        self.delay = delay

    def simulate(self, traj):
        p = traj.individual
        time.sleep(self.delay)
        noise = np.random.normal()
        first = np.sum(np.square(p.x)) + np.log(p.tau) ** 2 + p.n
        return l2l.Result((first + noise, p.x[0] * p.tau), metrics={"noise": noise})

    def value_and_grad(self, traj):
        p = traj.individual
        return self.simulate(traj), {
            "x": np.array([2 * p.x, [p.tau, 0.0]]),
            "tau": [2 * np.log(p.tau) / p.tau, p.x[0]],
            "rule": None,
        }


class Simple(l2l.Optimizee):
    """One objective, best at x = 1."""

    space = l2l.ParameterSpace({"x": (-3.0, 5.0)})

    def simulate(self, traj):
        return (traj.individual.x - 1.0) ** 2

    def value_and_grad(self, traj):
        return self.simulate(traj), {"x": 2 * (traj.individual.x - 1.0)}


class Listens(l2l.Optimizer):
    """Asks for random points, and keeps what it was told."""

    Parameters = type("ListensParameters", (l2l.OptimizerParameters,), {"__annotations__": {}})
    uses_gradients = True
    heard: list = []  # noqa: RUF012

    def ask(self):
        return self.space.sample(5, self.rng)

    def tell(self, evaluations):
        Listens.heard.append((self.gradients, evaluations))


class Deaf(Listens):
    uses_gradients = False


def outcome(value_and_grad, space=SPACE, objectives=1):
    """Return what comes of one evaluation whose ``value_and_grad`` is a given function."""
    optimizee = l2l.Optimizee()
    optimizee.space = space
    optimizee.value_and_grad = value_and_grad
    task = Task(cloudpickle.dumps(optimizee), space, objectives, gradients=True)
    values = space.repair(space.from_search(np.full((1, space.size), 0.3)))[0]
    job = Job(0, 0, 0, 0, 1, values)
    return Evaluator(task).evaluate(job)


def test_it_is_kept_flat_with_nan_where_there_is_none():
    came = outcome(lambda traj: (1.0, {"x": [1, 2], "tau": np.float32(3.0), "n": None}))
    assert came.status is Status.OK
    assert np.array_equal(came.gradient, [1, 2, 3, np.nan, np.nan], equal_nan=True)
    two = outcome(
        lambda traj: ((1.0, 2.0), {"x": [[1, 2], [3, 4]], "tau": [5, 6], "n": [7, 8]}), objectives=2
    )
    expected = [1, 2, 5, 7, np.nan, 3, 4, 6, 8, np.nan]
    assert np.array_equal(two.gradient, expected, equal_nan=True)


def test_it_survives_the_way_from_the_worker():
    came = outcome(lambda traj: (1.0, {"x": [1, 2], "tau": 3.0}))
    (reply,) = wire.ReplyReader().feed(wire.pack_outcomes([came]))
    (back,) = wire.unpack_outcomes(reply, [came.job])
    assert back.fitness == came.fitness
    assert np.array_equal(back.gradient, came.gradient, equal_nan=True)


@pytest.mark.parametrize(
    ("came", "text"),
    [
        (1.0, r"expected \(fitness, \{name: gradient\}\), got 1.0"),
        ((1.0, [1.0, 2.0]), r"expected \(fitness, \{name: gradient\}\)"),
        ((1.0, {"x": [1, 2]}), "expected a gradient by 'tau', got none"),
        ((1.0, {"x": [1, 2], "tau": None}), "expected a gradient by 'tau', got none"),
        ((1.0, {"x": [1, 2, 3], "tau": 1}), r"by 'x' of shape \(2,\), got shape \(3,\)"),
        ((1.0, {"x": [1, 2], "tau": "steep"}), r"by 'tau' of shape \(\), got 'steep'"),
        ((1.0, {"x": [1, np.nan], "tau": 1}), "expected finite gradients by 'x'"),
        ((1.0, {"x": [1, 2], "taw": 1}), "no parameter 'taw'; did you mean 'tau'"),
        ((np.nan, {"x": [1, 2], "tau": 1}), "expected a finite number as fitness, got nan"),
    ],
)
def test_what_is_no_gradient_is_invalid(came, text):
    found = outcome(lambda traj: came)
    assert found.status is Status.INVALID
    assert found.gradient is None
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(found.message)


def run(path, optimizer, optimizee=None, weights=(1.0, -0.5), executor="inline", **kwargs):
    settings = {"generations": 3, "seed": 3, "progress": False, **kwargs}
    optimizee = Smooth() if optimizee is None else optimizee
    return l2l.optimize(
        optimizee, optimizer, weights=weights, executor=executor, run=path, **settings
    )


def test_the_optimizer_gets_the_slope_of_the_score_in_search_coordinates(tmp_path):
    Listens.heard.clear()
    history = run(tmp_path / "run", Listens).history
    weights, h = np.array([1.0, -0.5]), 1e-6

    def score(points):
        x0, x1, tau, n, _ = SPACE.from_search(points).T
        return np.stack([x0**2 + x1**2 + np.log(tau) ** 2 + n, x0 * tau], axis=1) @ weights

    for known, evaluations in Listens.heard:
        assert known
        gradient, points = evaluations.gradient, evaluations.evaluated
        assert np.isnan(gradient[:, 3:]).all()
        for column in range(3):
            away = h * np.eye(5)[column]
            slope = (score(points + away) - score(points - away)) / (2 * h)
            assert np.allclose(gradient[:, column], slope, rtol=1e-5, atol=1e-5)
    assert history.gradient.shape == (15, 2, 5)
    assert np.allclose(history.gradient[:, 0, :2], 2 * history["x"], rtol=1e-15)
    assert np.allclose(history.gradient[:, 1, 2], history["x"][:, 0], rtol=1e-15)


def test_raw_coordinates_need_no_chain_rule():
    space = l2l.ParameterSpace(SPACE.parameters, "raw")
    assert (space.slope(np.ones((2, 5))) == 1).all()
    free = l2l.ParameterSpace([l2l.Parameter("tau", scale="log"), l2l.Parameter("x")])
    assert np.array_equal(free.slope(np.array([[3.0, 4.0]])), [[3.0, 1.0]])


def test_one_that_does_not_listen_runs_simulate(tmp_path):
    Listens.heard.clear()
    history = run(tmp_path / "run", Deaf).history
    assert all(not known and e.gradient is None for known, e in Listens.heard)
    assert history.gradient is None


def test_gradients_go_before_batches(tmp_path):
    class Both(Simple):
        def simulate_batch(self, params, seeds):
            return BatchResult(params["x"])

    assert has_gradients(Both())
    history = run(tmp_path / "run", "adam", Both(), (-1.0,)).history
    assert np.allclose(history.gradient[:, 0, 0], 2 * (history["x"] - 1))


def test_a_run_follows_the_textbook_with_one_point_a_generation(tmp_path):
    """Kingma & Ba (2015), algorithm 1, on (x - 1)^2 in the unit cube of [-3, 5]."""
    optimizer = {"name": "adam", "learning_rate": 0.05}
    history = run(tmp_path / "run", optimizer, Simple(), (-1.0,), generations=12).history
    assert len(history) == 12
    u, m, v = (history["x"][0] + 3) / 8, 0.0, 0.0
    for t, x in enumerate(history["x"], 1):
        assert np.isclose((x + 3) / 8, u, rtol=1e-12)
        g = -2 * (8 * u - 4) * 8
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        u += 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


EXACT = {"name": "adam", "learning_rate": 0.05}


def test_workers_interruptions_and_seals_change_nothing(tmp_path):
    expected = run(tmp_path / "whole", EXACT, generations=9).history
    assert "gradient" in expected.names
    assert np.isfinite(expected.gradient[:, :, :3]).all()
    local = run(tmp_path / "local", EXACT, Smooth(0.01), executor={"name": "local", "workers": 2},
                generations=9)  # fmt: skip
    assert local.history.digest() == expected.digest()
    for generations in (2, 3, 7, 9):
        parts = run(tmp_path / "parts", EXACT, generations=generations, resume=True)
    assert parts.history.digest() == expected.digest()


class Sometimes(Smooth):
    """Fails for a part of all seeds."""

    def value_and_grad(self, traj):
        if traj.individual.seed % 3 == 0:
            raise ValueError("not this one")
        return super().value_and_grad(traj)


def test_failures_and_resumes_in_the_middle_of_a_generation(tmp_path):
    expected = run(tmp_path / "whole", Listens, Sometimes(), generations=6).history
    failed = expected.status != Status.OK
    assert failed.any()
    assert np.isnan(expected.gradient[failed]).all()
    for evaluations in (7, 12, 23):
        run(tmp_path / "parts", Listens, Sometimes(), evaluations=evaluations, generations=6,
            resume=True)  # fmt: skip
    parts = run(tmp_path / "parts", Listens, Sometimes(), generations=6, resume=True)
    assert parts.history.digest() == expected.digest()


def test_the_digest_takes_gradients_in(tmp_path):
    class Lies(Simple):
        def value_and_grad(self, traj):
            return self.simulate(traj), {"x": 0.0}

    histories = [
        run(tmp_path / str(i), Listens, optimizee(), (-1.0,), generations=1).history
        for i, optimizee in enumerate((Simple, Lies))
    ]
    assert np.array_equal(histories[0]["x"], histories[1]["x"])
    assert histories[0].digest() != histories[1].digest()


def test_export_has_them(tmp_path):
    run(tmp_path / "run", Listens, Simple(), (-1.0,), generations=1)
    from l2l.store.export import table_columns
    from l2l.store.reader import Records

    names = [column.name for column in table_columns(Records(tmp_path / "run"))]
    assert "gradient[0]" in names


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from test_gradients import EXACT, Killed, run
run(sys.argv[2], EXACT, Killed(sys.argv[2] + "-killed"), generations=9, resume=True)
"""


class Killed(Smooth):
    """Takes the whole run with it in generation 2 and generation 6, once each."""

    def __init__(self, marks):
        super().__init__()
        self.marks = marks

    def value_and_grad(self, traj):
        generation = traj.individual.generation
        mark = Path(f"{self.marks}-{generation}")
        if generation in (2, 6) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().value_and_grad(traj)


def test_kills_change_nothing(tmp_path):
    expected = run(tmp_path / "whole", EXACT, generations=9).history
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path / "run")]
    codes = [subprocess.run(command, timeout=60, check=False).returncode for _ in range(3)]
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert l2l.load(tmp_path / "run").digest() == expected.digest()
