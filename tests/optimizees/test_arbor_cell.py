"""The cell in Arbor: its file, its simulation, its kinds of fitness."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
import yaml
from scipy.integrate import solve_ivp

import l2l
from l2l.errors import ConfigError
from l2l.optimizees.arbor_cell import ArborCell, ArborCellParameters
from l2l.optimizees.arbor_cell.__main__ import main
from l2l.optimizees.arbor_cell.checks import resolve
from l2l.optimizees.arbor_cell.description import OWN, read
from l2l.optimizees.arbor_cell.identify import sensitivity
from l2l.optimizees.arbor_cell.losses import spike_counts, spike_losses
from l2l.optimizees.arbor_cell.model import responses
from l2l.optimizees.arbor_cell.reference import read_response
from l2l.optimizees.arbor_cell.units import number
from l2l.testing import check_optimizee

AREA = 4 * np.pi * 10e-4**2  #: cm2, of a ball of a radius of 10 um
BALL = """
morphology: ball.swc
temperature: {celsius} Celsius
simulation: {{length: 60 ms, step: {step}, sampling: 0.1 ms}}
fixed:
  - [(all), cable, Vm, -65 mV]
  - [(all), cable, cm, 1, uF/cm2]
parameters:
{parameters}
stimuli:
  - [5 ms, 40 ms, {current} nA]
"""


def make(**options) -> ArborCell:
    return ArborCell(parameters=ArborCellParameters(**options))


def params(cell: ArborCell, values) -> dict[str, np.ndarray]:
    return {name: np.asarray(values)[:, i] for i, name in enumerate(cell.space.names)}


def truth_of(cell: ArborCell) -> np.ndarray:
    return cell.space.flatten([cell.truth])


def around(cell: ArborCell, n: int, seed: int = 1, spread: float = 0.3) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0, spread, (n, cell.space.size))
    return cell.space.repair(truth_of(cell) * 10**steps)


@pytest.fixture(scope="module")
def pyramid() -> ArborCell:
    return make()


@pytest.fixture
def folder(tmp_path):
    """A folder with a copy of the cell that comes with l2l, to spoil."""
    for path in OWN.parent.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


# -- against other solutions ------------------------------------------------------------------


def ball(tmp_path, parameters: str, row, step: float, current: float, celsius: float = 6.3):
    """Return times and voltage of a ball in Arbor."""
    (tmp_path / "ball.swc").write_text("1 1 0 0 0 10 -1\n")
    file = tmp_path / "ball.yaml"
    text = BALL.format(parameters=parameters, step=step, current=current, celsius=celsius)
    file.write_text(text)
    setup = resolve(read(str(file)))
    return setup.times, responses(setup, np.array([row]))[0, 0]


@pytest.mark.parametrize("step", [0.1, 0.025])
def test_a_passive_cell_charges_as_the_closed_form_says(tmp_path, step):
    """The error is that of the implicit Euler method, dt / (2 tau e) of the amplitude."""
    conductance, tau, jump = 1e-4, 10.0, 0.02e-9 / (1e-4 * AREA) * 1e3
    parameters = "- [(all), pas, g, 1.0e-5, 1.0e-3, log]\n- [(all), pas, e, -90, -50]"
    times, voltage = ball(tmp_path, parameters, [conductance, -65.0], step, 0.02)
    charged = 1 - np.exp(-np.clip(times - 5, 0, 40) / tau)
    expected = -65 + jump * charged * np.exp(-np.clip(times - 45, 0, None) / tau)
    error = np.abs(voltage - expected).max() / jump
    assert error == pytest.approx(step / (2 * tau * np.e), rel=0.05)


def hodgkin_huxley(times: np.ndarray, current: float) -> np.ndarray:
    """Return the voltage of the equations of 1952, with rest at -65 mV, solved by scipy."""

    def rates(v):
        def ratio(x):
            return x / np.expm1(x)

        opening = np.array([ratio(-(v + 40) / 10), 0.07 * np.exp(-(v + 65) / 20),
                            0.1 * ratio(-(v + 55) / 10)])  # fmt: skip
        closing = np.array([4 * np.exp(-(v + 65) / 18), 1 / (1 + np.exp(-(v + 35) / 10)),
                            0.125 * np.exp(-(v + 65) / 80)])  # fmt: skip
        return opening, closing

    def change(t, state):
        v, gates = state[0], state[1:]
        m, h, n = gates
        flow = 0.12 * m**3 * h * (v - 50) + 0.036 * n**4 * (v + 77) + 0.0003 * (v + 54.3)
        clamp = current * 1e-6 / AREA * (5 <= t < 45)  # mA/cm2
        opening, closing = rates(v)
        return [(clamp - flow) / 1e-3, *(opening * (1 - gates) - closing * gates)]

    opening, closing = rates(-65.0)
    start = [-65.0, *(opening / (opening + closing))]
    return solve_ivp(change, (0, 60), start, t_eval=times, rtol=1e-7, atol=1e-7, max_step=0.1).y[0]


def crossings(times, voltage):
    up = np.flatnonzero((voltage[1:] > 0) & (voltage[:-1] <= 0))
    return times[up] - voltage[up] * np.diff(times)[up] / np.diff(voltage)[up]


def test_hodgkin_and_huxleys_spikes_come_when_an_independent_solver_says(tmp_path):
    """Arbor is of first order: four spikes within 0.1 ms at 0.01 ms, half of that at half of it."""
    parameters = "- [(all), hh, gnabar, 0.05, 0.5, log]\n- [(all), hh, gkbar, 0.01, 0.1, log]"
    late = []
    for step in (0.01, 0.005):
        times, voltage = ball(tmp_path, parameters, [0.12, 0.036], step, 0.2)
        expected = hodgkin_huxley(times, 0.2)
        assert len(crossings(times, expected)) == len(crossings(times, voltage)) == 4
        late.append(crossings(times, voltage) - crossings(times, expected))
        quiet = times < 6  # before the first spike
        assert np.abs(voltage - expected)[quiet].max() < 0.2
    assert np.abs(late[0]).max() < 0.1
    assert late[1] == pytest.approx(late[0] / 2, rel=0.1)


def test_the_shipped_responses_are_those_of_the_true_parameters(folder, tmp_path):
    """To 0.01 mV: another processor's vector units may round otherwise."""
    out = tmp_path / "out"
    out.mkdir()
    assert main(["respond", "--folder", str(out)]) == 0
    for path in OWN.parent.glob("*.csv"):
        times = np.arange(2500) * 0.1
        found = read_response(out / path.name, times)
        assert found == pytest.approx(read_response(path, times), abs=0.01)


