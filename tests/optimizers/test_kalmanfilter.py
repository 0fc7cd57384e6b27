from __future__ import annotations

import functools
import tracemalloc

import numpy as np
import pytest
from l2l.utils.experiment import Experiment

import l2l
from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizers.kalman import update as kalmanupdate
from l2l.optimizers.kalmanfilter import (
    EnsembleKalmanFilter,
    EnsembleKalmanFilterOptimizer,
    EnsembleKalmanFilterParameters,
)
from l2l.plain import as_plain
from l2l.testing.optimizers import CONTRACT, example_spaces

#: What upstream's script of the paper's first use case sets.
UPSTREAM = {
    "gamma": 0.5, "maxit": 1, "n_iteration": 330, "pop_size": 98, "n_batches": 10,
    "n_repeat_batch": 1, "online": False, "seed": 1234, "stop_criterion": 1e-2, "path": "results",
    "scale_weights": True, "sample": True, "pick_method": "random", "worst_n": 0.11,
    "best_n": 0.1, "data_loader_method": "separated", "shuffle": True,
    "kwargs": {"loc": 0.0, "scale": 0.1},
}  # fmt: skip


def make(d=5, seed=0, initial=None, space=None, **options):
    """A filter in a raw space, whose first ensemble is N(0, 1) unless given."""
    parameters = EnsembleKalmanFilterParameters(**{"pop_size": 20, **options})
    if space is None:
        space = ParameterSpace([Parameter("w", shape=(d,))], "raw")
        if initial is None:
            rng = np.random.default_rng(seed + 100)
            initial = rng.standard_normal((parameters.pop_size, d))
    return EnsembleKalmanFilter(space, parameters, seed=seed, initial=initial)


def told(points, observations, failed=()):
    evaluations = Evaluations.of(points, -np.square(observations).mean(axis=1))
    evaluations.observation = np.array(observations, dtype=float)
    for place in failed:
        evaluations.status[place] = 3
        evaluations.fitness[place] = np.nan
        evaluations.observation[place] = np.nan
    return evaluations


def play(optimizer, outputs, generations):
    for _ in range(generations):
        if optimizer.done:
            break
        points = optimizer.ask()
        optimizer.tell(told(points, outputs(points)))
    return optimizer


def random_map(d, k, seed=0):
    h = np.random.default_rng(seed).standard_normal((d, k)) / np.sqrt(d)
    return lambda points: points @ h


# -- the algorithm --------------------------------------------------------------------------------


@pytest.mark.parametrize("update", ["transform", "perturbed"])
def test_posterior_of_a_linear_gaussian_problem(update):
    """800 members: a mean has a standard error of 3.5 % of its spread, a covariance of 5 %."""
    h, y = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0]]), np.array([1.0, -0.5, 2.0])
    noise = [0.5, 1.0, 2.0]
    optimizer = make(2, pop_size=800, update=update, step="fixed", end_time=1, target=y.tolist(),
                     noise_std=noise, discrepancy=0)  # fmt: skip
    play(optimizer, lambda points: points @ h.T, 9)
    assert optimizer.time == 1
    assert "pseudo-time" in optimizer.done
    precision = h.T @ np.diag(1 / np.square(noise)) @ h + np.eye(2)  # the prior is N(0, 1)
    covariance = np.linalg.inv(precision)
    mean = covariance @ h.T @ (y / np.square(noise))
    np.testing.assert_allclose(optimizer.recommended, mean, atol=0.08)
    np.testing.assert_allclose(np.cov(optimizer.ensemble.T), covariance, atol=0.08)


def test_steps_by_the_misfit_sum_to_one():
    model = random_map(5, 3)
    optimizer = make(target=[3.0, -3.0, 3.0], end_time=1, discrepancy=0, noise_std=0.2)
    steps = []
    while not optimizer.done:
        before = optimizer.time
        play(optimizer, model, 1)
        steps.append(optimizer.time - before)
    assert len(steps) > 2
    assert steps[:-1] == sorted(steps[:-1])  # the last one is what is left
    assert sum(steps) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("update", ["paper", "perturbed", "transform"])
