"""The neural mass models: against tvb-library, closed forms, published values; their contract."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.maths import exp, sin, where
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State
from l2l.optimizees.whole_brain.models import MODELS, load, zerlaut
from l2l.optimizees.whole_brain.plain import check_source
from l2l.optimizees.whole_brain.testing import check_model

N = 40  #: regions, or points at which functions are compared

#: What tvb-library calls the AdEx model's parameters where its names differ.
ADEX_NAMES = {
    "p_connect_e": "p_e", "p_connect_i": "p_i", "g": "g_inh", "weight_noise": "weight_noise",
    "external_input_ex_ex": "ext_ee", "external_input_in_ex": "ext_ie",
    "external_input_ex_in": "ext_ei", "external_input_in_in": "ext_ii",
}  # fmt: skip


def arguments(model: Model, parameters, connectome=None) -> list[np.ndarray]:
    """Parameters in order, those that are computed included."""
    values = {name: np.full(N, 1.0) * parameters[name] for name in model.parameter_names}
    if model.derived is not None:
        values |= model.derived(values, connectome)
    return list(values.values())


def spread(model: Model, rng, part=0.2, **ranges) -> dict[str, float]:
    """The defaults, each multiplied by a number around 1; some from a range instead."""
    found = {k: v * rng.uniform(1 - part, 1 + part) for k, v in model.defaults().items()}
    return found | {name: rng.uniform(*r) for name, r in ranges.items()}


def scaled_error(mine, theirs) -> np.ndarray:
    """Largest difference of each row, as a part of its largest number."""
    mine, theirs = np.array(mine), np.array(theirs)
    return np.abs(mine - theirs).max(axis=1) / np.maximum(np.abs(theirs).max(axis=1), 1e-300)


def integrate(model: Model, states, inputs, parameters, steps, dt, watch=None):
    """Euler, in float64: the states at the end, or what ``watch`` took of each step."""
    seen = []
    for _ in range(steps):
        rates = model.derivatives(*states, *inputs(states), *parameters)
        states = [x + dt * dx for x, dx in zip(states, rates, strict=True)]
        if watch is not None:
            seen.append(watch(states))
    return states if watch is None else np.array(seen)


# -- the contract -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_each_model_keeps_the_contract(name):
    model = load(name)
    assert model.name == name
    check_model(model)
    for preset in model.presets:
        assert model.defaults(preset) != model.defaults()


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from l2l.optimizees.whole_brain import models, connectome\n"
        "[models.load(name) for name in models.MODELS]\n"
        "print([m for m in ('numba', 'scipy', 'tvb', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


OWN = """
from l2l.optimizees.whole_brain.maths import tanh
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State

GAIN = 2.0


def response(x):
    return tanh(GAIN * x)


def derivatives(x, coupling, G, tau, sigma):
    return ((response(G * coupling) - x) / tau,)


