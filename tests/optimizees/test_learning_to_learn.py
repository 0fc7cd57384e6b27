"""Learning to learn: the learners against second implementations, and the loop around them."""

from __future__ import annotations

import dataclasses
import functools
import warnings

import numpy as np
import pytest

import l2l
from l2l.errors import ConfigError
from l2l.evaluation import Status
from l2l.optimizees.learning_to_learn import LearningToLearn, LearningToLearnParameters
from l2l.optimizees.learning_to_learn.__main__ import half_width, main
from l2l.optimizees.learning_to_learn.baselines import best_of_grid, ideal, unlearned, zero
from l2l.optimizees.learning_to_learn.figures import adaptation, learning_curves, tuned
from l2l.optimizees.learning_to_learn.learner import columns, examples
from l2l.optimizees.learning_to_learn.network import (
    descend,
    glorot,
    glorot_limit,
    gradient,
    predict,
    stack,
)
from l2l.optimizees.learning_to_learn.plasticity import Plasticity
from l2l.optimizees.learning_to_learn.reservoir import Reservoir, draw, readout
from l2l.optimizees.learning_to_learn.sinusoids import Sinusoids
from l2l.optimizees.learning_to_learn.volterra import N_JUDGED, WASHOUT, Filters
from l2l.testing import check_optimizee
from l2l.view.figures import optimizee_of

SMALL = {
    "learning_rate": {"outer": "learning_rate", "hidden": 4, "tasks": 2, "test_tasks": 4},
    "initial_weights": {"outer": "initial_weights", "hidden": 4, "tasks": 2, "test_tasks": 4},
    "plasticity": {"outer": "plasticity", "hidden": 4, "tasks": 2, "test_tasks": 4, "steps": 1},
    "reservoir": {"family": "reservoir", "neurons": 12, "tasks": 2, "test_tasks": 4},
}


def make(**options) -> LearningToLearn:
    return LearningToLearn(parameters=LearningToLearnParameters(**options))


# -- networks ---------------------------------------------------------------------------------


def three_networks(hidden=6):
    return stack([glorot(hidden, seed) for seed in (1, 2, 3)])


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    network = three_networks()
    x, y = rng.uniform(-5, 5, (3, 7)), rng.normal(size=(3, 7))

    def loss():
        return np.mean((predict(network, x) - y) ** 2, axis=-1)[0]

    slopes = gradient(network, x, y)
    for layer, found in zip(network, slopes, strict=True):
        for part, slope in zip(layer, found, strict=True):
            assert slope.shape == part.shape
            for place in np.ndindex(part.shape[2:]):
                at, h = (0, slice(None), *place), 1e-5
                before = part[at].copy()
                part[at] = before + h
                above = loss()
                part[at] = before - h
                # Central differences err by h^2 and by rounding / h, about 1e-10 each.
                assert (above - loss()) / (2 * h) == pytest.approx(slope[at], rel=1e-6, abs=1e-8)
                part[at] = before


def test_learning_is_that_of_scikit_learns_network():
    neural = pytest.importorskip("sklearn.neural_network")
    rng = np.random.default_rng(2)
    x, y, rate, steps = rng.uniform(-5, 5, 10), rng.normal(size=10), 0.02, 5
    network = stack([glorot(20, 4)])
    *_, learned = descend(network, x[None], y[None], np.full((1, 1, 3), rate), steps)
    # It minimises half the mean square, so that its rate is twice ours.
    other = neural.MLPRegressor(
        hidden_layer_sizes=(20, 20), activation="tanh", solver="sgd", alpha=0.0, momentum=0.0,
        batch_size=10, learning_rate_init=2 * rate, nesterovs_momentum=False, shuffle=False,
    )  # fmt: skip
    other.partial_fit(x[:, None], y)
    for (w, b), their_w, their_b in zip(network, other.coefs_, other.intercepts_, strict=True):
        their_w[...], their_b[...] = w[0, 0], b[0, 0, 0]
    for _ in range(steps):
        other.partial_fit(x[:, None], y)
    points = np.linspace(-5, 5, 30)
    ours = predict(learned, points[None])[0, 0]
    assert ours == pytest.approx(other.predict(points[:, None]), rel=1e-9, abs=1e-9)