def test_affine_invariance(update):
    """Where the points are mapped by an affine map, so are those that come of them."""
    rng = np.random.default_rng(0)
    m, b, first = rng.standard_normal((5, 5)), rng.standard_normal(5), rng.standard_normal((20, 5))
    model = random_map(5, 3)
    plain = make(initial=first, update=update, resample="none", seed=3)
    mapped = make(initial=first @ m.T + b, update=update, resample="none", seed=3)
    play(plain, model, 4)
    play(mapped, lambda points: model((points - b) @ np.linalg.inv(m).T), 4)
    np.testing.assert_allclose(mapped.ensemble, plain.ensemble @ m.T + b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("resample", "rank"), [("none", 19), ("flip", 40), ("redraw", 40)])
def test_only_resampling_leaves_the_span_of_the_first_ensemble(resample, rank):
    optimizer = make(40, resample=resample, target=2.0)
    first, model = optimizer.ask(), random_map(40, 3)
    seen = [first - first.mean(axis=0)]
    for _ in range(4):
        play(optimizer, model, 1)
        seen.append(optimizer.ensemble - first.mean(axis=0))
    assert np.linalg.matrix_rank(np.vstack(seen), tol=1e-8) == rank


def test_resampling_is_the_default_where_the_members_cannot_span_the_space():
    assert make(19).settings.resample == "none"
    assert make(20).settings.resample == "flip"
    assert make(20, gamma=0.5).settings.resample == "none"
    assert make(20, update="perturbed", localisation="truncation").settings.resample == "none"


def test_more_observations_than_members_are_fitted():
    """Without leaving the subspace the misfit stays at about 30."""
    chi2 = {}
    for resample in ("none", "flip"):
        model, rng = random_map(400, 40), np.random.default_rng(5)
        data = model(rng.standard_normal((1, 400)))[0] + 0.1 * rng.standard_normal(40)
        optimizer = make(400, target=data.tolist(), resample=resample, patience=100)
        play(optimizer, model, 40)
        chi2[resample] = np.square(model(optimizer.recommended) - data).mean() / 0.01
    assert chi2["flip"] < 2
    assert chi2["none"] > 10


def test_data_are_fitted_to_their_noise_and_no_further():
    model, rng = random_map(500, 10), np.random.default_rng(5)
    data = model(rng.standard_normal((1, 500)))[0] + 0.1 * rng.standard_normal(10)
    optimizer = make(500, pop_size=50, target=data.tolist(), patience=100)
    path = []
    for _ in range(20):
        play(optimizer, model, 1)
        path.append(np.square(model(optimizer.recommended) - data).mean() / 0.01)
    assert min(np.flatnonzero(np.array(path) <= 1)) < 6
    assert min(path) > 0.01