def test_the_shipped_morphology_is_what_its_script_writes(capsys):
    import runpy

    runpy.run_path(str(OWN.parent / "morphology.py"), run_name="__main__")
    assert capsys.readouterr().out == (OWN.parent / "pyramid.swc").read_text()


# -- batches and failures ---------------------------------------------------------------------


def test_a_batch_gives_each_individual_what_it_gets_alone_to_the_bit(pyramid):
    values = around(pyramid, 5)
    together = pyramid.responses(values)
    assert together.shape == (5, 4, 2500)
    for lane in range(5):
        assert np.array_equal(pyramid.responses(values[[lane]])[0], together[lane])
    assert np.array_equal(make(threads=2).responses(values), together)


def test_a_bad_lane_fails_and_the_others_are_as_without_it(pyramid):
    values = around(pyramid, 4)
    good = pyramid.simulate_batch(params(pyramid, values), None)
    assert good.ok.all()
    bad = values.copy()
    bad[1, 3] = -1e-3  # of which Arbor makes NaN without an error, or no NaN at all
    bad[2, 0] = np.nan
    mixed = pyramid.simulate_batch(params(pyramid, bad), None)
    assert mixed.ok.tolist() == [True, False, False, True]
    assert np.isnan(mixed.fitness[1:3]).all()
    for lane in (0, 3):
        assert np.array_equal(mixed.fitness[lane], good.fitness[lane])
        assert np.array_equal(mixed.observation[lane], good.observation[lane])


def test_a_voltage_that_is_no_number_is_a_failure(pyramid):
    traces = pyramid.responses(around(pyramid, 2))
    traces[0, 1, 700] = np.nan
    ok = np.isfinite(traces).all(axis=(1, 2))
    result = pyramid.judged(traces, ok)
    assert np.isnan(result.fitness[0])
    assert np.isfinite(result.fitness[1])