LEAKY = Model(
    name="leaky",
    doc="leaky units",
    states=(State("x", initial=(-1.0, 1.0), noise="sigma"),),
    parameters=(
        ModelParameter("G", 1.0, low=0.0, high=2.0),
        ModelParameter("tau", 10.0, "ms", 1.0, 100.0),
        ModelParameter("sigma", 0.0),
    ),
    derivatives=derivatives,
    sent=("x",),
    bold="x",
)
OTHER = 3
"""


def test_a_model_of_ones_own_is_one_file(tmp_path):
    (tmp_path / "leaky.py").write_text(OWN)
    model = load("leaky.py:LEAKY", base=tmp_path)
    check_model(model)
    assert load(f"{tmp_path}/leaky.py:LEAKY") is model
    np.testing.assert_allclose(model.derivatives(0.5, 0.0, 1.0, 10.0, 0.0), -0.05)
    with pytest.raises(ConfigError, match="must be a Model, got int"):
        load("leaky.py:OTHER", base=tmp_path)
    with pytest.raises(ConfigError, match="has no 'NONE'"):
        load("leaky.py:NONE", base=tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'kuramoto'"):
        load("kuramotto")
    assert load("l2l.optimizees.whole_brain.models.dmf:DMF") is load("dmf")


def test_the_model_of_the_documentation_keeps_the_contract(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "whole-brain-models.md"
    if not page.is_file():
        pytest.skip("not in a clone")
    blocks = page.read_text().split("```python\n")[1:]
    (code,) = [b.partition("```")[0] for b in blocks if "FITZHUGH = " in b]
    (tmp_path / "fitzhugh.py").write_text(code)
    check_model(load("fitzhugh.py:FITZHUGH", base=tmp_path))


def branching(x, c, k):
    if x > 0:
        return (x,)
    return (k - x,)


def through_numpy(x, c, k):
    return (np.exp(x) * k,)


def one_number(x, c, k):
    return k - x


def mixed(x, c, k):
    return (x - x.mean() + k,)


def overflowing(x, c, k):
    return (exp(1000.0 * k) - x,)


def misnamed(x, c, q):
    return (-x,)


def cancelling(x, c, k):
    return ((x + 1e8) - 1e8 - 0.5 * k,)


def rooted(x, c, k):
    return (k - x**0.5,)


def equal(x, c, k):
    return (where(x == k, 0.0, -x),)


def between(x, c, k):
    return (where(0.0 < x < k, 0.0, -x),)


def added(x, c, k):
    k += c
    return (k - x,)


def fine(x, c, k):
    return (k - sin(x),)


FINE = Model(
    "fine", "", (State("x", initial=(0.1, 0.9)),), (ModelParameter("k", 1.0),), fine, ("x",)
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"derivatives": branching}, "If is not plain arithmetic"),
        ({"derivatives": through_numpy}, "Attribute is not plain arithmetic"),
        ({"derivatives": one_number}, "expected a tuple of 1 numbers"),
        ({"derivatives": mixed}, "Attribute is not plain arithmetic"),
        ({"derivatives": overflowing}, "expected finite numbers"),
        ({"derivatives": misnamed}, "q is where k was expected"),
        ({"derivatives": cancelling}, "float32 differs from float64"),
        ({"derivatives": rooted}, "powers are to whole numbers only"),
        ({"derivatives": equal}, "Eq is not plain arithmetic"),
        ({"derivatives": between}, "compare two numbers at a time"),
        ({"derivatives": added}, "AugAssign is not plain arithmetic"),
        ({"derivatives": lambda x, c, k: (k - x,)}, "expected a function made with def"),
        ({"states": (State("x", initial=2.0, high=1.0),)}, "outside of its limits"),
        ({"states": (State("x", noise="sigma"),)}, "'sigma', which is no parameter"),
        ({"states": (State("x", 0, 0.1, relaxation="k"),)}, "start|derivative|limits|must be"),
        ({"parameters": (ModelParameter("k", 2.0, high=1.0),)}, "outside of its bounds"),
        ({"parameters": (ModelParameter("x", 2.0),)}, r"share the names \['x'\]"),
        ({"sent": ("y",)}, r"sent names \['y'\]"),
        ({"bold": "y"}, "bold is 'y'"),
        ({"presets": {"p": {"z": 1.0}}}, r"the preset 'p' sets \['z'\]"),
        ({"derived": lambda p, connectome: {"k": 1.0}}, "must be 6 finite numbers"),
        ({"derived": lambda p, connectome: {"z": p["k"]}}, r"computes \['z'\]"),
    ],
)
def test_what_breaks_the_contract_is_told(changes, message):
    check_model(FINE)
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match=message):
        check_model(dataclasses.replace(FINE, **changes))


def test_only_names_of_the_file_and_of_maths_are_used():
    def borrowed(x):
        return synthetic(x)

    def unknown(x):
        return x * nowhere  # noqa: F821

    with pytest.raises(AssertionError, match="synthetic comes from"):
        check_source(borrowed)
    with pytest.raises(AssertionError, match="there is no 'nowhere'"):
        check_source(unknown)


def test_an_ornstein_uhlenbeck_state_must_decay():
    states = (State("x", initial=(0.1, 0.9), relaxation="k"),)
    with pytest.raises(AssertionError, match="the derivative of x must be -x / k"):
        check_model(dataclasses.replace(FINE, states=states))


# -- against tvb-library ----------------------------------------------------------------------


def tvb_rates(name, parameters, states, inputs):
    """The derivatives of a model of tvb-library, ``(states, n)``."""
    pytest.importorskip("tvb.simulator.models", reason="needs tvb-library")
    from whole_brain.oracle import tvb_model

    model = tvb_model(name, parameters)
    model.configure()
    return model.dfun(np.array(states)[:, :, None], np.array(inputs)[:, :, None])[:, :, 0]


def adex(name, rng):
    """Random states, inputs and parameters, and tvb-library's names for the latter."""
    model = load(name)
    p = spread(
        model, rng, tau_i=(3, 8), K_ext_i=(0, 50), ext_ei=(0, 1e-3), ext_ii=(0, 1e-3),
        b_i=(0, 30), a_i=(0, 5), weight_noise=(0, 1e-3), E_e=(-5, 5),
    )  # fmt: skip
    p |= {"G": 1.0, "S_i": 1.0, "N_tot": 9000.0, "K_ext_e": 380.0, "K_ext_i": round(p["K_ext_i"])}
    p |= {"derivative_scale": 1e-3} if "derivative_scale" in p else {}
    names = [k for k in p if not k.startswith("P_") and k not in ("G", "derivative_scale")]
    theirs = {
        next((t for t, m in ADEX_NAMES.items() if m == k), k): p[k]
        for k in names if k not in ("sigma_ou", "tau_w_e", "tau_w_i")
    }  # fmt: skip
    theirs |= {"tau_w_e": p["tau_w_e"], "tau_w_i": p["tau_w_i"]}
    theirs |= {f"P_{k}": np.array([p[f"P_{k}{i}"] for i in range(10)]) for k in "ei"}
    rates = [rng.uniform(5e-4, 0.1, N), rng.uniform(5e-4, 0.1, N)]
    covariances = [rng.uniform(low, 5e-4, N) for low in (0, -5e-4, 0)]
    slow = [rng.uniform(0, 200, N), rng.uniform(0, 2, N), rng.uniform(0, 3, N)]
    states = [*rates, *(covariances if "second" in name else []), *slow]
    return model, p, theirs, states, [rng.uniform(0, 0.02, N)]