def test_a_fresh_network_is_drawn_by_glorots_rule():
    (w1, b1), (w2, _), (w3, b3) = glorot(200, 1)
    assert (w1.shape, w2.shape, w3.shape, b3.shape) == ((1, 200), (200, 200), (200, 1), (1, 1))
    assert np.abs(w2).max() <= glorot_limit(200, 200)
    assert w2.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)  # 40,000 draws
    assert not b1.any()


def naive_pass(learner, individual, task):
    """The plastic network, synapse by synapse; outputs at the points judged after one pass."""
    w = [np.array(individual[f"w{k}"]) for k in (1, 2, 3)]
    b = [np.array(individual[f"b{k}"]) for k in (1, 2, 3)]

    def outputs(x):
        o = [np.array([x])]
        for k in range(3):
            drive = [
                b[k][j] + sum(o[-1][i] * w[k][i, j] for i in range(len(o[-1])))
                for j in range(len(b[k]))
            ]
            o.append(np.array(drive) if k == 2 else np.tanh(drive))
        return o

    for x, y in zip(task.x, task(task.x), strict=True):
        o = outputs(x)
        error = y - o[-1][0]
        for k in range(3):
            rate, (a_, b_, c_, d_) = individual["learning_rate"][k], individual["rule"][k]
            for j in range(len(b[k])):
                signal = rate * learner.feedback[k][j] * error
                post = o[k + 1][j]
                for i in range(len(o[k])):
                    pre = o[k][i]
                    w[k][i, j] += signal * (a_ * pre * post + b_ * pre + c_ * post + d_)
                b[k][j] += signal * (a_ * post + b_ + c_ * post + d_)
    return np.array([outputs(x)[-1][0] for x in task.x_judged])


def test_plasticity_is_what_its_rule_says():
    learner = Plasticity(3, 1, seed=1)
    individual = learner.space.decode(learner.space.sample(1, np.random.default_rng(3)))[0]
    individual["learning_rate"] = np.array([0.02, 0.03, 0.05])
    tasks = Sinusoids(4, 2, 2).held_out(0)
    errors = learner.errors(columns(individual), tasks, (1,))[0, :, 0]
    for error, task in zip(errors, tasks, strict=True):
        expected = naive_pass(learner, individual, task) - task(task.x_judged)
        assert error == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_delta_rule_changes_nothing_but_the_output():
    learner = Plasticity(5, 2, seed=1)
    first, *_, last = learner.networks(columns(learner.default), Sinusoids(10, 2, 2).held_out(0), 2)
    for layer in (0, 1):
        for before, after in zip(first[layer], last[layer], strict=True):
            assert np.array_equal(np.broadcast_to(before, after.shape), after)
    assert not np.allclose(first[2][0], last[2][0])


# -- reservoirs -------------------------------------------------------------------------------


def test_the_readout_is_scikit_learns_ridge():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    states, target = rng.normal(size=(2, 3, 60, 8)) + 0.5, rng.normal(size=(3, 40)) + 2
    ridge = np.array([1e-6, 0.3])
    output = readout(states, target, ridge)
    for n, t in np.ndindex(2, 3):
        theirs = linear.Ridge(alpha=40 * ridge[n]).fit(states[n, t, :40], target[t])
        # Both solve the normal equations, whose condition is far below 1e4 here.
        assert output[n, t] == pytest.approx(theirs.predict(states[n, t]), rel=1e-9)