def test_inflation_and_relaxation():
    model = random_map(5, 3)
    plain, wide, relaxed = (
        play(make(target=1.0, **options), model, 1).ensemble
        for options in ({}, {"inflation": 1.5}, {"rtps": 0.5})
    )
    np.testing.assert_allclose(wide.mean(axis=0), plain.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(wide.std(axis=0), 1.5 * plain.std(axis=0), rtol=1e-10)
    first = make().ask()
    expected = 0.5 * plain.std(axis=0) + 0.5 * first.std(axis=0)
    np.testing.assert_allclose(relaxed.std(axis=0), expected, rtol=1e-10)


@pytest.mark.parametrize("parts", [1, 3])
def test_tikhonov_is_an_update_with_the_prior_as_further_data(parts):
    weight, model = 2.0, random_map(5, 3)
    optimizer = make(target=1.0, tikhonov=weight, step="fixed", discrepancy=0, noise_std=0.5,
                     n_batches=parts)  # fmt: skip
    first = optimizer.ask()
    play(optimizer, model, 1)
    h = np.linalg.lstsq(first, model(first), rcond=None)[0].T
    p, mean = np.cov(first.T), first.mean(axis=0)
    both, r = np.vstack([h, np.eye(5)]), np.concatenate([[0.25] * 3, np.diag(p) / weight])
    gain = p @ both.T @ np.linalg.inv(both @ p @ both.T + np.diag(r))
    wanted = np.concatenate([np.ones(3), mean])
    np.testing.assert_allclose(
        optimizer.recommended, mean + gain @ (wanted - both @ mean), rtol=1e-8
    )
    covariance = (np.eye(5) - gain @ both) @ p
    np.testing.assert_allclose(np.cov(optimizer.ensemble.T), covariance, atol=1e-10)


def test_localisation_by_ones_is_the_plain_update(monkeypatch):
    monkeypatch.setitem(kalmanupdate.TAPERS, "truncation", lambda n: np.ones_like)
    model, options = random_map(5, 3), {"update": "paper", "target": 1.0}
    plain = play(make(**options), model, 1)
    local = play(make(**options, localisation="truncation"), model, 1)
    np.testing.assert_allclose(local.ensemble, plain.ensemble, rtol=1e-8)
    assert local.time == plain.time > 0


@pytest.mark.parametrize("localisation", ["truncation", "sampling_error"])
def test_localisation_leaves_what_is_not_observed(localisation):
    """200 members, 20 coordinates of which 2 are observed: the others should stay."""
    options = {"pop_size": 200, "update": "perturbed", "target": 2.0, "step": "fixed"}
    moved = {}
    for name in ("none", localisation):
        optimizer = make(20, localisation=name, **options)
        first = optimizer.ask()
        play(optimizer, lambda points: points[:, :2], 1)
        moved[name] = abs(optimizer.ensemble - first).mean(axis=0)
    assert (moved[localisation][:2] > 0.9 * moved["none"][:2]).all()
    assert moved[localisation][2:].mean() < 0.6 * moved["none"][2:].mean()


def test_the_mean_stays_where_the_data_are_fitted():
    optimizer = make(target=0.0, noise_std=100.0, patience=5, inflation=1.1)
    play(optimizer, random_map(5, 3), 3)
    assert optimizer.time == 0
    np.testing.assert_array_equal(optimizer.ensemble, make().ask())
    play(optimizer, random_map(5, 3), 5)
    assert "noise" in optimizer.done


# -- minibatches ----------------------------------------------------------------------------------


def used(optimizer, generations, k=6):
    """Which observations had an effect, generation by generation."""
    found = []
    for _ in range(generations):
        points = optimizer.ask()
        optimizer.tell(told(points, points[:, :k]))
        change = abs(optimizer.ensemble.mean(axis=0) - points.mean(axis=0))
        found.append(set(np.flatnonzero(change > 0.2)))
    return found


def independent(k=6, n=20):
    """An ensemble whose coordinates are uncorrelated, with mean 3."""
    q = np.linalg.qr(np.column_stack([np.ones(n), np.random.default_rng(0).random((n, k))]))[0]
    return 3 + np.sqrt(n) * q[:, 1:]


def test_minibatches_one_after_the_other_are_all_data():
    options = {"initial": independent(), "step": "fixed", "discrepancy": 0}
    whole = play(make(6, **options), lambda x: x, 1)
    for more in ({}, {"shuffle": True}):
        parts = play(make(6, n_batches=4, **options, **more), lambda x: x, 1)
        np.testing.assert_allclose(parts.recommended, whole.recommended, rtol=1e-9)
        assert parts.time == whole.time


def test_online_uses_one_minibatch_for_some_generations():
    options = {"initial": independent(), "n_batches": 3, "online": True, "step": "fixed",
               "dt": 0.01, "discrepancy": 0, "n_repeat_batch": 2}  # fmt: skip
    found = used(make(6, seed=2, **options), 12)
    assert all(found[i] >= found[i + 1] for i in range(0, 12, 2))  # less of the same
    assert {frozenset(f) for f in found if f} <= {frozenset(s) for s in ({0, 1}, {2, 3}, {4, 5})}
    assert len({frozenset(f) for f in found if f}) > 1
    dealt = used(make(6, seed=2, **options, shuffle=True), 1)
    assert len(dealt[0]) == 2
    assert dealt[0] not in ({0, 1}, {2, 3}, {4, 5})


def test_passes_are_steps():
    optimizer = play(make(maxit=3, step="fixed", dt=0.2, discrepancy=0), random_map(5, 3), 1)
    once = play(make(step="fixed", dt=0.6, discrepancy=0), random_map(5, 3), 1)
    np.testing.assert_allclose(optimizer.recommended, once.recommended, rtol=1e-9)
    assert optimizer.time == pytest.approx(0.6)


# -- failures, bounds, moved points ---------------------------------------------------------------


def test_failed_members_are_dropped_and_drawn_from_the_others():
    model, failed = random_map(5, 3), [1, 7, 8]
    optimizer = make(target=1.0)
    points = optimizer.ask()
    optimizer.tell(told(points, model(points), failed))
    left = np.delete(points, failed, axis=0)
    without = make(initial=left, pop_size=17, target=1.0)
    play(without, model, 1)
    np.testing.assert_allclose(np.delete(optimizer.ensemble, failed, axis=0), without.ensemble)
    assert len(optimizer.ensemble) == 20
    drawn = optimizer.ensemble[failed] - without.recommended
    assert (abs(drawn) < 5 * without.ensemble.std(axis=0)).all()


@pytest.mark.parametrize("survivors", [0, 1])
def test_without_two_members_nothing_is_learned(survivors):
    optimizer = make()
    points = optimizer.ask()
    optimizer.tell(told(points, points, range(survivors, 20)))
    again = optimizer.ask()
    assert (again[:survivors] == points[:survivors]).all()
    assert (again[survivors:] != points[survivors:]).all()
    if not survivors:
        np.testing.assert_allclose(again.mean(axis=0), points.mean(axis=0), rtol=1e-10)
        assert optimizer.recommended is None
    np.testing.assert_allclose(again.std(axis=0), points.std(axis=0), rtol=0.6)


def test_a_generation_that_failed_may_come_without_observations():
    optimizer = make()
    evaluations = Evaluations.of(optimizer.ask(), np.full(20, np.nan))
    optimizer.tell(evaluations)
    assert np.isfinite(optimizer.ask()).all()


@pytest.mark.parametrize("resample", ["none", "flip"])
def test_a_corner_is_found_from_inside(resample):
    """The data ask for a point outside; the nearest is the corner (5, 5, 5)."""
    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(3,))])
    optimizer = make(space=space, target=6.0, pop_size=50, resample=resample)
    for _ in range(30):
        points = optimizer.ask()
        assert ((points >= 0) & (points <= 1)).all()
        optimizer.tell(told(points, space.from_search(points)))
    assert (space.from_search(optimizer.recommended[None]) > 4.9).all()