@pytest.mark.parametrize(
    ("fitness", "objectives", "n"),
    [("features", "one", 1), ("mean_square", "each", 4), ("spikes", "each", 8)],
)
def test_contract(fitness, objectives, n):
    assert make(fitness=fitness, objectives=objectives).n_objectives == n
    check_optimizee(
        lambda: make(fitness=fitness, objectives=objectives), objectives=n, individuals=2, rtol=0
    )


# -- fitness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fitness", ["features", "mean_square", "spikes"])
def test_the_truth_is_fitter_than_all_around_it(fitness):
    cell = make(fitness=fitness)
    values = np.concatenate([truth_of(cell), around(cell, 20, spread=0.05)])
    result = cell.simulate_batch(params(cell, values), None)
    assert result.fitness[0] == pytest.approx(0, abs=1e-3)  # responses are kept to 0.001 mV
    assert (result.fitness[1:] < result.fitness[0] - 1e-3).all()
    assert result.observation[0] == pytest.approx(0, abs=1e-2)
    assert result.metrics["spike_difference"][0] == 0
    assert result.metrics["mean_square"][0] < 1e-5


def test_each_features_objectives_are_squared_residuals(pyramid):
    each = make(objectives="each")
    values = params(pyramid, around(pyramid, 3))
    result, one = each.simulate_batch(values, None), pyramid.simulate_batch(values, None)
    assert result.fitness.shape == (3, each.n_objectives) == (3, 41)
    assert np.array_equal(result.fitness, -np.square(result.observation))
    assert one.fitness[:, 0] == pytest.approx(result.fitness.mean(axis=1))


