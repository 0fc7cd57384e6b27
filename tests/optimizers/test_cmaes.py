"""CMA-ES: against pycma on the same samples, invariances, convergence, integers, ends, noise."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from l2l import ParameterSpace
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Evaluations
from l2l.optimizers.cmaes import CMAES, CMAESOptimizer, CMAESParameters
from l2l.optimizers.common.margin import Margin
from l2l.optimizers.common.stopping import Stopping
from l2l.optimizers.searchdistribution.covariance import Constants, Full, Separable
from l2l.optimizers.searchdistribution.noise import Noise
from l2l.space import Parameter
from l2l.testing.optimizers import evaluated
from l2l.testing.tools import same


def raw(d):
    return ParameterSpace([Parameter("x", shape=(d,))], "raw")


def cma_es(d=6, at=1.0, seed=1, space=None, **options):
    """A search in raw coordinates, from one point with sigma 1 unless the options say else."""
    parameters = CMAESParameters(**{"sigma": 1.0, **options})
    return CMAES(space or raw(d), parameters, seed=seed, initial=np.full((1, d), float(at)))


def sphere(x):
    return np.square(x).sum(axis=1)


def ellipsoid(x):
    return np.square(x) @ 10.0 ** np.linspace(0, 6, x.shape[1])


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def turn(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def search(optimizer, function, budget=10_000, target=1e-8):
    """Return how many evaluations it took to come below a target, and the best value."""
    used, best = 0, np.inf
    while used < budget and best > target and optimizer.done is None:
        points = optimizer.ask()
        values = function(points)
        optimizer.tell(Evaluations.of(points, -values, used))
        used, best = used + len(points), min(best, values.min())
    return used, best


def injected(optimizer, points):
    """Make points ``(n, d)`` the ones that the optimizer has drawn."""
    optimizer.ask()
    y = (points - optimizer.mean) / (optimizer.sigma * optimizer.scale)
    white = optimizer.covariance.white(y)
    optimizer._noise = Noise(white, mirrored=False)


# -- updates against pycma ------------------------------------------------------------------------


def test_updates_are_those_of_pycma():
    """Twenty generations on pycma's own samples, from its own first covariance.

    Its learning rate of the path of sigma is another than that of the tutorial: both use its.
    It adds 1e-9 to the lengths by which negative weights are divided: hence 1e-7 in C.
    """
    cma = pytest.importorskip("cma")
    d, n = 6, 12
    options = {"seed": 3, "popsize": n, "verbose": -9, "updatecovwait": 0}
    es = cma.CMAEvolutionStrategy(np.ones(d), 0.5, options)
    optimizer = cma_es(d, pop_size=n, sigma=0.5)
    for generation in range(20):
        points = np.array(es.ask())
        if generation == 0:
            optimizer.ask()
            optimizer.covariance.c = es.sm.C.copy()  # it is not quite the unit matrix
            optimizer.covariance.decompose()
            optimizer.constants = dataclasses.replace(
                optimizer.constants, c_sigma=es.adapt_sigma.cs, d_sigma=es.adapt_sigma.damps
            )
        injected(optimizer, points)
        values = ellipsoid(points)
        es.tell(list(points), list(values))
        optimizer.tell(Evaluations.of(points, -values))
        exact = 1e-12 if generation == 0 else 1e-8
        np.testing.assert_allclose(optimizer.mean, es.mean, atol=1e-12)
        np.testing.assert_allclose(optimizer.sigma, es.sigma, rtol=exact)
        np.testing.assert_allclose(optimizer.p_sigma, es.adapt_sigma.ps, atol=exact)
        np.testing.assert_allclose(optimizer.p_c, es.pc, atol=exact)
        scale = np.sqrt(np.outer(np.diag(es.C), np.diag(es.C)))
        np.testing.assert_allclose(optimizer.covariance.c / scale, es.C / scale, atol=1e-7)


@pytest.mark.parametrize(("d", "n"), [(1, 6), (2, 6), (10, 10), (40, 15), (10, 300)])
def test_constants_are_those_of_pycma(d, n):
    cma = pytest.importorskip("cma")
    es = cma.CMAEvolutionStrategy(np.ones(d), 1, {"popsize": n, "verbose": -9, "seed": 1})
    ours = Constants.of(d, n, separable=False)
    np.testing.assert_allclose(ours.weights, es.sp.weights, atol=1e-14)
    expected = (es.sp.weights.mueff, es.sp.cc, es.sp.c1, es.sp.cmu)
    got = (ours.mu_eff, ours.c_c, ours.c_1, ours.c_mu)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("d", [1, 10, 30_000])
def test_chi_is_the_mean_length_of_a_normal_vector(d):
    from scipy.stats import chi

    constants = Constants.of(d, 10, separable=True)
    assert constants.chi == pytest.approx(chi(d).mean(), rel=1e-9)


def test_the_diagonal_update_in_closed_form():
    rng = np.random.default_rng(0)
    cov = Separable(5, Constants.of(5, 8, separable=True))
    cov.c = rng.random(5) + 0.5
    cov.d, before = np.sqrt(cov.c), cov.c
    z, w, path = rng.standard_normal((8, 5)), rng.standard_normal(8) * 0.05, rng.random(5)
    y = z * cov.d
    expected = 0.9 * before + 0.1 * path**2 + (w[:, None] * y**2).sum(axis=0)
    cov.learn(z.copy(), w, path, 0.9, 0.1)
    np.testing.assert_allclose(cov.c, expected, rtol=1e-12)


def test_the_diagonal_learns_faster():
    slow, fast = (Constants.of(30, 14, separable) for separable in (False, True))
    assert fast.c_mu == pytest.approx(slow.c_mu * 32 / 3)
    assert fast.c_1 == pytest.approx(slow.c_1 * 32 / 3)


@pytest.mark.parametrize("d", [1, 2, 10, 200])
@pytest.mark.parametrize("n", [2, 3, 10, 1000])
@pytest.mark.parametrize("separable", [False, True])
def test_the_covariance_stays_positive_definite(d, n, separable):
    """Equation 52: what the negative weights take away is less than what is kept."""
    c = Constants.of(d, n, separable)
    taken = -c.c_mu * np.minimum(c.weights, 0).sum() * d
    assert taken <= 1 - c.c_1 - c.c_mu * c.weights.sum() + 1e-12
    assert c.weights[c.weights > 0].sum() == pytest.approx(1)


# -- invariances ----------------------------------------------------------------------------------


def test_a_rotation_of_the_samples_rotates_the_update():
    rng, d = np.random.default_rng(0), 6
    straight, turned, q = cma_es(d, 0.0), cma_es(d, 0.0), turn(6)
    for _ in range(5):
        points = straight.ask()
        values = rng.random(len(points))
        straight.tell(Evaluations.of(points, values))
        injected(turned, points @ q.T)
        turned.tell(Evaluations.of(points @ q.T, values))
        np.testing.assert_allclose(turned.mean, q @ straight.mean, atol=1e-11)
        assert turned.sigma == pytest.approx(straight.sigma, rel=1e-11)
        expected = q @ straight.covariance.c @ q.T
        np.testing.assert_allclose(turned.covariance.c, expected, atol=1e-11)


def test_only_the_order_of_the_scores_counts():
    one, other = cma_es(), cma_es()
    for _ in range(40):
        a, b = one.ask(), other.ask()
        assert np.array_equal(a, b)
        one.tell(Evaluations.of(a, -ellipsoid(a)))
        other.tell(Evaluations.of(b, -(np.log(ellipsoid(b)) ** 3)))


@pytest.mark.parametrize("covariance", ["full", "separable"])
def test_translations_and_scales_change_nothing(covariance):
    one = cma_es(at=1.0, covariance=covariance)
    other = cma_es(at=1.0 * 3 + 5, covariance=covariance, sigma=3.0)
    for _ in range(20):
        a, b = one.ask(), other.ask()
        np.testing.assert_allclose(b, 3 * a + 5, rtol=1e-9)
        for optimizer, points in ((one, a), (other, b)):
            optimizer.tell(Evaluations.of(points, -ellipsoid(a)))


# -- what it solves -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "limit"), [(sphere, 2000), (ellipsoid, 6000), (rosenbrock, 9000)]
)
def test_it_solves_what_random_search_does_not(function, limit):
    q = turn(10)
    for seed in range(2):
        used, best = search(
            cma_es(10, at=-1.5, seed=seed), lambda x: function((x - 0.5) @ q + 0.5), limit
        )
        rng = np.random.default_rng(seed)
        random = function((rng.uniform(-2, 2, (limit, 10)) - 0.5) @ q + 0.5).min()
        assert best < 1e-8 < 1e-3 * random, (used, best)


def test_the_diagonal_solves_separable_functions_sooner():
    full, _ = search(cma_es(20, covariance="full"), ellipsoid, 30_000)
    diagonal, best = search(cma_es(20, covariance="separable"), ellipsoid, 30_000)
    assert best < 1e-8
    assert diagonal < 0.6 * full


def test_auto_is_separable_in_many_dimensions_only():
    assert not cma_es(1000).separable
    assert cma_es(1001).separable
    assert isinstance(Full(2, Constants.of(2, 6, separable=False)), Full)


def test_a_thousand_dimensions_take_little_memory():
    """16 MB are C and its axes; the rest of 100 MB is for the decomposition and the update."""
    optimizer = cma_es(1000, pop_size=100, covariance="full")
    tracemalloc.start()
    search(optimizer, sphere, 100)
    optimizer.covariance.decompose()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80e6


def test_it_learns_from_known_points():
    rng = np.random.default_rng(0)
    space = ParameterSpace({"a": (-5.0, 5.0), "b": (-5.0, 5.0), "c": (-5.0, 5.0)})
    used = {}
    for warm in (False, True):
        runs = []
        for seed in range(5):
            optimizer = CMAES(space, seed=seed)
            if warm:
                known = rng.random((200, 3))
                optimizer.start_from(known, -sphere(known - 0.8))
            runs.append(search(optimizer, lambda x: sphere(x - 0.8), target=1e-6)[0])
        used[warm] = np.mean(runs)
    assert used[True] < 0.85 * used[False]


def test_with_noise_it_recommends_the_mean_and_not_the_luckiest_point():
    mean, luckiest = [], []
    for seed in range(4):
        optimizer, noise = cma_es(10, seed=seed), np.random.default_rng(seed)
        search(optimizer, lambda x, e=noise: sphere(x) + e.standard_normal(len(x)), 3000, -np.inf)
        mean.append(sphere(optimizer.recommended[None])[0])
        luckiest.append(sphere(optimizer.best_point[None])[0])
    assert np.mean(mean) < 0.9 * np.mean(luckiest)


# -- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", ["reflect", "periodic", "transform", "resample"])
@pytest.mark.parametrize("where", ["corner", "inside"])
def test_no_point_leaves_the_box_and_the_optimum_is_found(bounds, where):
    d, q = 6, turn(6)
    space = ParameterSpace([Parameter("x", -5.0, 5.0, shape=(d,))])
    optimizer = CMAES(space, CMAESParameters(bounds=bounds), seed=2)

    def function(x):
        assert ((x >= 0) & (x <= 1)).all()
        x = space.from_search(x)
        return sphere(x + 5) if where == "corner" else ellipsoid((x - 2) @ q)

    assert search(optimizer, function, 10_000)[1] < 1e-8


def test_it_learns_from_where_the_optimizee_moved_a_point():
    """A bounding function that halves every step halves the step that the mean makes."""
    one, other = cma_es(seed=3), cma_es(seed=3)
    a, b = one.ask(), other.ask()
    one.tell(Evaluations.of(a, -sphere(a)))
    evaluations = Evaluations.of(b, -sphere(b))
    evaluations.evaluated = 1 + 0.5 * (b - 1)
    other.tell(evaluations)
    np.testing.assert_allclose(other.mean - 1, 0.5 * (one.mean - 1), rtol=1e-12)


# -- integers and choices -------------------------------------------------------------------------

MIXED = ParameterSpace(
    [Parameter("x", -5.0, 5.0, shape=(5,)), Parameter("k", -10, 10, shape=(5,), kind="int")]
)


def mixed(points):
    """An ellipsoid in whose long axes there are integers; 0 where x is 1.3 and k is 3."""
    away = MIXED.from_search(points) - np.repeat([1.3, 3.0], 5)
    return np.square(away) @ 1000.0 ** (2 * np.linspace(1, 0, 10))


@pytest.mark.parametrize("margin", [True, False])
def test_integers_need_the_margin(margin):
    solved = 0
    for seed in range(5):
        optimizer = CMAES(MIXED, CMAESParameters(restarts="none"), seed=seed)
        if not margin:  # what plain rounding does
            optimizer._margin.columns = np.empty(0, int)
        used, best = 0, np.inf
        while used < 6000 and best > 1e-8 and optimizer.done is None:
            told = evaluated(optimizer, optimizer.ask(), lambda p: -mixed(p))
            optimizer.tell(told)
            used, best = used + len(told), min(best, -told.fitness.max())
        solved += best <= 1e-8
    assert solved == (5 if margin else 0)


@pytest.mark.parametrize("mean", [0.02, 0.26, 0.5, 0.74, 0.9])
def test_the_margin_in_closed_form(mean):
    """Five values, of a fifth each: the probability of each other side is at least alpha / 2."""
    from scipy.stats import norm

    margin, alpha = Margin(ParameterSpace({"k": (0, 4)})), 0.05
    m, s = (v[0] for v in margin.corrected(np.array([mean]), np.array([1e-3]), alpha))
    low = np.floor(mean * 5) / 5
    below = norm.cdf(low, m, s) if low > 0 else 0.0
    above = norm.sf(low + 0.2, m, s) if low < 0.8 else 0.0
    if 0 < low < 0.8:
        assert min(below, above) == pytest.approx(alpha / 2)
    assert below + above >= alpha * (1 - 1e-9)
    wide = margin.corrected(np.array([mean]), np.array([0.3]), alpha)
    np.testing.assert_array_equal(np.ravel(wide), [mean, 0.3])  # enough: nothing to correct


def test_the_margin_on_a_log_scale_and_without_bounds():
    log = ParameterSpace([Parameter("k", 1, 1000, kind="int", scale="log")])
    free = ParameterSpace([Parameter("k", kind="int")], "raw")
    for space, value in ((log, np.log(30) / np.log(1000)), (free, 7.2)):
        at, step = Margin(space).corrected(np.array([value]), np.array([1e-9]), 0.1)
        drawn = at + step * np.random.default_rng(0).standard_normal((4000, 1))
        values = space.repair(space.from_search(drawn))
        assert 0.05 < (values != space.repair(space.from_search(at[None]))).mean() < 0.2


# -- ties, failures, ends -------------------------------------------------------------------------


def test_a_flat_fitness_moves_nothing_but_ends():
    optimizer = cma_es(restarts="none", pop_size=20)
    used, _ = search(optimizer, lambda x: np.zeros(len(x)), target=-1)
    assert used < 600
    assert optimizer.sigma == 1.0
    assert np.array_equal(optimizer.mean, np.ones(6))
    assert np.array_equal(optimizer.covariance.c, np.eye(6))
    assert optimizer.done.startswith("TolFunHist: the best scores of 19 generations")


def test_equal_scores_count_the_same():
    optimizer = cma_es(pop_size=8)
    scores = np.array([3.0, 1, 1, 1, 0, 0, -1, -2])
    optimizer.ask()
    up, mu_eff, weights = optimizer._weights(scores)
    assert up[1] == up[2] == up[3]
    assert weights[4] == weights[5]
    assert up.sum() == pytest.approx(1)
    assert mu_eff == pytest.approx(1 / np.square(up).sum())
    assert weights.sum() == pytest.approx(optimizer.constants.weights.sum())


def test_a_random_fitness_of_few_values_does_not_blow_up():
    """With ties broken by place it does (by 7 to 47 in a hundred generations of peers)."""
    sigmas = []
    for seed in range(5):
        optimizer, rng = cma_es(10, seed=seed), np.random.default_rng(seed)
        search(optimizer, lambda x, r=rng: r.integers(0, 2, len(x)) + 1.0, 1000)
        sigmas.append(optimizer.sigma * np.sqrt(optimizer.covariance.variances.mean()))
    assert 0.2 < np.exp(np.mean(np.log(sigmas))) < 5


def test_failures_never_pull_the_mean():
    optimizer = cma_es(pop_size=8)
    scores = np.array([-np.inf, 2.0, -np.inf, 1, -np.inf, -np.inf, -np.inf, -np.inf])
    optimizer.ask()
    up, _, weights = optimizer._weights(scores)
    assert (up[~np.isfinite(scores)] == 0).all()
    assert up.sum() == pytest.approx(1)
    assert (weights[~np.isfinite(scores)] < 0).all()


def test_it_gets_around_a_region_where_everything_fails():
    def function(x):
        return np.where(x[:, 0] < 0.9, np.nan, sphere(x - 1))

    optimizer, best, used = cma_es(at=3.0), np.inf, 0
    while used < 4000 and best > 1e-8:
        points = optimizer.ask()
        optimizer.tell(Evaluations.of(points, -function(points)))
        used, best = used + len(points), min(best, np.nanmin(function(points)))
    assert best < 1e-8


def test_when_everything_failed_only_the_randomness_goes_on():
    optimizer = cma_es()
    search(optimizer, sphere, 50)
    before = optimizer.state()
    points = optimizer.ask()
    optimizer.tell(Evaluations.of(points, np.full(len(points), np.nan)))
    after = optimizer.state()
    assert not np.array_equal(before.pop("rng"), after.pop("rng"))
    assert not np.array_equal(before.pop("restarts"), after.pop("restarts"))  # it counts
    assert same(before, after)
    assert not np.array_equal(optimizer.ask(), points)


@pytest.mark.parametrize(
    ("name", "function", "options"),
    [
        ("TolFun:", sphere, {"tol_x": 0}),
        ("TolX:", lambda x: np.log10(sphere(x)), {"tol_fun": 0}),
        ("TolXUp:", lambda x: x[:, 0], {}),
        ("NoEffectAxis:", lambda x: sphere(1e8 * (x - 1e8)), {"tol_x": 0, "tol_fun": 0}),
        ("Stagnation:", None, {}),
        ("ConditionCov:", lambda x: np.abs(x) @ 10.0 ** np.array([0, 15]), {}),
    ],
)
def test_each_end_says_why(name, function, options):
    rng, d = np.random.default_rng(0), 2 if name == "ConditionCov:" else 3
    at = 1e8 if name == "NoEffectAxis:" else 1.0
    optimizer = cma_es(d, at, restarts="none", **options)
    search(optimizer, function or (lambda x: rng.random(len(x))), 20_000, -np.inf)
    assert optimizer.done is not None
    assert optimizer.done.startswith(name)


def test_a_coordinate_that_does_not_change_any_more_is_an_end():
    stopping, steps = Stopping(2, 6, 0.0, 0.0), np.array([1e-9, 1.0])
    reason = stopping.by_steps(np.array([1e8, 1.0]), steps, steps, steps, steps)
    assert reason.startswith("NoEffectCoord:")
    assert stopping.by_steps(np.zeros(2), steps, steps, steps, steps) is None


def test_max_iter_ends_a_start():
    stopping = Stopping(1, 4, 0.0, 0.0)
    stopping.generations = stopping.longest
    assert stopping.by_scores(1.0).startswith("MaxIter: 500 generations")


# -- restarts, state, options ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ipop", "bipop"])
def test_the_state_survives_restarts(kind):
    def make():
        space = ParameterSpace({"x": (-5.0, 5.0), "k": (0, 9)})
        return CMAES(space, CMAESParameters(restarts=kind, tol_fun=1e-2, pop_size=4), seed=5)

    optimizer, sizes = make(), set()
    for _ in range(200):
        state = optimizer.state()
        other = make()
        other.restore(state)
        points, again = optimizer.ask(), other.ask()
        assert np.array_equal(points, again)
        sizes.add(len(points))
        for o in (optimizer, other):
            o.tell(Evaluations.of(points, -sphere(points)))
        assert same(optimizer.state(), other.state())
        assert np.array_equal(optimizer.recommended, other.recommended)
    assert len(sizes) >= 2
    assert optimizer.restarts.n >= 3


def test_after_a_restart_the_best_start_is_still_recommended():
    optimizer = cma_es(3)
    while optimizer.restarts.n == 0:
        points = optimizer.ask()
        optimizer.tell(Evaluations.of(points, -sphere(points)))
    assert sphere(optimizer.recommended[None])[0] < 1e-8
    assert sphere(optimizer.mean[None])[0] > 1e-3
    search(optimizer, sphere, 60, -1.0)
    assert sphere(optimizer.recommended[None])[0] < 1e-8


def test_a_reached_score_ends_it():
    optimizer = cma_es(stop_criterion=-1.0)
    assert search(optimizer, sphere, target=-1)[1] <= 1.0
    assert optimizer.done.startswith("score")


def test_sigma_may_differ_by_coordinate():
    optimizer = cma_es(2, sigma=[0.01, 100.0], pop_size=2000)
    np.testing.assert_allclose(optimizer.ask().std(axis=0), [0.01, 100.0], rtol=0.1)
    again = CMAESParameters(sigma=np.array([0.01, 100.0]))
    assert again.sigma == [0.01, 100.0]  # plain data, for run.yaml


@pytest.mark.parametrize("sigma", [0, -1.0, "wide", [1.0, np.nan], [[1.0]], [[1], [2, 3]]])
def test_a_bad_sigma_is_refused(sigma):
    with pytest.raises(ConfigError, match="sigma must be a number greater than 0"):
        CMAESParameters(sigma=sigma)


def test_further_errors():
    with pytest.raises(ConfigError, match="sigma must be a number or have 3 entries, got 2"):
        cma_es(3, sigma=[1.0, 2.0])
    with pytest.raises(ConfigError, match="no bounds"):
        CMAES(raw(2)).ask()
    optimizer = cma_es()
    with pytest.raises(L2LError, match="tell must follow ask"):
        optimizer.tell(Evaluations.of(np.ones((3, 6)), np.zeros(3)))
    optimizer.ask()
    with pytest.raises(L2LError, match="after tell"):
        optimizer.state()


def test_a_classic_script_runs_to_its_end(tmp_path):
    from l2l.utils.experiment import Experiment

    from l2l.optimizees.functions.benchmarked_functions import BenchmarkedFunctions
    from l2l.optimizees.functions.optimizee import FunctionGeneratorOptimizee

    experiment = Experiment(root_dir_path=str(tmp_path))
    traj, _ = experiment.prepare_experiment(name="run", multiprocessing=False)
    function = BenchmarkedFunctions().get_function_by_index(4, noise=True)[0][1]
    optimizee = FunctionGeneratorOptimizee(traj, function, seed=100)
    optimizer = CMAESOptimizer(
        traj, optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-0.1,), parameters=CMAESParameters(n_iteration=5, seed=3),
        optimizee_bounding_func=optimizee.bounding_func,
    )  # fmt: skip
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee)
    assert experiment.result.history.generation[-1] == 4