def test_it_learns_from_floats_that_the_optimizee_moved_and_integers_that_were_asked():
    space = ParameterSpace([Parameter("x", -5.0, 5.0), Parameter("n", 1, 9, kind="int")])
    optimizer = make(space=space, resample="none", discrepancy=0)
    points = optimizer.ask()
    evaluations = told(points, np.zeros((20, 1)))  # equal outputs: nothing moves
    evaluations.evaluated = np.clip(points, 0.4, 0.6)
    optimizer.tell(evaluations)
    np.testing.assert_allclose(optimizer.ensemble[:, 0], np.clip(points[:, 0], 0.4, 0.6))
    np.testing.assert_allclose(optimizer.ensemble[:, 1], points[:, 1])


def test_integers_and_logs_are_fitted():
    space = ParameterSpace({"n": (1, 40), "tau": {"low": 0.1, "high": 1000.0, "scale": "log"}})
    optimizer = make(space=space, pop_size=40, target=[17.0, 20.0], noise_std=[0.5, 1.0])
    for _ in range(30):
        if optimizer.done:
            break
        points = optimizer.ask()
        values = space.repair(space.from_search(points))
        evaluations = told(points, values)
        evaluations.evaluated = space.to_search(values)
        optimizer.tell(evaluations)
    n, tau = space.from_search(optimizer.recommended[None])[0]
    assert abs(n - 17) < 1
    assert abs(tau - 20) < 3


# -- ends, errors, state --------------------------------------------------------------------------