# What TVB differentiates in steps of 1e-7 kHz has errors of its own, of 1e-9 in E and I and of
# 1e-11 in the covariances. Everything else agrees to rounding.
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "theirs", "tolerance"),
    [
        ("adex_first_order", "ZerlautAdaptationFirstOrder", [1e-12] * 5),
        (
            "adex_second_order",
            "ZerlautAdaptationSecondOrder",
            [1e-8, 1e-8, 1e-10, 1e-10, 1e-10, 1e-12, 1e-12, 1e-12],
        ),
    ],
)
def test_adex_is_tvbs(name, theirs, tolerance, seed):
    model, p, parameters, states, inputs = adex(name, np.random.default_rng(seed))
    expected = tvb_rates(theirs, parameters, states, inputs)
    mine = model.derivatives(*states, *inputs, *arguments(model, p))
    assert (scaled_error(mine, expected) < tolerance).all()


# Parameters of tvb-library whose names are the same here; the others are set as said.
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "theirs", "ranges", "sent"),
    [
        ("generic2d", "Generic2dOscillator", {"I": (-1, 1), "c": (-2, 2), "g": (-2, 2)}, 1),
        ("dmf", "ReducedWongWangExcInh", {"lamda": (0, 1), "I_ext": (0, 0.1)}, 1),
        ("wilson_cowan", "WilsonCowan", {"P": (-1, 1), "Q": (-1, 1)}, 2),
        ("montbrio", "MontbrioPazoRoxin", {"I": (-1, 1), "tau": (0.5, 2)}, 2),
    ],
)
def test_other_models_are_tvbs(name, theirs, ranges, sent, seed):
    rng = np.random.default_rng(seed)
    model = load(name)
    p = spread(model, rng, **ranges)
    p |= (
        {"shift_sigmoid": float(seed % 2)} if name == "wilson_cowan" else {"gain_e": 1, "gain_i": 1}
    )
    p |= {"alpha": 0.0, "J_0": p["J_i"]} if name == "dmf" else {}
    ours = set(model.parameter_names)
    not_theirs = {"G"} if name != "dmf" else set()
    not_theirs |= {"sigma", "sigma_r", "sigma_V", "rest_e", "rest_i", "J_0", "gain_e", "gain_i"}
    if name == "dmf":
        not_theirs |= {"alpha"}
    states = [rng.uniform(0.05, 0.9, N) for _ in model.states]
    coupling = rng.uniform(0, 1, N)
    given = [(coupling if name == "dmf" else p["G"] * coupling), *[np.zeros(N)] * (sent - 1)]
    expected = tvb_rates(theirs, {k: p[k] for k in ours - not_theirs}, states, given)
    mine = model.derivatives(*states, coupling, *arguments(model, p, synthetic(N)))
    assert (scaled_error(mine, expected) < 1e-12).all()


