"""A set's bits on a CPU depend on nothing but the set."""

import numpy as np
import pytest

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, synthetic
from l2l.optimizees.whole_brain.cpu.run import groups_of
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.simulation import Simulation

MODEL = load("generic2d")
SUBJECTS = [synthetic(21, seed=s, density=0.4).scaled("max") for s in (1, 2)]
SETS = 7
RNG = np.random.default_rng(0)
PARAMETERS = {
    "G": np.linspace(0.0, 0.06, SETS),
    "a": RNG.uniform(-2.0, 0.5, (SETS, 21)),
    "sigma": np.full(SETS, 0.05),
}
#: No delays (a dense product), all links far, and many near ones.
SPEED = np.array([3.0, np.inf, 60.0, 3.0, np.inf, 8.0, 60.0])
SUBJECT = np.array([0, 1, 1, 1, 0, 0, 0])
SEEDS = np.array([0, 1, 2**32 - 1, 7, 7, 2**31, 12345])


def simulate(sets, connectomes=SUBJECTS, precision="float32", threads=1, duration=25.0, **changed):
    """Return which of some sets stayed finite, and their series."""
    sets = np.asarray(sets)
    simulation = Simulation(
        MODEL, duration, stochastic=True, backend="numba", precision=precision, threads=threads
    )
    given = {"parameters": PARAMETERS, "speed": SPEED, "subject": SUBJECT, **changed}
    parameters = {name: values[sets] for name, values in given["parameters"].items()}
    batch = Batch(
        MODEL, connectomes, SEEDS[sets], parameters, given["speed"][sets], given["subject"][sets]
    )  # fmt: skip
    outcome = simulation.run(batch, [Series(output="V")])
    return outcome.ok, outcome.results["series"]


@pytest.fixture(scope="module", params=["float32", "float64"])
def alone(request):
    """The precision, and the series of each set when it is the only one."""
    found = [simulate([k], precision=request.param) for k in range(SETS)]
    assert all(ok.all() for ok, _ in found)
    return request.param, np.concatenate([series for _, series in found])


@pytest.mark.parametrize("size", range(2, SETS + 1))
def test_the_size_of_a_batch(alone, size):
    precision, expected = alone
    _, series = simulate(range(size), precision=precision)
    np.testing.assert_array_equal(series, expected[:size])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_order_of_the_sets_and_the_number_of_threads(alone, threads):
    precision, expected = alone
    order = np.random.default_rng(threads).permutation(SETS)
    _, series = simulate(order, precision=precision, threads=threads)
    np.testing.assert_array_equal(series, expected[order])


def test_sets_differ(alone):
    _, expected = alone
    different = {series.tobytes() for series in expected}
    assert len(different) == SETS


def test_the_seed_alone_makes_a_difference():
    same = {name: np.repeat(values[:1], SETS, axis=0) for name, values in PARAMETERS.items()}
    zero = {"parameters": same, "speed": np.full(SETS, 3.0), "subject": np.zeros(SETS, int)}
    _, series = simulate([3, 4, 5], **zero)
    np.testing.assert_array_equal(series[0], series[1])
    assert (series[0] != series[2]).mean() > 0.99


def test_a_neighbour_that_diverges(alone):
    precision, expected = alone
    wild = PARAMETERS | {"f": np.where(np.arange(SETS) == 2, -1e6, 1.0)}
    ok, series = simulate(range(SETS), precision=precision, parameters=wild, threads=2)
    np.testing.assert_array_equal(ok, np.arange(SETS) != 2)
    assert np.isnan(series[2]).all()
    np.testing.assert_array_equal(series[ok], expected[ok])


def test_subnormal_numbers_are_as_before():
    """Kernels take them for zeros, as they are slow; the thread's other work must not."""
    small = np.full(64, 1e-40, np.float32)
    simulate([0])
    assert (small * np.float32(1.0) > 0).all()


REGIONS = 523  #: odd, and so many that weights do not fit in a cache


@pytest.fixture(scope="module")
def large():
    """A connectome whose sets are simulated side by side, and the series of each set alone."""
    weights = np.random.default_rng(3).lognormal(size=(REGIONS, REGIONS)) / REGIONS
    labels = tuple(str(i) for i in range(REGIONS))
    connectome = Connectome(weights, np.full((REGIONS, REGIONS), 50.0), labels)
    how = {
        "connectomes": [connectome],
        "parameters": {name: PARAMETERS[name] for name in ("G", "sigma")},
        "speed": np.full(SETS, np.inf),
        "subject": np.zeros(SETS, int),
        "duration": 4.0,
    }
    return how, np.concatenate([simulate([k], **how)[1] for k in range(SETS)])


@pytest.mark.parametrize("size", range(2, SETS + 1))
def test_sets_that_share_the_reading_of_weights(large, size):
    how, expected = large
    _, series = simulate(range(size), **how)
    np.testing.assert_array_equal(series, expected[:size])


def test_a_neighbour_that_diverges_side_by_side(large):
    how, expected = large
    wild = how["parameters"] | {"f": np.where(np.arange(SETS) == 2, -1e6, 1.0)}
    ok, series = simulate(range(SETS), **(how | {"parameters": wild}))
    np.testing.assert_array_equal(ok, np.arange(SETS) != 2)
    np.testing.assert_array_equal(series[ok], expected[ok])


def test_which_sets_are_simulated_side_by_side(large):
    how, _ = large
    for threads, sizes in ((1, [4, 3]), (2, [4, 3]), (4, [2, 2, 2, 1])):
        simulation = Simulation(MODEL, 4.0, backend="numba", threads=threads)
        batch = Batch(MODEL, how["connectomes"], SEEDS, {})
        assert [len(group) for group in groups_of(simulation, batch)] == sizes
    delayed = Batch(MODEL, SUBJECTS, SEEDS, {}, SPEED, SUBJECT)
    assert all(len(group) == 1 for group in groups_of(simulation, delayed))
