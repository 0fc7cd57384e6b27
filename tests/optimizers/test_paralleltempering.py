from __future__ import annotations

import numpy as np
import pytest
import yaml
from scipy import stats

from l2l import Parameter, ParameterSpace
from l2l.errors import ConfigError
from l2l.evaluation import Evaluations
from l2l.optimizers.annealing.cooling import AvailableCoolingSchedules
from l2l.optimizers.paralleltempering import ParallelTempering, ParallelTemperingParameters
from l2l.optimizers.randomsearch import RandomSearch, RandomSearchParameters
from l2l.plain import as_plain
from l2l.testing.optimizers import play


def raw(d):
    return ParameterSpace([Parameter("x", shape=(d,))], "raw")


def box(d):
    return ParameterSpace([Parameter("x", -5.0, 5.0, shape=(d,))])


def fixed(temperatures):
    """Return options of a ladder that stays as it is."""
    return {
        "n_parallel_runs": len(temperatures),
        "temperature_bounds": np.stack([temperatures, temperatures], axis=1),
    }


def make(space, seed=1, initial=None, **options):
    parameters = ParallelTemperingParameters(**options)
    return ParallelTempering(space, parameters, seed=seed, initial=initial)


def run(optimizer, score, generations):
    for _ in range(generations):
        points = optimizer.ask()
        optimizer.tell(Evaluations.of(points, score(points)))
    return optimizer


def gaussian(points):
    return -0.5 * np.square(points).sum(axis=1)


# -- stationary distributions and swaps -----------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_rung_samples_its_own_boltzmann_distribution(seed):
    """exp(s / T) of s = -|x|^2 / 2 is a Gaussian of variance T."""
    temperatures = np.array([0.5, 1.0, 2.0, 5.0])
    initial = np.random.default_rng(seed).normal(0, 1, (4, 2))
    optimizer = make(raw(2), seed, initial, n_adapt=400, **fixed(temperatures))
    run(optimizer, gaussian, 400)
    x = []
    for _ in range(600):
        run(optimizer, gaussian, 8)
        x.append(optimizer.chains.z.copy())
    x = np.array(x) / np.sqrt(temperatures)[:, None]
    # states 8 generations apart, helped by swaps: a quarter of them counts as independent
    se = 1 / np.sqrt(150)
    assert (np.abs(x.mean(axis=0)) < 4 * se).all()
    assert (np.abs(x.var(axis=0) - 1) < 4 * np.sqrt(2) * se).all()
    for rung in range(4):
        assert stats.kstest(x[::6, rung, 0], "norm").pvalue > 1e-3


@pytest.mark.parametrize("hot", [1.5, 4.0, 16.0])
def test_swaps_are_as_frequent_as_they_must_be(hot):
    """In two dimensions |x|^2 / 2 is exponential with mean T, and the rate is 2 T1 / (T1 + T2)."""
    initial = np.random.default_rng(1).normal(0, 1, (2, 2))
    optimizer = make(raw(2), 1, initial, n_adapt=400, **fixed(np.array([1.0, hot])))
    run(optimizer, gaussian, 6000)
    rate = optimizer.swap_accepts[0] / optimizer.swap_attempts[0]
    # every other generation; correlated, so that a fifth counts: s.e. < 0.02
    assert optimizer.swap_attempts[0] == pytest.approx(3000, abs=1)
    assert rate == pytest.approx(2 / (1 + hot), abs=0.06)


def test_even_and_odd_pairs_take_turns_in_the_order_of_temperatures():
    temperatures = np.array([4.0, 1.0, 2.0, 8.0])  # as the user gave them
    initial = np.random.default_rng(1).normal(0, 1, (4, 2))
    optimizer = make(raw(2), 1, initial, **fixed(temperatures))
    order = [1, 2, 0, 3]
    run(optimizer, gaussian, 1)
    for generation in range(2, 40):
        attempts = optimizer.swap_attempts.copy()
        run(optimizer, gaussian, 1)
        tried = (optimizer.swap_attempts - attempts).tolist()
        assert tried in ([1, 0, 1], [0, 1, 0])
        assert tried[0] == (generation % 2 == 1)
    # the best of many certainly swaps down to the coldest
    optimizer.chains.scores[:] = [-1e9, -1e9, 0.0, -1e9]
    z = optimizer.chains.z.copy()
    optimizer.cooled = 0
    optimizer._exchange(temperatures)
    assert optimizer.chains.scores[1] == 0.0
    assert np.array_equal(optimizer.chains.z[1], z[2])
    assert np.array_equal(np.sort(optimizer.chains.z, axis=0), np.sort(z, axis=0))
    assert order == np.argsort(temperatures).tolist()