def test_a_reservoir_does_what_its_equation_says():
    learner, family = Reservoir(7, 20), Filters(20, 2, 2)
    individual = {**learner.default, "leak": 0.4, "density": 0.5, "bias": 0.7}
    tasks = family.held_out(0)
    states = learner.states(columns(individual), tasks)[0]
    for found, task in zip(states, tasks, strict=True):
        normal, uniform, incoming, constant_ = draw(7, task.seed)
        w = 0.9 / np.sqrt(7 * 0.5) * np.where(uniform < 0.5, normal, 0.0)
        x = np.zeros(7)
        for t, u in enumerate(task.inputs):
            x = 0.6 * x + 0.4 * np.tanh(w.T @ x + 0.5 * incoming * u + 0.7 * constant_)
            assert found[t] == pytest.approx(x, rel=1e-9)


@pytest.mark.parametrize("density", [0.1, 1.0])
def test_the_circular_law_gives_the_spectral_radius(density):
    radii = []
    for seed in range(5):
        normal, uniform, _, _ = draw(120, seed)
        w = np.where(uniform < density, normal, 0.0) / np.sqrt(120 * density)
        radii.append(np.abs(np.linalg.eigvals(w)).max())
    assert np.mean(radii) == pytest.approx(1.0, abs=0.1)  # the outermost lies a little outside


# -- families ---------------------------------------------------------------------------------


def test_sinusoids_fill_their_ranges_and_are_easier_at_first():
    family = Sinusoids(10, 200, 200, 10, spread=0.2)
    hard, easy = family.train(1, 10), family.train(1, 0)
    for name, low, high in (("amplitude", 0.1, 5), ("phase", 0, np.pi), ("frequency", 0.8, 1.2)):
        values = [getattr(task, name) for task in hard]
        assert low <= min(values) < low + 0.05 * (high - low)
        assert high >= max(values) > high - 0.05 * (high - low)
        assert [getattr(task, name) for task in easy] == pytest.approx([(low + high) / 2] * 200)
    x, y = examples(hard)
    assert x.shape == (200, 10)
    assert np.abs(x).max() <= 5
    assert y[3, 4] == hard[3].amplitude * np.sin(hard[3].frequency * x[3, 4] + hard[3].phase)


def test_filters_are_linear_and_short_at_first():
    family = Filters(400, 5, 5, 10)
    for task in family.train(1, 0):
        lags = np.lib.stride_tricks.sliding_window_view(task.inputs, 10)[:, ::-1]
        target = task.target[9:]
        weights = np.linalg.lstsq(lags, target - target.mean(), rcond=None)[0]
        assert np.mean((lags @ weights - target) ** 2) < 1e-2  # but for the mean of the inputs
    for task in family.train(1, 10):
        assert task.target.std() == pytest.approx(1.0)
        assert len(task.inputs) == WASHOUT + 400 + N_JUDGED


@pytest.mark.parametrize("family", [Sinusoids(10, 5, 20), Filters(150, 5, 20)])
def test_tasks_depend_on_the_seed_alone_and_held_out_ones_are_others(family):
    one, same, other = family.train(1, 3), family.train(1, 3), family.train(2, 3)
    assert [task.seed for task in one] == [task.seed for task in same]
    held_out = {task.seed for task in family.all_held_out()}
    assert len(held_out) == 20
    assert not held_out & {task.seed for task in [*one, *other]}
    assert {task.seed for task in one}.isdisjoint(task.seed for task in other)


def test_training_tasks_come_again_if_wanted():
    family, fresh = Sinusoids(10, 3, 3, 0, 2), Sinusoids(10, 3, 3)
    seeds = [[task.seed for task in family.train(1, generation)] for generation in range(5)]
    assert seeds[0] == seeds[2] == seeds[4] != seeds[1]
    assert seeds[1] == seeds[3] == [task.seed for task in fresh.train(1, 1)]