def test_ends():
    model = random_map(5, 3)
    assert "stop_criterion" in play(make(target=1.0, stop_criterion=0.5), model, 50).done
    assert play(make(stop_criterion=np.inf), model, 3).done is None
    assert "noise" in play(make(target=1.0), model, 50).done
    assert play(make(noise_std=100.0), model, 50).done is None  # residuals: data may change
    assert "collapsed" in play(make(initial=np.ones((20, 5))), model, 2).done


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "a"}, "target must be a number"),
        ({"target": [[1.0]]}, "target must be a number"),
        ({"noise_std": 0.0}, "greater than 0"),
        ({"noise_std": [1.0, np.nan]}, "noise_std must be a number"),
        ({"kwargs": {"scael": 1.0}}, "scale"),
        ({"kwargs": [1.0]}, "kwargs must be a dict"),
        ({"kwargs": {"pick_probability": 2.0}}, "pick_probability"),
        ({"pick_method": "best"}, "best_first"),
        ({"update": "etki"}, "update"),
        ({"gamma": 0.0}, "greater than 0"),
        ({"localisation": "truncation"}, "perturbed or paper"),
        ({"localisation": "truncation", "update": "paper", "n_batches": 2}, "n_batches"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        EnsembleKalmanFilterParameters(**options)


def test_observations_that_do_not_fit():
    for options, message in (
        ({"target": [1.0, 2.0]}, "target has 2 numbers, but an observation has 5"),
        ({"noise_std": [1.0] * 4}, "noise_std has 4 numbers, but an observation has 5"),
    ):
        optimizer = make(**options)
        points = optimizer.ask()
        with pytest.raises(L2LError, match=message):
            optimizer.tell(told(points, points))
    optimizer = make()
    points = optimizer.ask()
    with pytest.raises(L2LError, match="observation="):
        optimizer.tell(Evaluations.of(points, points.sum(axis=1)))


def test_parameters_survive_being_written_as_plain_data():
    given = EnsembleKalmanFilterParameters(
        target=np.arange(3.0), noise_std=np.ones(3), kwargs={"scale": np.float64(0.2)}
    )
    plain = as_plain(given._asdict())
    again = EnsembleKalmanFilterParameters(**plain)
    assert again.target == [0, 1, 2]
    assert again.picking == {"pick_probability": 0.7, "loc": 0.0, "scale": 0.2}


@pytest.mark.parametrize(
    "options",
    [
        {"tikhonov": 0.5, "update": "perturbed", "rtps": 0.5},
        {"n_batches": 3, "online": True, "shuffle": True, "n_repeat_batch": 2, "sample": True},
        {"resample": "redraw", "inflation": 1.1},
        {"localisation": "sampling_error", "update": "paper", "step": "dmc"},
        {"sample": True, "pick_method": "gaussian", "gamma": 0.5},
    ],
)
@pytest.mark.parametrize("contract", CONTRACT, ids=lambda c: c.__name__)
def test_contract_with_options(contract, options):
    parameters = EnsembleKalmanFilterParameters(pop_size=8, **options)
    contract(
        lambda space, **kwargs: EnsembleKalmanFilter(space, parameters, **kwargs),
        example_spaces()["mixed"], 6,
    )  # fmt: skip


def test_memory_of_an_update():
    """Beyond the ensemble of 7.8 MB: the next one, and little else; d x d would be 800 MB."""
    model = random_map(10_000, 30)
    for options in ({}, {"resample": "none"}, {"gamma": 0.5}, {"update": "perturbed"}):
        optimizer = make(10_000, pop_size=98, target=2.0, **options)
        points = optimizer.ask()
        evaluations = told(points, model(points))
        tracemalloc.start()
        optimizer.tell(evaluations)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2.5 * points.nbytes


# -- does it optimize -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_better_than_random_search(seed):
    """Of 10 parameters seen through 12 outputs; measured ratios of the residuals: below 0.01."""
    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(10,))])
    rng = np.random.default_rng(seed)
    h, x = rng.standard_normal((10, 12)), rng.uniform(-4, 4, 10)

    def model(values):
        return np.tanh((values @ h) / 5) * 5

    data = model(x)
    optimizer = make(space=space, seed=seed, pop_size=40, target=data.tolist(), noise_std=0.05)
    for _ in range(25):
        if optimizer.done:
            break
        points = optimizer.ask()
        optimizer.tell(told(points, model(space.from_search(points))))
    mine = np.square(model(space.from_search(optimizer.recommended[None])) - data).mean()
    tried = rng.uniform(-5, 5, (1000, 10))
    assert mine < 0.1 * np.square(model(tried) - data).mean(axis=1).min()


# -- classic scripts and l2l.optimize -------------------------------------------------------------


class Fit(l2l.Optimizee):
    """Residuals of three outputs of six weights; the fitness is as in the paper."""

    space = ParameterSpace({"a": (-2.0, 2.0), "b": (-2.0, 2.0)})

    def simulate(self, traj):
        a, b = traj.individual.a, traj.individual.b
        seen = np.array([a + b, a - 2 * b, 0.5 * a]) - [1.0, -0.5, 0.25]
        return l2l.Result(1 - float(np.square(seen).mean()), observation=seen)