def test_swaps_mix_two_modes_between_which_a_single_chain_is_stuck():
    def two(points):  # wells at -4 and 4, of depth 16, at T = 1
        return -np.square(np.square(points[:, 0]) / 4 - 4)

    def share(optimizer):
        right = []
        for _ in range(2500):
            run(optimizer, two, 1)
            right.append(optimizer.chains.z[0, 0] > 0)
        return np.mean(right)

    options = {"noisy_step": 0.5, "n_adapt": 0}
    alone = make(raw(1), 1, np.array([[4.0]]), **options, **fixed(np.array([1.0])))
    assert share(alone) == 1.0
    ladder = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    tempered = make(raw(1), 1, np.full((5, 1), 4.0), **options, **fixed(ladder))
    assert share(tempered) == pytest.approx(0.5, abs=0.25)


def test_the_ladder_adapts_to_the_rate_that_is_asked_for():
    initial = np.random.default_rng(1).normal(0, 1, (6, 4))
    for rate in (0.234, 0.5):
        optimizer = make(
            raw(4), 1, initial, n_parallel_runs=6, temp_decay=1.0, swap_rate=rate, n_adapt=1200
        )
        run(optimizer, gaussian, 1200)
        accepts, attempts = optimizer.swap_accepts.copy(), optimizer.swap_attempts.copy()
        ladder = optimizer.temperatures
        assert (np.diff(ladder) > 0).all()
        assert ladder[-1] == pytest.approx(optimizer.first_temperature)
        run(optimizer, gaussian, 1200)
        assert np.array_equal(optimizer.temperatures, ladder)
        swaps = (optimizer.swap_accepts - accepts) / (optimizer.swap_attempts - attempts)
        # the ladder's last gaps still wander by 10 % of their logarithm
        assert swaps.mean() == pytest.approx(rate, abs=0.08)


def test_each_rung_learns_its_own_steps():
    initial = np.random.default_rng(1).normal(0, 1, (4, 3))
    optimizer = make(raw(3), 1, initial, **fixed(np.array([0.01, 0.1, 1.0, 10.0])))
    run(optimizer, gaussian, 1500)
    scale = np.exp(np.log(optimizer.chains.scales[:2]).mean(axis=0))
    # sigma grows as sqrt(T): by 3.2 from one rung to the next
    assert np.diff(np.log10(scale)) == pytest.approx([0.5] * 3, abs=0.25)


# -- as an optimizer ------------------------------------------------------------------------------


def test_beats_random_search():
    def rastrigin(p):
        x = 10.24 * (p - 0.4)
        return -(np.square(x) - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=1)

    for seed in range(4):
        ours = run(make(box(5), seed), rastrigin, 150).best_score
        other = RandomSearch(box(5), RandomSearchParameters(pop_size=10), seed=seed)
        assert ours > run(other, rastrigin, 150).best_score


def test_reaches_1e_8_on_the_sphere_in_10_dimensions():
    initial = np.random.default_rng(0).uniform(-4, 4, (10, 10))
    optimizer = run(make(raw(10), initial=initial), lambda p: -np.square(p - 1).sum(axis=1), 1000)
    assert optimizer.best_score > -1e-8


@pytest.mark.parametrize("options", [{}, fixed(np.array([2.0]))])
def test_a_single_chain_works(options):
    options = {"n_parallel_runs": 1, **options}
    optimizer = run(make(box(2), **options), lambda p: -np.square(p - 0.5).sum(axis=1), 300)
    assert optimizer.best_score > -1e-2
    assert len(optimizer.swap_attempts) == 0


def test_a_corner_optimum_is_found_inside_the_box():
    optimizer = make(box(6))
    for points in play(optimizer, lambda p: p.sum(axis=1), 500):
        assert points.min() >= 0
        assert points.max() <= 1
    assert optimizer.best_score > 6 - 1e-2


def test_failed_states_are_swapped_away_and_never_accepted():
    temperatures = np.array([1.0, 2.0, 4.0])
    optimizer = make(box(2), **fixed(temperatures))
    run(optimizer, lambda p: np.where(np.arange(3) == 2, 0.0, np.nan), 1)
    assert np.isfinite(optimizer.chains.scores).tolist() == [False, False, True]
    run(optimizer, lambda p: np.where(np.arange(3) == 2, -9.0, np.nan), 2)
    assert np.isfinite(optimizer.chains.scores[0])
    run(optimizer, lambda p: -p.sum(axis=1), 20)
    assert np.isfinite(optimizer.chains.scores).all()


@pytest.mark.filterwarnings("error")
def test_equal_temperatures_and_failed_states():
    optimizer = make(box(2), **fixed(np.ones(4)))
    run(optimizer, lambda p: np.where(np.arange(4) % 2 == 1, 0.0, np.nan), 10)
    assert np.isfinite(optimizer.chains.scores).any()
    assert (optimizer.swap_accepts <= optimizer.swap_attempts).all()


