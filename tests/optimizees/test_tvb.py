"""The optimizee tvb: what it hands to tvb-library, what comes back, and all that can be wrong."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import l2l
from l2l.errors import ConfigError, MissingExtra, SimulationFailed
from l2l.evaluation import Status
from l2l.optimizee import Individual, Trial
from l2l.optimizees.tvb import TVB, TVBParameters
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.testing import check_optimizee

tvb_library = pytest.mark.skipif(
    importlib.util.find_spec("tvb") is None, reason="needs tvb-library: pip install 'l2l[tvb]'"
)
N = 12
BRAIN = synthetic(N, seed=2)
SEARCHED = {"coupling_a": [0.0, 0.1], "speed": [1.0, 10.0]}
POINT = {"coupling_a": 0.05, "speed": 4.0}
SHORT = {"duration": 60.0, "transient": 20.0}


@pytest.fixture(scope="module")
def connectome(tmp_path_factory):
    path = tmp_path_factory.mktemp("brain") / "brain.npz"
    np.savez(path, weights=BRAIN.weights, lengths=BRAIN.lengths, labels=BRAIN.labels)
    return str(path)


@pytest.fixture
def make(connectome):
    def made(**options):
        given = {"parameters": SEARCHED, "connectome": connectome, **SHORT, **options}
        return TVB(None, TVBParameters(**given))

    return made


def simulate(optimizee, seed=1, **params):
    return optimizee.simulate(Trial(Individual({**POINT, **params}, seed=seed)))


# -- without tvb-library ----------------------------------------------------------------------


def test_it_is_imported_only_when_it_is_used():
    code = (
        "import sys, l2l.optimizees.tvb\n"
        "print([m for m in ('tvb', 'numba', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tvb", None)  # what Python takes for "not there"
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[tvb\]'"):
        TVB(None, TVBParameters(parameters=SEARCHED))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transient": 60.0}, "transient must be shorter than duration"),
        ({"monitor": "EEG"}, "valid names: Bold, Raw, SubSample, TemporalAverage"),
        ({"monitor": "Raw", "period": 1.0}, "SubSample has a period"),
        ({"period": 0.25}, "period must be a multiple of dt"),
        ({"monitor": "Bold", "dt": 0.3, "period": 300.0}, "a dt of which 4 ms is a multiple"),
        ({"monitor": "Bold", "period": 1002.0}, "a multiple of 4 ms"),
        ({"integrator": "rk4"}, "valid names: euler, heun"),
        ({"scale_weights": "maximum"}, "scale_weights"),
        ({"fixed": [1]}, "fixed: expected names and values"),
        ({"metrics": "mean_FC"}, "metrics: expected a list"),
    ],
)
def test_mistakes_that_need_no_tvb_to_be_found(options, message):
    with pytest.raises(ConfigError, match=message):
        TVBParameters(**{"parameters": SEARCHED, **SHORT, **options})


# -- mistakes ---------------------------------------------------------------------------------


@tvb_library
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "Generic2dOscilator"}, "did you mean 'Generic2dOscillator'"),
        ({"model": "Model"}, "tvb-library has no model 'Model'"),
        ({"model": "collections:OrderedDict"}, r"expected a subclass of tvb\S+Model"),
        ({"coupling": "Lineal"}, "did you mean 'Linear'"),
        ({"parameters": {"tua": [1.0, 2.0]}}, "has no 'tua'; did you mean 'tau'"),
        ({"parameters": None}, "parameters: expected at least one"),
        ({"fixed": {"noise_X": 1.0}}, "has no 'noise_X'"),
        ({"fixed": {"speed": 1.0}}, "speed is searched for as well"),
        ({"fixed": {"a": [1.0, 2.0]}}, f"one for each of the {N} regions"),
        ({"fixed": {"a": "much"}}, "a must be a number"),
        ({"parameters": {"speed": [-1.0, 1.0]}}, "speed must be above 0"),
        ({"parameters": {"noise": [-1.0, 1.0]}}, "noise must be at least 0"),
        ({"observe": "X"}, r"valid names: V, V \+ W, V - W, W"),
        ({"initial": {"X": 0.0}}, "has no state 'X'"),
        ({"fitness": "corr_SC_FC"}, "did you mean 'corr_FC_SC'"),
        ({"fitness": "corr_FC_target"}, "needs `target_fc`"),
        ({"metrics": ["mean"]}, "there is no metric 'mean'"),
        ({"fitness": "nowhere:function"}, "nowhere can't be imported"),
        ({"target": "/nowhere"}, "there is no file /nowhere"),
        ({"connectome": "/nowhere"}, "there is no connectome /nowhere"),
        ({"duration": 22.0}, "at least 4 samples"),
        (
            {"model": "ZerlautAdaptationFirstOrder", "fixed": {"K_ext_e": 2.5}},
            "only whole numbers as K_ext_e",
        ),
    ],
)
def test_mistakes_are_found_before_the_first_simulation(make, options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


@tvb_library
def test_a_target_of_other_regions_is_refused(make, tmp_path):
    np.savetxt(tmp_path / "fc.txt", np.eye(N - 1))
    with pytest.raises(ConfigError, match=rf"expected \({N}, {N}\) finite numbers"):
        make(target=str(tmp_path / "fc.txt"))


def test_without_a_connectome_tvb_data_is_asked_for(monkeypatch):
    pytest.importorskip("tvb", reason="needs tvb-library")
    monkeypatch.setitem(sys.modules, "tvb_data", None)
    with pytest.raises(ConfigError, match="pip install tvb-data"):
        TVB(None, TVBParameters(parameters=SEARCHED))


def test_the_connectome_of_tvb_data_is_the_default():
    pytest.importorskip("tvb", reason="needs tvb-library")
    pytest.importorskip("tvb_data", reason="needs tvb-data: pip install tvb-data")
    brain = TVB(None, TVBParameters(parameters=SEARCHED)).brain.connectome
    assert brain.n_regions == 76
    assert np.count_nonzero(brain.weights) == 1560


# -- what TVB gets ----------------------------------------------------------------------------


@tvb_library
def test_values_reach_their_places(make):
    each = np.linspace(-2, -1, N)
    optimizee = make(
        parameters={**SEARCHED, "a": {"low": -2.0, "high": -1.0, "shape": [N]}},
        fixed={"b": -9.0, "coupling_b": 0.5, "noise": 1e-3, "noise_W": 0.0},
        integrator="euler",
    )
    made = optimizee.brain.simulator({**optimizee.fixed, **POINT, "a": each}, seed=7)
    assert made.model.b.tolist() == [-9.0]
    assert np.array_equal(made.model.a.ravel(), each)
    assert made.coupling.a.tolist() == [0.05]
    assert made.coupling.b.tolist() == [0.5]
    assert made.integrator.noise.nsig.ravel().tolist() == [1e-3, 0.0]
    assert type(made.integrator).__name__ == "EulerStochastic"
    assert np.array_equal(made.connectivity.idelays, BRAIN.delays(4.0, 0.1))
    assert np.array_equal(made.connectivity.weights, BRAIN.weights)
    quiet = make().brain.simulator(POINT, seed=7)
    assert type(quiet.integrator).__name__ == "HeunDeterministic"


@tvb_library
def test_a_simulation_is_tvbs_own(make):
    from whole_brain.oracle import trace

    start = {"V": 0.1, "W": 0.2}
    raw = make(monitor="Raw", initial=start, integrator="euler", transient=0.0)
    series = raw.brain.run(POINT, seed=1)
    theirs = trace(
        "Generic2dOscillator", BRAIN.weights, BRAIN.lengths, steps=600, coupling=0.05, speed=4.0,
        initial=start, single=True,
    )  # fmt: skip
    assert np.array_equal(series, theirs[:, 0])
    # samples begin with the start of the simulation, however long the history is
    averaged = make(initial=start, integrator="euler").brain.run(POINT, seed=1)
    assert np.allclose(averaged, theirs[200:, 0].reshape(40, 10, N).mean(axis=1), atol=1e-15)
    thinned = make(initial=start, integrator="euler", monitor="SubSample", period=2.0)
    assert np.array_equal(thinned.brain.run(POINT, seed=1), theirs[219::20, 0])
    summed = make(initial=start, integrator="euler", monitor="Raw", observe="V + W")
    assert np.array_equal(summed.brain.run(POINT, seed=1), theirs[200:].sum(axis=1))


@tvb_library
def test_the_bold_monitor_is_tvbs_own(make):
    """Without delays, where TVB's own count of steps begins at 0."""
    from l2l.optimizees.tvb.library import library

    tvb = library()
    optimizee = make(
        parameters={"coupling_a": [0.0, 0.1], "b": [-10.0, -5.0]},
        fixed={"speed": 1e9}, monitor="Bold", period=500.0, dt=0.5, duration=3000.0, transient=0.0,
        initial={"V": 0.1, "W": 0.2},
    )  # fmt: skip
    values = {**optimizee.fixed, "coupling_a": 0.05}
    found = optimizee.brain.run(values, seed=1)
    assert found.shape == (6, N)
    made = tvb.simulator.Simulator(
        model=tvb.models.Generic2dOscillator(),
        connectivity=tvb.connectivity.Connectivity(
            weights=BRAIN.weights.copy(), tract_lengths=np.zeros((N, N)),
            region_labels=np.array(BRAIN.labels), centres=np.zeros((N, 3)),
        ),
        coupling=tvb.coupling.Linear(a=np.array([0.05])),
        integrator=tvb.integrators.HeunDeterministic(dt=0.5),
        monitors=(tvb.monitors.Bold(period=500.0),),
        initial_conditions=np.broadcast_to([[[0.1]], [[0.2]]], (1, 2, N, 1)).copy(),
    )  # fmt: skip
    made.connectivity.speed = np.array([3.0])
    made.configure()
    ((_, theirs),) = made.run(simulation_length=3000.0)
    assert np.array_equal(found, theirs[:, 0, :, 0])