def test_optimize(tmp_path):
    result = l2l.optimize(
        Fit(), {"name": "ensemble_kalman_filter", "pop_size": 20, "noise_std": 0.01},
        generations=10, executor="inline", run=tmp_path / "run", seed=3, progress=False,
    )  # fmt: skip
    assert result.best.fitness[0] > 0.99
    assert result.best.individual["a"] == pytest.approx(0.5, abs=0.1)


class Reservoir:
    """An observing optimizee as upstream's: prepared first, created by sizes, without a space."""

    def __init__(self, traj=None):
        self.rng = np.random.default_rng(0)

    def connect_network(self):
        return 12, 6

    def create_individual(self, size_eeo, size_eio):
        return {"weights_eeo": self.rng.normal(size=size_eeo),
                "weights_eio": self.rng.normal(size=size_eio)}  # fmt: skip

    def bounding_func(self, individual):
        return {name: np.clip(w, -3, 3) for name, w in individual.items()}

    def simulate(self, traj):
        w = np.concatenate([traj.individual.weights_eeo, traj.individual.weights_eio])
        logits = np.outer(np.linspace(-1, 1, 10), [1, 0, -1]) * w.mean() + 0.1 * w[:3]
        e = np.exp(logits)
        loss = e / e.sum(axis=1, keepdims=True) - np.eye(3)[np.arange(10) % 3]
        return l2l.Result(1 - float(np.square(loss).mean()), observation=loss.ravel())


@pytest.mark.parametrize("cls", [EnsembleKalmanFilter, EnsembleKalmanFilterOptimizer])
def test_upstreams_script_and_settings(cls, tmp_path):
    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="enkf", multiprocessing=False)
    optimizee = Reservoir(traj)
    parameters = EnsembleKalmanFilterParameters(**{**UPSTREAM, "n_iteration": 4})
    optimizer = cls(
        traj,
        optimizee_prepare=optimizee.connect_network,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(1.0,),
        parameters=parameters,
        optimizee_bounding_func=optimizee.bounding_func,
    )
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee)
    traj, _ = experiment.end_experiment(optimizer)
    assert len(traj.history.generation) == 4 * 98
    assert optimizer.best_individual["weights_eeo"].shape == (12,)
    means = [traj.history.fitness[traj.history.generation == g].mean() for g in range(4)]
    assert means[-1] > means[0]


def test_upstreams_settings_go_on_learning():
    """gamma 0.5, the worst 11 % replaced, no end but the run's: the misfit falls."""
    model = random_map(60, 30)
    optimizer = make(60, **{**UPSTREAM, "stop_criterion": None, "target": 1.0})
    first = np.square(model(optimizer.ask()).mean(axis=0) - 1).mean()
    play(optimizer, model, 60)
    assert optimizer.done is None
    assert optimizer.residual < 0.5 * first
    assert np.isfinite(optimizer.ensemble).all()


def test_positional_fields_are_in_upstreams_order():
    p = EnsembleKalmanFilterParameters(0.5, 1, 10, 98, 10, False, 7, "path", 1, 0.01)
    assert (p.gamma, p.pop_size, p.seed, p.n_repeat_batch, p.stop_criterion) == (
        0.5,
        98,
        7,
        1,
        0.01,
    )


def test_warm_starts():
    space = ParameterSpace([Parameter("w", shape=(3,))], "raw")
    cls = functools.partial(EnsembleKalmanFilter, space)
    known = np.random.default_rng(0).standard_normal((30, 3)) + 5
    optimizer = cls(EnsembleKalmanFilterParameters(pop_size=10))
    optimizer.start_from(known, np.arange(30.0))
    np.testing.assert_array_equal(np.sort(optimizer.ask(), axis=0), np.sort(known[20:], axis=0))
    few = cls(EnsembleKalmanFilterParameters(pop_size=10))
    few.start_from(known[:4], np.arange(4.0))
    points = few.ask()
    assert len(points) == 10
    assert abs(points - 5).max() < 10
    with pytest.raises(ConfigError, match="bounds"):
        cls(EnsembleKalmanFilterParameters(pop_size=10), initial=known[:1]).ask()