def test_gains_of_the_dmf_are_those_of_tvbs_heterogeneous_one():
    rng = np.random.default_rng(0)
    model = load("dmf")
    gain = rng.uniform(0.5, 1.5, N)
    states, coupling = [rng.uniform(0.05, 0.9, N) for _ in "ei"], rng.uniform(0, 1, N)
    p = model.defaults() | {"alpha": 0.0, "gain_e": gain, "gain_i": gain}
    expected = tvb_rates("DecoBalancedExcInh", {"M_i": gain, "G": p["G"]}, states, [coupling])
    mine = model.derivatives(*states, coupling, *arguments(model, p, synthetic(N)))
    assert (scaled_error(mine, expected) < 1e-12).all()


# -- the transfer function of AdEx ------------------------------------------------------------


def slope(function, x, h):
    """Derivative by a central difference of fourth order."""
    near, far = function(x + h) - function(x - h), function(x + 2 * h) - function(x - 2 * h)
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tau_i", [5.0, 3.0, 8.0])
def test_closed_forms_are_the_derivatives_of_the_transfer_function(tau_i, seed):
    rng = np.random.default_rng(seed)
    p = load("adex_second_order").defaults("tvb_hpc" if seed == 2 else None)
    shared = [p[k] for k in ("g_L", "E_L_e", "C_m", "E_e", "E_i", "Q_e", "Q_i", "tau_e")]
    rest = (p["g_L"] / p["C_m"], *shared, tau_i, *(p[f"P_e{k}"] for k in range(10)))
    # From silence to a hundred hertz: the rates of all synapses of a cell, in kHz.
    x, y = rng.uniform(0.5, 40, 200), rng.uniform(0.1, 10, 200)
    W = rng.uniform(0, 200, 200)

    def every(x, y):
        return zerlaut.rate_and_derivatives(x, y, W, *rest)

    F, mu, *closed = every(x, y)
    plain, mean = zerlaut.rate(x, y, W, *rest)
    np.testing.assert_allclose(F, plain, rtol=1e-12)
    np.testing.assert_array_equal(mu, mean)
    by_x = lambda k: slope(lambda e: every(x + e, y)[k], 0.0, 1e-4 * x)  # noqa: E731
    by_y = lambda k: slope(lambda e: every(x, y + e)[k], 0.0, 1e-4 * y)  # noqa: E731
    expected = [by_x(0), by_y(0), by_x(2), by_y(2), by_y(3)]
    # Differences in float64 are good to about 1e-16 / 1e-4 of F.
    assert (scaled_error(closed, expected) < 1e-9).all()
    np.testing.assert_allclose(by_x(3), by_y(2), rtol=0, atol=1e-9 * np.abs(by_y(2)).max())