@pytest.mark.parametrize(
    ("family", "nothing"),
    # The mean of amplitude^2 / 2 is 4.25, but for the end of the input's range; 1 by construction.
    [(Sinusoids(10, 20, 1000), 4.25), (Filters(150, 10, 20), 1.0)],
)
def test_what_knowing_nothing_and_knowing_the_family_are_worth(family, nothing):
    tasks = family.all_held_out()
    assert zero(tasks).mean() == pytest.approx(nothing, rel=0.1)
    assert ideal(family, tasks).max() < 1e-20  # no noise: the fit is exact, but for rounding


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_the_best_answer_without_learning_is_the_mean_of_the_family(spread):
    family = Sinusoids(10, 20, 20, spread=spread)
    x = np.linspace(-5, 5, 20)
    draws = [family.sample(np.random.default_rng([7, k]), 1.0)(x) for k in range(20_000)]
    tasks = [dataclasses.replace(task, x_judged=x) for task in family.held_out(0)]
    expected = [np.mean((np.mean(draws, axis=0) - task(x)) ** 2) for task in tasks]
    # The mean of 20,000 sinusoids is known to 0.015 at each point, a loss to twice that times the
    # root of itself, at most 3.
    assert unlearned(family, tasks) == pytest.approx(expected, abs=0.15)
    assert unlearned(family, tasks).mean() < zero(tasks).mean() - 0.3


def test_the_ideal_finds_the_frequency_too():
    family = Sinusoids(10, 20, 20, spread=0.2)
    tasks = family.all_held_out()
    found = ideal(family, tasks)
    # Frequencies are tried in steps of 0.001: at most 0.0005 * 5 of the amplitude is lost.
    assert np.sqrt(np.median(found)) < 0.0025 * 5
    assert np.sqrt(np.median(ideal(Sinusoids(10, 20, 20), tasks))) > 10 * np.sqrt(np.median(found))


# -- the optimizee ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_contract(name):
    check_optimizee(functools.partial(make, **SMALL[name]))


@pytest.mark.parametrize("name", SMALL)
def test_what_one_would_set_by_hand_lies_in_the_space(name):
    learner = make(**SMALL[name]).learner
    for individual in (learner.default, *learner.grid):
        values = learner.space.flatten([individual])
        assert np.array_equal(learner.space.repair(values), values)


@pytest.mark.parametrize("outer", ["initial_weights", "plasticity"])
def test_the_centre_of_the_space_is_what_one_would_set_by_hand(outer):
    learner = make(**SMALL[outer]).learner
    centre = learner.space.decode(np.full((1, learner.space.size), 0.5))[0]
    for name, value in learner.default.items():
        assert centre[name] == pytest.approx(np.asarray(value), abs=1e-12)


