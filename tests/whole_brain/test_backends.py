"""The compiled kernels against the equations as NumPy computes them."""

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.models import MODELS, load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.simulation import SEGMENT, Simulation, Stimulus

CONNECTOME = synthetic(11, density=0.5).scaled("max")
STATES = {"adex_first_order": "E", "adex_second_order": "E"}


def series(
    backend, precision="float64", name="generic2d", duration=12.0, speed=(2.0, 40.0), **more
):
    """Simulate two sets: one whose links are all far, one with many near ones."""
    model = load(name)
    first = model.state_names[0]
    how = {key: more.pop(key) for key in ("initial", "parameters") if key in more}
    simulation = Simulation(
        model, duration, backend=backend, precision=precision, **{"stochastic": True, **more}
    )
    noise = {s.noise: 0.005 for s in model.states if s.noise and not model.defaults()[s.noise]}
    parameters = noise | how.get("parameters", {})
    batch = Batch(
        model, [CONNECTOME], np.array([5, 2**32 - 1]), parameters, np.array(speed),
        initial=how.get("initial"),
    )  # fmt: skip
    outcome = simulation.run(batch, [Series(output=first)])
    assert outcome.ok.all()
    return outcome.results["series"]


CASES = [*((name, "euler") for name in MODELS), ("generic2d", "heun"), ("dmf", "heun")]


@pytest.mark.parametrize(("name", "integrator"), CASES)
def test_kernels_compute_what_the_equations_say(name, integrator):
    expected = series("numpy", name=name, integrator=integrator)
    scale = np.abs(expected).max()
    double = series("numba", name=name, integrator=integrator)
    # the order of additions differs, nothing else: some rounding errors of 120 steps
    np.testing.assert_allclose(double, expected, rtol=0, atol=1e-13 * scale)
    single = series("numba", "float32", name=name, integrator=integrator)
    # 6e-8 a step, amplified where a model bursts (montbrio: 1.6e-5)
    np.testing.assert_allclose(single, expected, rtol=0, atol=5e-5 * scale)


@pytest.mark.parametrize(
    "how",
    [
        {"generator": "philox"},
        {"speed": (np.inf, 2.0)},
        {"speed": np.inf},
        {"wrap_delays_at": 37},
        {"exact_ou": False, "name": "adex_first_order"},
        {"period": 0.1, "transient": 3.0},
        {"initial": {"V": np.linspace(-1, 1, 11)}},
        {"initial": {"V": np.random.default_rng(1).normal(size=(1500, 11))}},
        {"parameters": {"a": np.linspace(-2, 0, 22).reshape(2, 11), "G": np.array([0.1, 0.2])}},
        {"stimulus": Stimulus("W", np.arange(11.0), (np.arange(120) % 50 > 40).astype(float))},
    ],
    ids=lambda how: next(iter(how)),
)
def test_all_that_can_be_configured_is_the_same_everywhere(how):
    expected, double = series("numpy", **how), series("numba", **how)
    np.testing.assert_allclose(double, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_what_is_configured_matters():
    plain = series("numba")
    for how in ({"generator": "philox"}, {"wrap_delays_at": 37}, {"stochastic": False}):
        assert np.abs(series("numba", **how) - plain).max() > 1e-6


def test_segments_leave_no_trace():
    """A run of several segments goes on where the last one ended."""
    long = series("numba", period=0.1, duration=0.1 * (2 * SEGMENT + 7), stochastic=True)
    expected = series("numpy", period=0.1, duration=0.1 * (2 * SEGMENT + 7), stochastic=True)
    assert long.shape == (2, 2 * SEGMENT + 7, 11)
    np.testing.assert_allclose(long, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_set_that_diverges_leaves_the_others_alone(backend):
    model = load("generic2d")
    simulation = Simulation(model, 300.0, backend=backend, period=1.0)
    seeds = np.array([1, 2, 3])
    with np.errstate(all="ignore"):
        both = simulation.run(
            Batch(model, [CONNECTOME], seeds, {"d": np.array([0.02, 50.0, 0.02])}),
            [Series(output="V")],
        )
        alone = simulation.run(
            Batch(model, [CONNECTOME], seeds[2:], {"d": 0.02}), [Series(output="V")]
        )
    assert both.ok.tolist() == [True, False, True]
    assert np.isnan(both.results["series"][1]).all()
    np.testing.assert_array_equal(both.results["series"][2], alone.results["series"][0])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"duration": 100.0, "dt": 0.3}, "whole number"),
        ({"duration": 100.0, "transient": 100.0}, "must be shorter"),
        ({"duration": 100.0, "integrator": "rk4"}, "euler, heun"),
        ({"duration": 100.0, "backend": "cuda"}, "numba-cuda"),
        ({"duration": 9.0, "stimulus": Stimulus("U", np.ones(11), np.ones(90))}, "no state 'U'"),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused(what, said):
    with pytest.raises(ConfigError, match=said):
        Simulation(load("generic2d"), **what)


def batch(**what):
    return Batch(
        load("generic2d"),
        what.get("connectomes", [CONNECTOME]),
        np.array([1, 2]),
        what.get("parameters", {}),
        what.get("speed", 3.0),
        what.get("subject", 0),
        what.get("initial"),
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"parameters": {"tua": 1.0}}, "did you mean 'tau'"),
        ({"parameters": {"tau": np.zeros((3, 11))}}, r"\(2, 11\)"),
        ({"speed": -1.0}, "above 0"),
        ({"subject": 1}, "0..0"),
        ({"connectomes": [CONNECTOME, synthetic(5)]}, "same number of regions"),
        ({"initial": {"v": 0.0}}, "no state 'v'"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(what, said):
    with pytest.raises(ConfigError, match=said):
        batch(**what)


def test_a_history_that_is_too_short_is_refused():
    short = batch(initial={"V": np.zeros((5, 11))}, speed=1.0)
    with pytest.raises(ConfigError, match="longest delay"):
        Simulation(load("generic2d"), 10.0).run(short, [Series(output="V")])