def test_float32_is_enough_for_the_derivatives():
    """TVB's own differences of 1e-7 kHz would be noise in float32; closed forms are not."""
    rng = np.random.default_rng(3)
    p = load("adex_second_order").defaults()
    shared = [p[k] for k in ("g_L", "E_L_e", "C_m", "E_e", "E_i", "Q_e", "Q_i", "tau_e", "tau_i")]
    rest = (p["g_L"] / p["C_m"], *shared, *(p[f"P_e{k}"] for k in range(10)))
    numbers = [rng.uniform(0.5, 40, 500), rng.uniform(0.1, 10, 500), rng.uniform(0, 200, 500)]
    exact = zerlaut.rate_and_derivatives(*numbers, *rest)
    single = zerlaut.rate_and_derivatives(
        *(n.astype(np.float32) for n in numbers), *(np.float32(r) for r in rest)
    )
    assert single[0].dtype == np.float32
    assert (scaled_error(single, exact) < 1e-5).all()


def master_equation(model, p, states, inputs, h=1e-6):
    """The second-order equations with differences per kHz: a second implementation."""
    E, I, c_ee, c_ei, c_ii, W_e, W_i, ou = states  # noqa: E741
    q = dict(zip(model.parameter_names, arguments(model, p), strict=True))
    first = load("adex_first_order")
    rest = [q[k] for k in first.parameter_names]
    # The rates of all synapses are linear in E and I, so an extra rate is an extra input.
    network, noise = q["G"] * inputs[0], q["weight_noise"] * ou

    def F(e, i):
        x_e = (e + 1e-6) * 400 + 400 * np.maximum(network + q["ext_ee"] + noise, 0)
        x_i = (e + 1e-6) * 400 + 400 * np.maximum(network + q["ext_ie"] + noise, 0)
        y = (i + 1e-6) * 100
        cell = [q[k] for k in ("C_m", "E_e", "E_i", "Q_e", "Q_i", "tau_e", "tau_i")]
        ends = [[q[f"P_{s}{k}"] for k in range(10)] for s in "ei"]
        leak = q["g_L"] / q["C_m"]
        return np.array([
            zerlaut.rate(x_e, y, W_e, leak, q["g_L"], q["E_L_e"], *cell, *ends[0])[0],
            zerlaut.rate(x_i, y, W_i, leak, q["g_L"], q["E_L_i"], *cell, *ends[1])[0],
        ])  # fmt: skip

    assert len(rest) == len(first.parameters)
    (f_e, f_i), k = F(E, I), 1e-5
    de = (F(E + h, I) - F(E - h, I)) / (2 * h)
    di = (F(E, I + h) - F(E, I - h)) / (2 * h)
    ee = (F(E + k, I) - 2 * F(E, I) + F(E - k, I)) / k**2
    ii = (F(E, I + k) - 2 * F(E, I) + F(E, I - k)) / k**2
    ei = (F(E + k, I + k) - F(E + k, I - k) - F(E - k, I + k) + F(E - k, I - k)) / (4 * k**2)
    second = 0.5 * c_ee * ee + c_ei * ei + 0.5 * c_ii * ii
    T = q["T"]
    return np.array([
        f_e - E + second[0],
        f_i - I + second[1],
        f_e * (1 / T - f_e) / 8000 + (f_e - E) ** 2 + 2 * (c_ee * de[0] + c_ei * di[0] - c_ee),
        (f_e - E) * (f_i - I) + c_ee * de[0] + c_ei * (de[1] + di[0] - 2) + c_ii * di[1],
        f_i * (1 / T - f_i) / 2000 + (f_i - I) ** 2 + 2 * (c_ii * di[1] + c_ei * de[1] - c_ii),
    ]) / T  # fmt: skip