@tvb_library
def test_the_seed_draws_history_and_noise(make):
    noisy, quiet = make(fixed={"noise": 1e-4}), make()
    start = {"initial": {"V": 0.0, "W": 0.0}}
    for optimizee in (noisy, quiet, make(fixed={"noise": 1e-4}, **start)):
        one, again, other = (optimizee.brain.run(POINT | optimizee.fixed, s) for s in (1, 1, 2))
        assert np.array_equal(one, again)
        assert np.abs(one - other).max() > 1e-3
    fixed = make(**start)
    assert np.array_equal(fixed.brain.run(POINT, 1), fixed.brain.run(POINT, 2))
    horizon = BRAIN.delays(4.0, 0.1).max() + 1
    history = quiet.brain.simulator(POINT, 1).initial_conditions
    assert history.shape == (horizon, 2, N, 1)
    np.random.seed(0)  # TVB's own choice, without ours
    assert np.array_equal(history, quiet.brain.simulator(POINT, 1).initial_conditions)


@tvb_library
@pytest.mark.parametrize("model", ["ReducedSetHindmarshRose", "JansenRit", "KIonEx", "Epileptor"])
def test_other_models_run(make, model):
    optimizee = make(
        model=model, parameters={"coupling_a": [0.0, 0.01]}, dt=0.01, duration=6.0, transient=1.0
    )
    assert np.isfinite(simulate(optimizee, coupling_a=0.005).fitness)