def test_a_learner_that_diverges_fails_alone_and_in_silence():
    optimizee = make(outer="learning_rate", hidden=6, tasks=3, test_tasks=3, steps=400)
    tasks = optimizee.tasks.train(1, 0)
    rates = np.array([[0.01] * 3, [1.0] * 3, [0.02] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = optimizee.simulate_batch({"learning_rate": rates}, [1, 2, 3], [tasks] * 3)
        alone = optimizee.simulate_batch({"learning_rate": rates[2:]}, [3], [tasks])
    assert list(result.ok) == [True, False, True]
    assert result.fitness[2] == pytest.approx(alone.fitness[0], rel=1e-12)


def test_loss_metrics_and_observation_agree():
    optimizee = make(**SMALL["initial_weights"])
    tasks, individual = optimizee.tasks.held_out(1), optimizee.learner.default
    result = optimizee.simulate_batch(columns(individual), [1], [tasks])
    before, after = optimizee.learner.losses(individual, tasks, (0, 5)).mean(axis=0)
    assert result.fitness[0] == -after
    assert result.metrics["before"][0] == pytest.approx(before)
    assert result.metrics["gain"][0] == pytest.approx(before - after)
    assert np.mean(result.observation[0] ** 2) == pytest.approx(after)
    assert result.observation.shape == (1, 2 * 20)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"outer": "weights"}, "initial_weights"),
        ({"tasks": 3, "test_tasks": 10}, "test_tasks must be a multiple of tasks.*10 and 3"),
        ({"family": "reservoir", "outer": "plasticity"}, "leave them out"),
        ({"family": "reservoir", "frequency_spread": 0.1}, "leave them out"),
        ({"examples": 1}, "at least 2"),
        ({"curriculum": 5, "repeat": 5}, "give curriculum or repeat"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        make(**options)


def test_batches_fit_the_memory():
    optimizee = make(hidden=40, tasks=25, test_tasks=25)
    n = optimizee.max_batch(2**30)
    assert 10 < n < 10_000
    assert optimizee.max_batch(1) == 1
    assert optimizee.max_batch(None) is None


# -- runs -------------------------------------------------------------------------------------


def improve(tmp_path, optimizer, generations, seed=1, **options):
    """Tune a learner; return the run, and losses on held-out tasks: by hand, and tuned."""
    optimizee = make(**options)
    run = l2l.optimize(
        optimizee, optimizer, generations=generations, seed=seed, test_every=generations,
        run=tmp_path / f"run{seed}", executor="inline", progress=False,
    )  # fmt: skip
    learner, tasks = optimizee.learner, optimizee.tasks.all_held_out()
    by_hand, found = (
        learner.losses(each, tasks, (learner.amount,)).mean()
        for each in (best_of_grid(learner, optimizee.tasks), tuned(run.history))
    )
    return run, by_hand, found


def test_a_tuned_network_learns_new_sinusoids_better(tmp_path, capsys):
    kalman = {"name": "ensemble_kalman_filter", "pop_size": 60}
    for seed in (1, 2):
        run, by_hand, found = improve(tmp_path, kalman, 25, seed, tasks=10, hidden=12)
        assert by_hand > 3.5  # five steps from a fresh network are worth little at any rate
        assert found < by_hand / 2.2  # it was a factor of 2.8 to 4 with seeds 1 to 4
        tests = run.history.tests
        last = (tests.role == 1) & (tests.generation == 24) & (tests.status == Status.OK)
        assert -tests.fitness[last].mean() == pytest.approx(found, rel=1e-9)
    assert main([str(tmp_path / "run1"), str(tmp_path / "run2"), "--long", "10"]) == 0
    out = capsys.readouterr().out
    assert "loss on 100 held-out tasks after 5 steps of learning" in out
    assert f"{by_hand:.4g}" in out
    assert "over 2 runs" in out
    check_figures(run, panels=6)


def check_figures(run, panels):
    optimizee = optimizee_of(run.history)
    figure = adaptation(run.history, optimizee)
    assert len(figure.axes) == panels
    curves = learning_curves(run.history, optimizee)
    for each in (figure, curves):
        each.canvas.draw()
        assert np.asarray(each.canvas.buffer_rgba()).std() > 10  # something is drawn


def test_a_tuned_reservoir_learns_new_filters_better(tmp_path):
    sizes = {"family": "reservoir", "neurons": 15, "tasks": 3, "test_tasks": 30, "examples": 80}
    for seed in (1, 2):
        run, by_hand, found = improve(
            tmp_path, {"name": "cma_es", "pop_size": 10}, 25, seed, **sizes
        )
        assert found < by_hand / 1.3
        assert by_hand < 0.5  # of the answer 0
    check_figures(run, panels=6)


def test_what_is_no_run_of_it_is_named(tmp_path, capsys):
    run = tmp_path / "run"
    l2l.optimize(
        "functions", {"name": "random_search", "pop_size": 2}, generations=1, run=run,
        executor="inline", progress=False,
    )  # fmt: skip
    assert main([str(run)]) == 2
    assert "not of LearningToLearn" in capsys.readouterr().err


def test_half_widths_are_those_of_students_distribution():
    stats = pytest.importorskip("scipy.stats")
    for n in (2, 5, 11, 12, 20, 100):
        values = np.random.default_rng(n).normal(size=n)
        expected = stats.t.ppf(0.975, n - 1) * stats.sem(values)
        assert half_width(values) == pytest.approx(expected, rel=2e-3)