def test_consistent_units_are_the_master_equation_in_khz():
    rng = np.random.default_rng(7)
    model = load("adex_second_order")
    p = model.defaults("consistent")
    states = [
        rng.uniform(5e-4, 0.05, N), rng.uniform(5e-4, 0.05, N), rng.uniform(0, 1e-5, N),
        rng.uniform(-1e-5, 1e-5, N), rng.uniform(0, 1e-5, N), rng.uniform(0, 200, N),
        np.zeros(N), rng.uniform(0, 2, N),
    ]  # fmt: skip
    inputs = [rng.uniform(0, 0.02, N)]
    expected = master_equation(model, p, states, inputs)
    mine = model.derivatives(*states, *inputs, *arguments(model, p))[:5]
    assert (scaled_error(mine, expected) < 1e-4).all()  # of second differences in float64
    # With TVB's factors the second derivatives are a million times weaker.
    tvb = model.derivatives(*states, *inputs, *arguments(model, model.defaults()))[:5]
    assert scaled_error(tvb, expected)[0] > 1e-3


def test_first_and_second_order_have_the_same_rates_in_tvbs_units():
    """So that the cheaper model can stand for the published one: within 1e-6 kHz."""
    c = synthetic(N, 1).scaled("columns")
    active = {"E": 0.005, "I": 0.01, "W_e": 0.0}
    traces = []
    for name in ("adex_first_order", "adex_second_order"):
        model = load(name)
        p = arguments(model, model.defaults("tvb_hpc") | {"weight_noise": 0.0})
        start = [np.full(N, active.get(name, 0.0)) for name in model.state_names]
        traces.append(
            integrate(model, start, lambda x: [c.weights @ x[0]], p, 1000, 0.1, lambda x: x[:2])
        )
    assert traces[0].max() > 1e-3  # something happens
    assert np.abs(traces[0] - traces[1]).max() < 1e-6  # seen: 3e-7, on the way to 190 Hz


def test_inhibitory_external_input_needs_synapses():
    """In the published program K_ext_i is 0: two of the ten parameters of its sweep do nothing."""
    model = load("adex_first_order")
    states, c = [np.full(N, v) for v in (0.01, 0.02, 100.0, 0.0, 0.0)], np.full(N, 0.001)

    def rates(**changes):
        p = arguments(model, model.defaults("tvb_hpc") | changes)
        return np.array(model.derivatives(*states, c, *p))

    strong = {"ext_ei": 5e-4, "ext_ii": 5e-4}
    np.testing.assert_array_equal(rates(**strong), rates())
    assert (rates(**strong, K_ext_i=100.0)[:2] < rates()[:2]).all()


# -- closed forms and published values of the others ------------------------------------------


def test_the_dmfs_isolated_region_fires_at_three_hertz():
    """Deco et al. (2014): at rest, without a network, S_E is 0.1648 and E fires at 3.08 Hz."""
    model = load("dmf")
    p = arguments(model, model.defaults() | {"G": 0.0}, synthetic(N))
    states = integrate(model, [np.full(N, 0.001)] * 2, lambda x: [np.zeros(N)], p, 4000, 1.0)
    rate_e = model.observed["rate_e"](*states, np.zeros(N), *p)
    rate_i = model.observed["rate_i"](*states, np.zeros(N), *p)
    np.testing.assert_allclose(states[0], 0.164757, atol=1e-6)
    np.testing.assert_allclose(states[1], 0.0392184, atol=1e-6)
    np.testing.assert_allclose(rate_e, 3.0773, atol=1e-3)
    np.testing.assert_allclose(rate_i, 3.9218, atol=1e-3)