@tvb_library
def test_a_model_of_ones_own(make, tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "from tvb.simulator.models.oscillator import Generic2dOscillator\n"
        "class Own(Generic2dOscillator):\n"
        "    pass\n"
    )
    own = make(model=f"{tmp_path}/own.py:Own")
    assert np.array_equal(own.brain.run(POINT, 3), make().brain.run(POINT, 3))


# -- what comes back --------------------------------------------------------------------------


@tvb_library
def test_fitness_is_the_correlation_of_function_and_structure(make):
    optimizee = make(fixed={"noise": 1e-4})
    result = simulate(optimizee)
    series = optimizee.brain.run(POINT | optimizee.fixed, 1)
    fc = np.corrcoef(series.T)
    scaled = BRAIN.weights / BRAIN.weights.max()
    expected = np.corrcoef(fc.ravel(), scaled.ravel())[0, 1]  # listing 2 of the L2L paper
    assert result.fitness == pytest.approx(expected, abs=1e-5)  # metrics take float32
    above = fc[np.triu_indices(N, 1)]
    assert result.metrics == {"mean_FC": pytest.approx(above.mean(), abs=1e-5)}


@tvb_library
@pytest.mark.parametrize("name", ["fc.npy", "fc.csv", "fc.txt"])
def test_fitness_is_the_likeness_to_a_target(make, tmp_path, name):
    wanted = make(fixed={"noise": 1e-4})
    fc = np.corrcoef(wanted.brain.run(POINT | wanted.fixed, 1).T)
    path = tmp_path / name
    if name == "fc.npy":
        np.save(path, fc)
    else:
        np.savetxt(path, fc, delimiter="," if name == "fc.csv" else " ")
    optimizee = make(fixed={"noise": 1e-4}, fitness="corr_FC_target", target=str(path))
    assert simulate(optimizee).fitness == pytest.approx(1.0, abs=1e-5)
    assert simulate(optimizee, seed=2).fitness < 0.99


