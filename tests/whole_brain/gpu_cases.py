"""What a GPU must compute. test_gpu.py runs this file in a process of its own: in Numba's
simulator, and on a device where there is one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numba import cuda

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain import words
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, synthetic
from l2l.optimizees.whole_brain.gpu import noise, program, run, translate, wave
from l2l.optimizees.whole_brain.gpu.tables import Tables
from l2l.optimizees.whole_brain.models import MODELS, load
from l2l.optimizees.whole_brain.observe import (
    Bold,
    Coarser,
    Connectivity,
    Dynamics,
    PhaseDynamics,
    Series,
    Statistics,
)
from l2l.optimizees.whole_brain.simulation import Simulation, Stimulus

N = 5
pytestmark = pytest.mark.filterwarnings("ignore")  # NumPy's, of words that wrap around


def connectome(seed=1, n=N):
    """Delays at 3 mm/ms and dt 0.1 ms from 0 to about 70 steps: less than a block and more."""
    c = synthetic(n, seed, density=0.9).scaled("columns")
    return Connectome(c.weights, c.lengths * np.linspace(0.01, 0.08, n)[:, None])


def batch_of(model, sets=3, connectomes=None, **others):
    couplings = {"G": np.linspace(0.1, 0.3, sets)}
    seeds = np.array([1, 2, 2**40, 4, 5, 6, 7])[:sets]
    given = {"parameters": couplings, "speed": 3.0, **others}
    return Batch(model, connectomes or [connectome()], seeds, **given)


def simulated(simulation, batch, observers=None, beside="numpy"):
    """Outcomes of the GPU and of another backend."""
    observers = observers or [Series("x", output=simulation.model.state_names[0])]
    return [
        replace(simulation, backend=backend).run(batch, observers)
        for backend in ("numba-cuda", beside)
    ]


def agree(simulation, batch, off, beside="numpy"):
    found, expected = simulated(simulation, batch, beside=beside)
    assert found.ok.all()
    assert expected.ok.all()
    here, there = found.results["x"], expected.results["x"]
    assert here.dtype == simulation.dtype
    assert np.abs(here - there).max() < off * np.abs(there).max()
    return here


@cuda.jit
def drawn(seed, step, pair, hashed, philox):
    region = cuda.threadIdx.x
    word = noise.step_word(seed, step, pair)
    hashed[0, region], hashed[1, region] = noise.hashed(word, seed, step, pair, region)
    philox[0, region], philox[1, region] = noise.philox(word, seed, step, pair, region)


@pytest.mark.parametrize("counter", [(1, 0, 0), (2**40 + 3, 123_456, 1), (2**32 - 1, 2**31 + 5, 2)])
def test_words_are_those_of_the_cpu(counter):
    seed, step, pair = counter
    found = [cuda.to_device(np.zeros((2, 16), np.uint32)) for _ in range(2)]
    drawn[1, 16](np.uint64(seed), step, pair, *found)
    assert (found[0].copy_to_host() == words.hashed(seed, step, pair, 16)).all()
    assert (found[1].copy_to_host() == words.philox(seed, step, pair, 16)).all()


@pytest.mark.parametrize("name", MODELS)
def test_models_agree_with_the_equations(name):
    """In double precision by NumPy; single precision has 6e-8, and few steps are made."""
    model = load(name)
    simulation = Simulation(model, 2.0, dt=0.1, period=0.5, stochastic=True, integrator="heun")
    agree(simulation, batch_of(model, 2), 1e-5)
    agree(replace(simulation, integrator="euler"), batch_of(model, 1, speed=np.inf), 1e-5)


def test_the_cpu_agrees_too():
    """Single precision both, and the same order of sums: exp and log differ by a last bit."""
    model = load("dmf")
    simulation = Simulation(model, 2.0, dt=0.1, period=0.5, stochastic=True)
    for speed in (3.0, np.inf):
        agree(simulation, batch_of(model, 2, speed=speed), 2e-6, beside="numba")


def test_double_precision_and_philox():
    model = load("kuramoto")
    simulation = Simulation(
        model, 2.4, period=0.3, stochastic=True, precision="float64", generator="philox"
    )
    parameters = {"G": 0.05, "sigma": 0.1, "omega": np.linspace(0.1, 0.3, N)[None]}
    agree(simulation, batch_of(model, 2, parameters=parameters), 1e-12)


def test_delays_may_wrap_and_subjects_and_speeds_may_differ():
    model = load("generic2d")
    subjects = [connectome(seed) for seed in (1, 2)]
    speed = np.array([3.0, np.inf, 3.0, 1.0, 3.0, np.inf])
    several = batch_of(model, 6, subjects, speed=speed, subject=np.array([0, 0, 1, 1, 0, 1]))
    simulation = Simulation(model, 3.0, period=0.1)
    one = agree(simulation, several, 1e-5)
    two = agree(replace(simulation, wrap_delays_at=20), several, 1e-5)
    assert np.abs(one - two)[[0, 2, 3, 4]].max() > 1e-4
    assert (one == two)[[1, 5]].all()


def test_stimulus_and_a_history_that_was_given():
    model = load("montbrio")
    history = np.random.default_rng(0).uniform(0.1, 0.8, (100, N))
    stimulus = Stimulus("V", np.arange(N) / N, np.sin(np.arange(20)))
    simulation = Simulation(model, 3.0, period=0.5, stimulus=stimulus, integrator="heun")
    agree(simulation, batch_of(model, initial={"r": history, "V": -1.0}), 1e-5)
    with pytest.raises(ConfigError, match="the longest delay needs"):
        simulated(simulation, batch_of(model, initial={"r": history[:20]}))


def test_bits_of_a_set_depend_on_no_other(monkeypatch):
    model = load("dmf")
    simulation = Simulation(model, 2.0, period=0.5, stochastic=True, backend="numba-cuda")
    observers = [Series("x")]
    for speed in (np.inf, 3.0):
        several = batch_of(model, 5, speed=speed, parameters={"G": np.linspace(0.5, 2.5, 5)})
        together = simulation.run(several, observers).results["x"]
        alone = Batch(model, several.connectomes, several.seeds[2:3], {"G": 1.5}, speed=speed)
        assert (simulation.run(alone, observers).results["x"] == together[2]).all()
        with monkeypatch.context() as changed:
            changed.setattr(wave, "ENOUGH", 0)  # blocks of four sets
            assert (simulation.run(several, observers).results["x"] == together).all()
            changed.setattr(run, "capacity", lambda *_: 2)  # three waves
            assert (simulation.run(several, observers).results["x"] == together).all()
            changed.setattr(program, "SHARED", 0)  # as with thousands of regions
            assert (simulation.run(several, observers).results["x"] == together).all()


def test_a_diverging_set_is_data():
    model = load("generic2d")
    simulation = Simulation(model, 40.0, dt=1.0)
    parameters = {"d": np.array([0.02, 30.0, 0.02])}
    found, expected = simulated(simulation, batch_of(model, parameters=parameters))
    assert found.ok.tolist() == expected.ok.tolist() == [True, False, True]
    one, other = found.results["x"], expected.results["x"]
    assert np.isnan(one[1]).all()
    assert np.abs(one - other)[[0, 2]].max() < 1e-4


def test_observers_on_the_device_are_those_of_the_host():
    model = load("generic2d")
    simulation = Simulation(model, 276.0, dt=1.0, transient=4.0, stochastic=True)
    batch = batch_of(model, 2, parameters={"G": 0.02, "sigma": np.array([0.05, 0.1])}, speed=np.inf)
    observers = [
        Connectivity("fc"),
        Statistics("v"),
        Series("w", output="W"),
        Bold([Series("bold"), Connectivity("fc_bold")], tr=30.0, step=3.0),
        Bold([Series("later")], tr=60.0, step=0.5, skip=90.0, convention="deco2014"),
        Coarser(14.0, [Series("coarse"), Dynamics(84.0, 42.0, name="overlapping")]),
        Coarser(4.0, [Dynamics(20.0, 88.0, name="apart")], average=False, output="W"),
        Coarser(10.0, [PhaseDynamics()]),
    ]
    observers[-1].observers[0].band = (5.0, 15.0)
    found, expected = (one.results for one in simulated(simulation, batch, observers, "numba"))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        assert found[name].dtype == value.dtype, name
        assert value.size, name
        assert np.abs(found[name] - value).max() < 2e-4 * np.abs(value).max(), name


def test_tables_are_the_batchs_rows():
    """The rows of many sets at once are those of one after the other."""
    for name in MODELS:
        model = load(name)
        simulation = Simulation(model, 1.0, stochastic=True, precision="float64")
        scheme = simulation.scheme([])
        first, last = model.parameter_names[0], model.parameter_names[-1]
        given = {first: np.array([0.1, 0.2, 0.3]), last: np.full((3, N), 0.5) + np.arange(N)}
        if name == "dmf":
            given["J_i"] = 1.5  # would be computed, but what is given wins
        batch = batch_of(model, parameters=given)
        tables = Tables.of(simulation, scheme, batch, np.array([2, 0]))
        for slot, k in enumerate((2, 0)):
            rows = batch.rows(k, scheme, simulation.dt)
            n_states = scheme.n_states
            rest = rows[n_states + scheme.n_sent :]
            assert (tables.states[slot] == rows[:n_states]).all()
            assert (tables.sent[slot] == batch.past(k, 1)[0]).all()
            for (kind, row), own in zip(tables.places, rest, strict=True):
                assert np.allclose(getattr(tables, kind)[slot, row], own, rtol=1e-15)


def a_lambda():
    return lambda x: x


def test_memory_and_sources_are_checked(monkeypatch):
    model = load("generic2d")
    simulation, batch = Simulation(model, 10.0), batch_of(model, sets=1)
    groups = wave.Groups(simulation, batch)
    need = run.set_memory(simulation, batch, groups, [Connectivity()])
    least = run.set_memory(simulation, batch, groups, [Series("x")])
    assert need > least
    each = batch_of(model, sets=2, speed=np.array([1.0, 2.0]))  # links of their own
    both = batch_of(model, sets=2, speed=1.0)
    own, shared = (
        run.set_memory(simulation, b, wave.Groups(simulation, b), []) for b in (each, both)
    )
    assert own > shared
    monkeypatch.setattr(run, "PART", 0.0)
    with pytest.raises(ConfigError, match="one parameter set needs"):
        run.capacity(simulation, batch, groups, [])
    with pytest.raises(ConfigError, match="with def"):
        translate.translated(a_lambda(), np.float32)
    scope = {}
    exec("def unseen(x): return x", scope)
    with pytest.raises(ConfigError, match="write the model into a file"):
        translate.translated(scope["unseen"], np.float32)