@pytest.mark.parametrize("G", [0.5, 1.5, 3.0])
def test_feedback_inhibition_balances_the_network(G):
    """alpha = J_N S_E / S_I cancels exactly what the network sends: each region is as if alone."""
    model = load("dmf")
    c = synthetic(N, 2)
    c = dataclasses.replace(c, weights=0.2 * c.weights)
    alpha = 0.15 * 0.16475721 / 0.03921845
    p = arguments(model, model.defaults() | {"G": G, "alpha": alpha}, c)
    J = p[model.parameter_names.index("J_i")]
    np.testing.assert_allclose(J, 1 + alpha * G * c.strengths)
    start = [np.full(N, 0.1648), np.full(N, 0.0392)]
    states = integrate(model, start, lambda x: [c.weights @ x[0]], p, 3000, 1.0)
    rate = model.observed["rate_e"](*states, c.weights @ states[0], *p)
    np.testing.assert_allclose(rate, 3.0773, atol=1e-3)


def test_the_response_of_the_dmf_passes_its_removable_gap():
    from l2l.optimizees.whole_brain.models.dmf import response

    y = np.concatenate([[0.0], np.geomspace(1e-9, 10, 200), -np.geomspace(1e-9, 10, 200)])
    with np.errstate(invalid="ignore"):
        expected = np.where(y == 0, 1 / 0.16, y / -np.expm1(-0.16 * y))
    np.testing.assert_allclose(response(y, 1.0, 0.0, 0.16, 1.0), expected, rtol=1e-12)
    single = response(y.astype(np.float32), np.float32(1), np.float32(0), np.float32(0.16), 1)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=2e-4)


def test_montbrios_fixed_points():
    model = load("montbrio")
    rng = np.random.default_rng(0)
    # Eq. 13 for J = 0, and any rate r with the excitability eta that belongs to it.
    eta, delta = rng.uniform(-5, 5, N), rng.uniform(0.2, 2, N)
    r = np.sqrt(eta + np.sqrt(eta**2 + delta**2)) / (np.sqrt(2) * np.pi)
    p = arguments(model, model.defaults() | {"eta": eta, "Delta": delta, "J": 0.0})
    rates = model.derivatives(r, -delta / (2 * np.pi * r), np.zeros(N), *p)
    np.testing.assert_allclose(rates, 0, atol=1e-12)
    tau, J, r = rng.uniform(0.5, 10, N), rng.uniform(-10, 20, N), rng.uniform(0.01, 0.5, N)
    V = -delta / (2 * np.pi * tau * r)
    eta = (np.pi * tau * r) ** 2 - V**2 - J * tau * r
    p = arguments(model, model.defaults() | {"eta": eta, "Delta": delta, "J": J, "tau": tau})
    np.testing.assert_allclose(model.derivatives(r, V, np.zeros(N), *p), 0, atol=1e-10)


def test_montbrios_bistable_preset_has_two_stable_states():
    model = load("montbrio")
    p = arguments(model, model.defaults("bistable"))
    # Fixed points: V = -Delta / (2 pi r), so a quartic in r; the middle one is a saddle.
    roots = np.roots([-(np.pi**2), 14.5, -4.6, 0.0, (0.7 / (2 * np.pi)) ** 2])
    low, _, high = sorted(x.real for x in roots if abs(x.imag) < 1e-9 and x.real > 0)
    near = np.where(np.arange(N) % 2, 0.95 * high, 0.95 * low)
    start = [near, -0.7 / (2 * np.pi * near)]
    r, _ = integrate(model, start, lambda x: [np.zeros(N)], p, 10000, 0.005)
    np.testing.assert_allclose(r[1::2], high, rtol=1e-6)
    np.testing.assert_allclose(r[::2], low, rtol=1e-6)


def test_wilson_cowan_rests_without_input_and_oscillates_as_published():
    model = load("wilson_cowan")
    rest = model.derivatives(
        np.zeros(N), np.zeros(N), np.zeros(N), *arguments(model, model.defaults())
    )
    np.testing.assert_array_equal(rest, 0)
    p = arguments(model, model.defaults("oscillating"))
    start = [np.full(N, 0.1)] * 2
    E = integrate(model, start, lambda x: [np.zeros(N)], p, 8000, 0.1, lambda x: x[0][0])[3000:]
    assert E.max() - E.min() > 0.4
    up = np.flatnonzero((E[1:] > E.mean()) & (E[:-1] <= E.mean()))
    assert 1000 / (0.1 * np.diff(up).mean()) == pytest.approx(20, abs=1)  # Hz, Sanz-Leon (2015)