@tvb_library
def test_fitness_by_a_function_of_ones_own(make, tmp_path):
    (tmp_path / "own.py").write_text(
        "def spread(signals):\n"
        "    assert signals.context.period == 1.0\n"
        "    return signals.series.std()\n"
    )
    optimizee = make(fitness=f"{tmp_path}/own.py:spread", metrics=["mean_FC", "region_mean_FR"])
    result = simulate(optimizee)
    series = optimizee.brain.run(POINT, 1)
    assert result.fitness == pytest.approx(series.std(), rel=1e-5)
    assert sorted(result.metrics) == sorted(["mean_FC", *(f"region_mean_FR_{i}" for i in range(N))])


@tvb_library
def test_what_diverges_or_stands_still_has_failed(make):
    wild = make(parameters={"coupling_a": [0.0, 1000.0], "speed": [1.0, 10.0]})
    with pytest.raises(SimulationFailed, match=r"diverged: V of \d+ of 12 regions .* ms"):
        simulate(wild, coupling_a=1000.0)
    alone = make(
        model="Kuramoto", parameters={"coupling_a": [0.0, 1.0]}, fixed={"omega": 0.0},
        initial={"theta": 1.0},
    )  # fmt: skip
    with pytest.raises(SimulationFailed, match=r"corr_FC_SC is nan: 12 of 12 regions do not"):
        simulate(alone, coupling_a=0.0)


@tvb_library
def test_the_contract_of_an_optimizee(make):
    check_optimizee(make)


@tvb_library
def test_a_run_is_the_same_here_and_in_workers(connectome, tmp_path):
    spec = {
        "name": "l2l.optimizees.tvb.optimizee:TVB", "connectome": connectome, **SHORT,
        "parameters": {"coupling_a": [0.0, 300.0], "speed": [1.0, 10.0]},
        "fixed": {"noise": 1e-4},
    }  # fmt: skip
    one, two = (
        l2l.optimize(
            spec, {"name": "random_search", "pop_size": 6}, generations=1, executor=executor,
            run=tmp_path / executor["name"], progress=False,
        ).history
        for executor in ({"name": "inline"}, {"name": "local", "workers": 2})
    )  # fmt: skip
    assert one.digest() == two.digest()
    statuses = one.status.tolist()  # strong coupling diverges
    assert statuses.count(Status.OK) > 0
    assert statuses.count(Status.OK) + statuses.count(Status.FAILED) == 6