def test_state_between_restarts_is_complete():
    def steps(points):
        return -np.ceil(np.abs(points).max(axis=1))

    initial = np.random.default_rng(1).normal(0, 50, (10, 2))
    optimizer = run(make(raw(2), initial=initial), steps, 800)
    assert optimizer.n_restarts >= 1
    other = make(raw(2), 9, initial=initial)
    other.restore(optimizer.state())
    assert np.array_equal(play(optimizer, steps, 50), play(other, steps, 50))


# -- parameters -----------------------------------------------------------------------------------

BOUNDS = np.array([[0.8, 0.0], [0.7, 0.0], [0.6, 0.1], [0.5, 0.1], [1.0, 0.05]])
SCHEDULES = [
    AvailableCoolingSchedules.DEFAULT,
    AvailableCoolingSchedules.LOGARITHMIC,
    AvailableCoolingSchedules.EXPONENTIAL,
    AvailableCoolingSchedules.LINEAR_ADDAPTIVE,
    AvailableCoolingSchedules.TRIGONOMETRIC_ADDAPTIVE,
]


def test_fields_of_upstream_come_first_and_become_plain_data():
    names = list(ParallelTemperingParameters.__dataclass_fields__)
    assert names[:8] == [
        "n_parallel_runs", "noisy_step", "n_iteration", "stop_criterion", "seed",
        "cooling_schedules", "temperature_bounds", "decay_parameters",
    ]  # fmt: skip
    p = ParallelTemperingParameters(5, 0.03, 1000, np.inf, 1, SCHEDULES, BOUNDS, np.full(5, 0.99))
    plain = yaml.safe_load(yaml.safe_dump(as_plain(p._asdict())))
    assert ParallelTemperingParameters(**plain) == p
    assert plain["cooling_schedules"][0] == "DEFAULT"
    assert plain["temperature_bounds"] == BOUNDS.tolist()


def test_upstreams_settings_run_to_their_end_and_leave_the_users_arrays_alone():
    rng = np.random.default_rng(1)
    bounds, decay = BOUNDS.copy(), np.full(5, 0.99)
    parameters = ParallelTemperingParameters(
        n_parallel_runs=5, noisy_step=0.03, n_iteration=1000, stop_criterion=np.inf, seed=1,
        cooling_schedules=SCHEDULES, temperature_bounds=bounds, decay_parameters=decay,
    )  # fmt: skip
    initial = rng.uniform(-5, 5, (5, 2))
    optimizer = ParallelTempering(raw(2), parameters, weights=(-0.1,), initial=initial)
    for _ in range(1000):
        assert optimizer.done is None
        points = optimizer.ask()
        inside = np.clip(points, -5, 5)
        evaluations = Evaluations.of(points, np.square(inside).sum(axis=1))
        evaluations.evaluated = inside
        optimizer.tell(evaluations)
        assert (optimizer.temperatures > 0).all()
    assert optimizer.best_score > -1e-2
    assert optimizer.swap_accepts.sum() > 0
    assert np.array_equal(bounds, BOUNDS)
    assert np.array_equal(decay, np.full(5, 0.99))
    ends = [0.8 * 0.99**999, 0.7 / (1 + np.log(1000)), 0.1, 0.1, 0.05]
    assert optimizer.temperatures == pytest.approx(ends, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cooling_schedules": ["DEFAULT"] * 10}, "temperature_bounds"),
        ({"decay_parameters": [0.9] * 10}, "temperature_bounds"),
        ({"temperature_bounds": np.ones((5, 2))}, r"\(10, 2\)"),
        ({"temperature_bounds": "hot"}, "finite numbers"),
        ({"temperature_bounds": -np.ones((10, 2))}, "negative"),
        ({"temperature_bounds": np.zeros((10, 2))}, "greater than 0"),
        ({"temperature_bounds": np.full((10, 2), np.nan)}, "finite"),
        ({"temperature_bounds": np.ones((10, 2)), "decay_parameters": [2.0] * 10}, "0, 1"),
        ({"temperature_bounds": np.ones((10, 2)), "decay_parameters": 0.9}, r"\(10,\)"),
        ({"temperature_bounds": np.ones((10, 2)), "cooling_schedules": ["DEFAULT"]}, "list of 10"),
        (
            {"temperature_bounds": np.ones((10, 2)), "cooling_schedules": ["linear"] * 10},
            "LINEAR_ADDAPTIVE",
        ),
        (
            {
                "temperature_bounds": np.ones((10, 2)),
                "cooling_schedules": ["linear_addaptive"] * 10,
            },
            "n_iteration",
        ),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ConfigError, match=message):
        ParallelTemperingParameters(**options)