def test_two_kuramoto_oscillators_lock_as_their_closed_form():
    """phi' = -2 G sin(phi), so tan(phi / 2) falls exponentially."""
    model = load("kuramoto")
    G, omega, dt, steps = 0.02, 0.25, 0.01, 4000
    theta = np.array([0.0, 2.5])

    def inputs(x):
        sines, cosines = model.send(*x)
        return [sines[::-1], cosines[::-1]]

    (theta,) = integrate(model, [theta], inputs, [G, omega, 0.0], steps, dt)
    expected = 2 * np.arctan(np.tan(1.25) * np.exp(-2 * G * dt * steps))
    assert theta[1] - theta[0] == pytest.approx(expected, rel=2e-3)  # Euler
    assert theta.mean() == pytest.approx(1.25 + omega * dt * steps)


@pytest.mark.parametrize(("part", "order"), [(0.5, 0.0), (2.0, np.sqrt(0.5)), (4.0, np.sqrt(0.75))])
def test_kuramotos_order_is_that_of_his_theory(part, order):
    """Lorentzian frequencies of width g: no order below K = 2 g, sqrt(1 - 2 g / K) above."""
    model = load("kuramoto")
    n, width = 1000, 0.02
    rng = np.random.default_rng(0)
    omega = width * np.tan(np.pi * ((np.arange(n) + 0.5) / n - 0.5))
    G = np.full(n, part * 2 * width)

    def inputs(x):
        return [np.full(n, q.mean()) for q in model.send(*x)]

    start = [rng.uniform(0, 2 * np.pi, n)]
    seen = integrate(
        model, start, inputs, [G, np.clip(omega, -3, 3), 0.0], 3000, 0.3,
        lambda x: abs(np.exp(1j * x[0]).mean()),
    )  # fmt: skip
    assert seen[1500:].mean() == pytest.approx(order, abs=0.06)  # finite n: 1 / sqrt(1000)


def test_kuramoto_sends_what_makes_the_sum_of_sines():
    model = load("kuramoto")
    rng = np.random.default_rng(4)
    theta, w = rng.uniform(0, 2 * np.pi, N), synthetic(N, 3).weights
    expected = 0.3 + 0.7 * (w * np.sin(theta[None] - theta[:, None])).sum(axis=1)
    sums = [w @ q for q in model.send(theta)]
    np.testing.assert_allclose(model.derivatives(theta, *sums, 0.7, 0.3, 0.0)[0], expected)


def test_the_generic_oscillator_is_a_slow_limit_cycle():
    """Its default point is excitable or oscillating; W's nullcline is the line a + b V = W."""
    model = load("generic2d")
    p = arguments(model, model.defaults())
    V = np.linspace(-2, 3, N)
    dV, dW = model.derivatives(V, -2.0 - 10.0 * V, np.zeros(N), *p)
    np.testing.assert_allclose(dW, 0, atol=1e-13)
    np.testing.assert_allclose(dV, 0.02 * (-2 - 10 * V - V**3 + 3 * V**2), atol=1e-12)


# -- presets ----------------------------------------------------------------------------------


def test_the_preset_of_the_published_program():
    p = load("adex_second_order").defaults("tvb_hpc")
    assert (p["E_L_e"], p["E_L_i"], p["T"], p["P_e3"], p["P_i9"]) == (-63, -65, 19, 0.0014, -0.0153)
    # Its noise is added without sqrt(dt): sd of ou sqrt(tau / (2 dt)) = 5 at dt 0.1 ms.
    assert p["sigma_ou"] * np.sqrt(p["tau_OU"] / 2) == pytest.approx(5.0)
    with pytest.raises(ConfigError, match="did you mean 'tvb_hpc'"):
        load("adex_first_order").defaults("tvb-hpc")