def test_equations_4_and_5_by_hand():
    reference = np.array([[-70.0, 10.0, 30.0, -70.0], [-70.0, -70.0, -60.0, -70.0]])
    traces = reference + np.array([[1.0, -4.0, -8.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    found = spike_losses(traces[None], reference, -20.0)
    assert found.tolist() == [[2.5, 6.0, 2.0, 0.0]]  # L0, S0, L1, S1
    assert spike_counts(reference, -20.0).tolist() == [1, 0]


def test_mean_square_prefers_silence_to_spikes_at_other_times():
    """Why the paper's first fitness finds no spikes (figure 5): no spike costs half as much."""
    cell = make(fitness="mean_square")
    spiking = cell.reference[3]
    late = np.roll(spiking, 60)  # 6 ms
    silent = np.minimum(spiking, -50.0)
    loss = [np.square(trace - spiking).mean() for trace in (late, silent)]
    assert loss[1] < 0.7 * loss[0]
    assert spike_counts(late, -20.0) == spike_counts(spiking, -20.0)


def test_a_missing_feature_counts_more_than_any_value(pyramid):
    from l2l.optimizees.arbor_cell.features import residuals

    silent = pyramid.reference.copy()
    silent[2] = np.minimum(silent[2], -50.0)
    traces = np.stack([pyramid.reference, silent])
    seen, missing = residuals(pyramid.cell, pyramid.features, traces, -20.0, 250.0)
    weak = [i for i, f in enumerate(pyramid.features) if f.stimulus == 2]
    lost = [i for i in weak if pyramid.features[i].name.startswith(("AP_", "time_to", "AHP"))]
    assert missing[0].sum() == 0
    assert seen[0] == pytest.approx(0, abs=1e-2)
    assert missing[1, lost].all()
    assert missing[1].sum() == len(lost)
    assert (seen[1, lost] == np.arcsinh(250.0)).all()
    assert np.abs(seen).max() <= np.arcsinh(250.0)
    count = next(i for i in weak if pyramid.features[i].name == "spike_count")
    assert seen[1, count] == pytest.approx(np.arcsinh(-2 / 0.5))


def test_features_may_be_given_without_a_response(folder):
    cell = yaml.safe_load((folder / "pyramid.yaml").read_text())
    for stimulus in cell["stimuli"]:
        del stimulus["response"], stimulus["features"]
    cell["stimuli"][3]["features"] = {
        "spike_count": {"mean": 6, "tolerance": 0.5}, "AP_amplitude": {"mean": 80, "tolerance": 2}
    }  # fmt: skip
    (folder / "cell.yaml").write_text(yaml.safe_dump(cell))
    optimizee = make(cell=str(folder / "cell.yaml"))
    result = optimizee.simulate_batch(params(optimizee, truth_of(optimizee)), None)
    count = [f.name for f in optimizee.features].index("spike_count")
    assert result.observation[0, count] == pytest.approx(np.arcsinh((8 - 6) / 0.5))
    assert set(result.metrics) == {"missing"}
    with pytest.raises(ConfigError, match="needs a response of each"):
        make(cell=str(folder / "cell.yaml"), fitness="spikes")


# -- the file ---------------------------------------------------------------------------------


def test_log_scales_spread_magnitudes_evenly(pyramid):
    middle = pyramid.space.from_search(np.full((1, pyramid.space.size), 0.5))[0]
    bounds = [(p.low, p.high) for p in pyramid.space.parameters]
    assert middle == pytest.approx([np.sqrt(low * high) for low, high in bounds])
    assert len(bounds) == 11
    decades = np.log10([max(pyramid.truth.values()) / min(pyramid.truth.values())])
    assert decades > 4


def test_the_lines_of_the_paper_make_parameters(folder):
    cell = yaml.safe_load((folder / "pyramid.yaml").read_text())
    cell["fixed"] = [entry for entry in cell["fixed"] if entry[1] != "pas"]
    cell["parameters"] = [
        ["(tag 2)", "pas", "e", -70, -30],
        ["(radius-lt (tag 3) 0.6)", "Ih", "gbar", "0.01 mS/cm2", "1 mS/cm2", "log"],
        ["soma", "NaTs", "gbar", 50, 5000, "log", "mS/cm2", "sodium"],
    ]
    del cell["truth"]
    (folder / "cell.json").write_text(json.dumps(cell))
    optimizee = make(cell=str(folder / "cell.json"), fitness="mean_square")
    space = optimizee.space
    assert space.names == ["tag_2_pas_e", "radius_lt_tag_3_0_6_Ih_gbar", "sodium"]
    assert [p.scale for p in space.parameters] == ["linear", "log", "log"]
    assert [p.unit for p in space.parameters] == ["mV", "S/cm2", "mS/cm2"]
    assert space.parameters[1].low == pytest.approx(1e-5)
    assert optimizee.cell.unknown[2].factor == pytest.approx(1e-3)
    assert np.isfinite(optimizee.responses(np.array([[-60.0, 1e-4, 600.0]]))).all()


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("34 Celsius", "K", 307.15), ("285 K", "K", 285), (5, "ms", 5), ("0.2 s", "ms", 200),
        ("1 uF/cm2", "uF/cm2", 1), ("0.01 F/m2", "uF/cm2", 1), ("3 mS/cm2", "S/cm2", 0.003),
        ("1 mho / cm2", "S/cm2", 1), ("-100 pA", "nA", -0.1), ("120 Ohm*cm", "Ohm*cm", 120),
        ("1.2 Ohm*m", "Ohm*cm", 120), ("5e-5 mM", "mM", 5e-5),
    ],
)  # fmt: skip
def test_units_are_arbors(value, unit, expected):
    assert number(value, unit, "x") == pytest.approx(expected)


def first(i: int, value):
    return lambda d: d["parameters"][0].__setitem__(i, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first(1, "NaTx"), r"no density mechanism 'NaTx'; did you mean 'NaTs'.*Ca_HVA, Ca_LVA, Ih"),
        (first(2, "gba"), r"NaTs has no parameter 'gba'; did you mean 'gbar'"),
        (first(0, "somma"), r"\[somma, NaTs, gbar\]: there is no region 'somma'.*'soma'"),
        (first(0, "(tag 1"), r"'\(tag 1': .*Missing a closing parenthesis"),
        (first(0, "(rad-lt (tag 2) 1)"), r"No matches for 'rad-lt'.*names are now radius-lt"),
        (first(0, "(tag 9)"), r"\(tag 9\) is no part of the morphology"),
        (first(0, "(location 0 0.5)"), r"is a location, expected a region"),
        (first(6, "mV"), r"is in 'mV', expected S/cm2"),
        (first(6, "bananas"), r"'bananas' is no unit"),
        (first(5, "logg"), r"scale is lin or log, got 'logg'"),
        (first(3, -1), r"can't be negative, its range begins at -1"),
        (first(3, 0), r"a log scale needs low > 0"),
        (first(3, 10), r"needs low < high, got 10 and 5"),
        (first(3, "ten"), r"must be a number \(of S/cm2\), got 'ten'"),
        (lambda d: d["parameters"].append(d["parameters"][0]), r"is given twice"),
        (lambda d: d["parameters"].append(["(tag 1)", "NaTs", "gbar", 1, 2]), r"overpaints"),
        (lambda d: d["fixed"].append(["soma", "Kd", "gbar", -1]), r"can't be negative, got -1"),
        (lambda d: d["fixed"].append(["soma", "ion:mg", "rev_pot", 1]), r"no ion 'mg'.*ca, k, na"),
        (lambda d: d.update(morphology="no.swc"), r"there is no file .*no.swc"),
        (lambda d: d.update(morphology="pyramid-weak.csv"), r"has no samples: expected an SWC"),
        (lambda d: d.update(catalogues=["alen"]), r"no catalogue 'alen'; did you mean 'allen'"),
        (lambda d: d.update(morfology="x"), r"no field 'morfology'; did you mean 'morphology'"),
        (lambda d: d.pop("stimuli"), r"it has no stimuli"),
        (lambda d: d["stimuli"][0].update(response="no.csv"), r"there is no response .*no.csv"),
        (lambda d: d["stimuli"][0].update(amplitude="3 mV"), r"amplitude is in 'mV', expected nA"),
        (lambda d: d["stimuli"][0]["features"].update(spike_cont=1), r"no feature 'spike_cont'"),
        (lambda d: d["stimuli"][0]["features"].update(AP_width=1), r"has no such feature"),
        (lambda d: d["stimuli"][2]["features"].update(AP_width=0), r"must be greater than 0"),
        (lambda d: d["simulation"].update(length="300 ms"), r"has 0 to 249.9 ms, and .* 299.9 ms"),
        (lambda d: d["simulation"].update(step=0), r"step must be greater than 0"),
        (lambda d: d.update(record="(on-components 0.5 (tag 3))"), r"several locations"),
        (lambda d: d["ions"]["ca"].update(method="nerst"), r"no mechanism nerst"),
        (lambda d: d["truth"].pop("pas_g"), r"truth must have each parameter once"),
        (lambda d: d.update(temperature="hot"), r"temperature must be a number"),
    ],
)
def test_errors_come_before_any_simulation(folder, change, message):
    cell = copy.deepcopy(yaml.safe_load((folder / "pyramid.yaml").read_text()))
    change(cell)
    (folder / "cell.yaml").write_text(yaml.safe_dump(cell))
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        make(cell=str(folder / "cell.yaml"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*cell\.yaml"):
        make(cell=str(tmp_path / "cell.yaml"))


# -- Allen ------------------------------------------------------------------------------------

FIT = {
    "passive": [{"ra": 110.0, "cm": [{"section": "soma", "cm": 1.5}], "e_pas": -80.0}],
    "fitting": [{"junction_potential": -14.0, "sweeps": [1]}],
    "conditions": [
        {"celsius": 34, "v_init": -80, "erev": [{"section": "soma", "ena": 53.0, "ek": -107.0}]}
    ],
    "genome": [
        {"section": "soma", "name": "g_pas", "value": "0.0001", "mechanism": ""},
        {"section": "axon", "name": "g_pas", "value": "0.0002", "mechanism": ""},
        {"section": "dend", "name": "g_pas", "value": "0.00005", "mechanism": ""},
        {"section": "apic", "name": "g_pas", "value": "0.00005", "mechanism": ""},
        {"section": "dend", "name": "cm", "value": "2.5", "mechanism": ""},
        {"section": "dend", "name": "Ra", "value": "140", "mechanism": ""},
        {"section": "soma", "name": "gbar_NaTs", "value": "0.5", "mechanism": "NaTs"},
        {"section": "soma", "name": "gbar_Kv3_1", "value": "0.1", "mechanism": "Kv3_1"},
        {"section": "soma", "name": "gbar_SK", "value": "0.001", "mechanism": "SK"},
        {"section": "soma", "name": "gbar_Ca_LVA", "value": "0.001", "mechanism": "Ca_LVA"},
        {"section": "soma", "name": "gamma_CaDynamics", "value": "0.02", "mechanism": "CaDynamics"},
        {"section": "soma", "name": "decay_CaDynamics", "value": "90", "mechanism": "CaDynamics"},
    ],
}


def test_a_fit_of_the_allen_institute_becomes_a_cell(tmp_path, capsys):
    shutil.copy(OWN.parent / "pyramid.swc", tmp_path / "cell.swc")
    (tmp_path / "cell_fit.json").write_text(json.dumps(FIT))
    assert main(["from-allen", str(tmp_path / "cell_fit.json"), str(tmp_path / "cell.swc")]) == 0
    file = tmp_path / "cell.yaml"
    file.write_text(capsys.readouterr().out)
    short = yaml.safe_load(file.read_text())
    short["simulation"].update(length="400 ms", step="0.1 ms", max_extent="100 um")
    short["stimuli"][0]["amplitude"] = "3 nA"
    file.write_text(yaml.safe_dump(short))
    assert main(["respond", str(file)]) == 0
    cell = make(cell=str(file), fitness="mean_square")
    assert cell.truth == {
        "soma_pas_g": 1e-4, "axon_pas_g": 2e-4, "dend_pas_g": 5e-5, "apic_pas_g": 5e-5,
        "soma_NaTs_gbar": 0.5, "soma_Kv3_1_gbar": 0.1, "soma_SK_gbar": 0.001,
        "soma_Ca_LVA_gbar": 0.001,
    }  # fmt: skip
    assert cell.space.parameters[4].low == pytest.approx(0.05)
    assert cell.space.parameters[4].high == pytest.approx(5)
    fixed = {(p.region, p.mechanism, p.parameter): v for p, v in cell.cell.fixed}
    assert fixed["dend", "cable", "cm"] == 2.5
    assert fixed["dend", "cable", "rL"] == 140
    assert fixed["(all)", "cable", "rL"] == 110
    assert fixed["soma", "ion:k", "rev_pot"] == -107
    assert fixed["(all)", "pas", "e"] == -80
    assert fixed["soma", "CaDynamics", "decay"] == 90
    assert cell.cell.temperature == pytest.approx(307.15)
    assert spike_counts(cell.reference, -20.0)[0] > 0
    result = cell.simulate_batch(params(cell, truth_of(cell)), None)
    assert result.fitness[0, 0] == pytest.approx(0, abs=1e-5)


def test_what_is_no_fit_is_refused(tmp_path, capsys):
    (tmp_path / "x.json").write_text('{"genome": []}')
    shutil.copy(OWN.parent / "pyramid.swc", tmp_path / "cell.swc")
    assert main(["from-allen", str(tmp_path / "x.json"), str(tmp_path / "cell.swc")]) == 2
    assert "is no fit of the Allen Cell Types Database" in capsys.readouterr().err


# -- searching --------------------------------------------------------------------------------


def test_the_least_determined_parameters_are_named(pyramid):
    found = sensitivity(pyramid)
    order = [found.names[i] for i in np.argsort(found.others_free)]
    assert set(order[:2]) == {"soma_Im_gbar", "soma_Ca_LVA_gbar"}
    assert order[-1] == "pas_g"
    assert (found.others_free <= found.alone * 1.0001).all()
    assert "soma_Im_gbar" in str(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_ensemble_filter_finds_most_conductances_and_chance_does_not(seed, tmp_path):
    cell = make()
    result = l2l.optimize(
        cell, {"name": "ensemble_kalman_filter", "pop_size": 30, "noise_std": 0.2},
        generations=7, seed=seed, run=tmp_path / "run", workers=1, progress=False,
    )  # fmt: skip
    history = l2l.load(result.path)
    last = history.generation == 6
    error = np.log10(history.parameters[last] / truth_of(cell)).mean(axis=0)
    assert np.median(np.abs(error)) < 0.15
    # The baseline: the best of as many random individuals.
    space = cell.space
    drawn = space.from_search(space.sample(len(history), np.random.default_rng(seed)))
    fitness = cell.simulate_batch(params(cell, drawn), None).fitness[:, 0]
    chance = np.log10(drawn[np.argmax(fitness)] / truth_of(cell))
    assert np.median(np.abs(chance)) > 2 * np.median(np.abs(error))
    assert history.score[last].max() > fitness.max() + 1


def test_figures(tmp_path):
    from l2l.optimizees.arbor_cell.figures import recovery, traces

    result = l2l.optimize(
        make(), "random_search", evaluations=4, run=tmp_path / "run", workers=1, progress=False
    )
    history = l2l.load(result.path)
    for draw in (traces, recovery):
        draw(history, make()).savefig(tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000
