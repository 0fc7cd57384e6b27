"""The engine beside tvb-library: traces of all models, step by step; with noise, statistics."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

pytest.importorskip("tvb.simulator", reason="needs tvb-library: pip install 'l2l[test]'")
pytest.importorskip("numba", reason="the engine's CPU backend needs Numba")

from whole_brain.oracle import averages, delays, simulator, states_of, trace

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe.series import Series
from l2l.optimizees.whole_brain.simulation import Simulation

pytestmark = pytest.mark.oracle

N = 68  #: as in TVB-HPC's connectome
BRAIN = synthetic(N, seed=1).scaled("columns")
DT = 0.1
EXTERNAL = {"external_input_ex_ex": 0.315e-3, "external_input_in_ex": 0.315e-3}  # ours by default


def drawn(**ranges):
    rng = np.random.default_rng(4)
    return {name: rng.uniform(*r, N) if isinstance(r, tuple) else r for name, r in ranges.items()}


@dataclass(frozen=True)
class Case:
    """One model in both: TVB's name, parameters and coupling; start, steps; how close in float32.

    ``single`` is the largest difference of each state as a part of that state's range in the trace.
    """

    theirs: str
    start: dict
    coupling: float
    steps: int
    single: float
    given: dict = field(default_factory=dict)
    ours: dict = field(default_factory=dict)


G_DMF = 1.5
CASES = {
    "generic2d": Case(
        "Generic2dOscillator", drawn(V=(-2, 2), W=(-3, 3)), 0.1, 4000, 3e-6
    ),
    "wilson_cowan": Case(
        "WilsonCowan", drawn(E=(0, 0.5), I=(0, 0.5)), 0.5, 1000, 1e-5,
        given={"P": np.linspace(0, 2, N)}, ours={"P": np.linspace(0, 2, N)[None]},
    ),
    # spikes are steep: a shift in time by 1e-7 of one shows
    "montbrio": Case(
        "MontbrioPazoRoxin", drawn(r=(0, 1), V=(-2, 1)), 0.5, 500, 1e-4
    ),
    "dmf": Case(
        "ReducedWongWangExcInh", drawn(S_e=(0, 0.3), S_i=(0, 0.1)), 1.0, 4000, 1e-5,
        given={"G": G_DMF, "J_i": 1 + 0.75 * G_DMF * BRAIN.strengths}, ours={"G": G_DMF},
    ),
    "adex_first_order": Case(
        "ZerlautAdaptationFirstOrder", drawn(E=(0, 0.03), I=(0, 0.03), W_e=100.0), 0.2, 2000, 5e-6,
        given={**EXTERNAL, "S_i": 1.0}, ours={"weight_noise": 10.5},
    ),
    "adex_second_order": Case(  # covariances are off by 1.1e-5 in the jump to 190 Hz
        "ZerlautAdaptationSecondOrder", drawn(E=(0, 0.03), I=(0, 0.03), W_e=100.0), 0.2, 800, 3e-5,
        given={**EXTERNAL, "b_e": 20.0}, ours={"b_e": 20.0},
    ),
    "kuramoto": Case(
        "Kuramoto", drawn(theta=(0, 6.28)), 0.3, 1000, 1e-4,
        given={"omega": np.linspace(0.2, 0.4, N)}, ours={"omega": np.linspace(0.2, 0.4, N)[None]},
    ),
}  # fmt: skip


def tvb_trace(name, integrator, speed=3.0, brain=BRAIN, steps=None):
    """TVB's trace with its history in float64, ``(steps, states, regions)``."""
    case = CASES[name]
    start = {state: case.start.get(state, 0.0) for state in states_of(case.theirs)}
    return trace(
        case.theirs, brain.weights, brain.lengths, steps=steps or case.steps, speed=speed, dt=DT,
        parameters=case.given, coupling=case.coupling, integrator=integrator, initial=start,
    )  # fmt: skip


def engine_trace(name, integrator, precision, speed=3.0, brain=BRAIN, steps=None, backend="numba"):
    """The engine's trace of the same, of each set if there are several speeds."""
    case, model = CASES[name], load(name)
    simulation = Simulation(
        model, (steps or case.steps) * DT, DT, DT, integrator=integrator, precision=precision,
        backend=backend,
    )  # fmt: skip
    parameters = {"G": case.coupling, **case.ours}
    sets = np.size(speed)
    start = dict.fromkeys(model.state_names, 0.0) | case.start
    batch = Batch(model, [brain], np.arange(1, sets + 1), parameters, speed, initial=start)
    outcome = simulation.run(batch, [Series(state, state) for state in model.state_names])
    assert outcome.ok.all()
    found = np.stack([outcome.results[state] for state in model.state_names], axis=2)
    return found if np.ndim(speed) else found[0]


def apart(name, mine, theirs):
    """Largest difference of each state, as a part of its range in TVB's trace."""
    difference = np.abs(mine - theirs)
    if name == "kuramoto":  # TVB's phases are not wrapped
        return np.abs(np.angle(np.exp(1j * (mine - theirs)))).max() / (2 * np.pi)
    span = np.abs(theirs).max(axis=(0, 2))
    return (difference.max(axis=(0, 2)) / np.where(span > 0, span, 1.0)).max()


# -- without noise ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_float32_follows_tvb(name):
    theirs = tvb_trace(name, "euler")
    mine = engine_trace(name, "euler", "float32")
    assert apart(name, mine, theirs) < CASES[name].single
    if name.startswith("adex"):  # rates reach 190 Hz on the way
        assert theirs[:, 0].max() > 0.15
        # kHz; 1e-7 before and after the jump, in which an error grows
        assert np.abs(mine - theirs)[:, :2].max() < 2e-6
        assert np.abs(mine - theirs)[-100:, 0].max() < 5e-7
    if name == "generic2d":
        assert np.abs(mine - theirs)[:, 0].max() < 1e-5


# TVB differentiates the second order's transfer function numerically: that is what 1e-7 is for.
# Kernels take a second or two to compile; that all of them equal NumPy's is tested elsewhere.
@pytest.mark.parametrize(
    ("name", "backend"),
    [
        *((name, "numpy") for name in CASES if name != "kuramoto"),
        ("adex_second_order", "numba"),
    ],
)
def test_float64_with_heun_is_tvb(name, backend):
    steps = 200 if name == "adex_second_order" else 500
    theirs = tvb_trace(name, "heun", steps=steps)
    mine = engine_trace(name, "heun", "float64", steps=steps, backend=backend)
    assert apart(name, mine, theirs) < (1e-7 if name == "adex_second_order" else 1e-12)
    still = tvb_trace(name, "euler", steps=steps)
    assert apart(name, still, theirs) > 1e-5  # the two schemes could be told apart


def test_heun_of_phases():
    """TVB's Kuramoto coupling keeps the receiving phase of the first stage; ours does not."""
    case, steps = CASES["kuramoto"], 300
    weights, behind = BRAIN.weights, delays(BRAIN.weights, BRAIN.lengths, 3.0, DT)
    past = behind.max()
    theta = np.empty((past + steps + 1, N))
    theta[: past + 1] = case.start["theta"]
    omega, columns = case.given["omega"], np.arange(N)[None]
    for k in range(past, past + steps):
        sent = theta[k - behind, columns]

        def slope(x, sent=sent):
            return omega + case.coupling * (weights * np.sin(sent - x[:, None])).sum(axis=1)

        first = slope(theta[k])
        theta[k + 1] = theta[k] + DT / 2 * (first + slope(theta[k] + DT * first))
    mine = engine_trace("kuramoto", "heun", "float64", steps=steps, backend="numpy")
    assert apart("kuramoto", mine, theta[past + 1 :, None]) < 1e-12
    # and Euler, for which both mean the same
    mine = engine_trace("kuramoto", "euler", "float64", steps=steps, backend="numpy")
    assert apart("kuramoto", mine, tvb_trace("kuramoto", "euler", steps=steps)) < 1e-12


def test_speeds_from_1_mm_per_ms_to_no_delay_at_all():
    """Delays of up to 2,500 steps; of 1 to 40 steps, which are summed in two ways; of none."""
    speeds = np.array([1.0, 60.0, np.inf])
    mine = engine_trace("generic2d", "euler", "float64", speeds, steps=600)
    for speed, found in zip(speeds, mine, strict=True):
        theirs = tvb_trace("generic2d", "euler", speed, steps=600)
        assert apart("generic2d", found, theirs) < 1e-12
    behind = delays(BRAIN.weights, BRAIN.lengths, 60.0, DT)[BRAIN.weights > 0]
    assert behind.min() < 16 < behind.max()
    assert delays(BRAIN.weights, BRAIN.lengths, 1.0, DT).max() == 2500


def test_a_dense_asymmetric_connectome_without_delays():
    rng = np.random.default_rng(0)
    dense = type(BRAIN)(rng.uniform(0, 0.05, (N, N)), np.zeros((N, N)))
    theirs = tvb_trace("generic2d", "euler", np.inf, dense, steps=500)
    mine = engine_trace("generic2d", "euler", "float64", np.inf, dense, steps=500)
    assert apart("generic2d", mine, theirs) < 1e-12


def test_tvb_as_it_is_keeps_its_history_in_float32():
    """What the oracle changes: TVB's own trace is off by the rounding of its history."""
    case = CASES["generic2d"]
    how = {"coupling": case.coupling, "initial": case.start, "steps": 300}
    exact = trace(case.theirs, BRAIN.weights, BRAIN.lengths, **how)
    shipped = trace(case.theirs, BRAIN.weights, BRAIN.lengths, single=True, **how)
    assert 1e-10 < np.abs(exact - shipped).max() < 1e-6


def test_the_oracle_agrees_with_a_loop_written_out():
    case, steps = CASES["generic2d"], 200
    behind = delays(BRAIN.weights, BRAIN.lengths, 3.0, DT)
    past = behind.max()
    sent = np.empty((past + steps + 1, N))
    V, W = case.start["V"], case.start["W"]
    sent[: past + 1] = V
    found = []
    for k in range(past, past + steps):
        arriving = (BRAIN.weights * sent[k - behind, np.arange(N)[None]]).sum(axis=1)
        drive = W + 0.1 * arriving
        V, W = (
            V + DT * 0.02 * (drive - V**3 + 3 * V**2),
            W + DT * 0.02 * (-2 - 10 * V - W),
        )
        sent[k + 1] = V
        found.append((V, W))
    assert np.abs(np.array(found) - tvb_trace("generic2d", "euler", steps=steps)).max() < 1e-12


# -- with noise -------------------------------------------------------------------------------

SMALL = 12  #: regions of a brain with noise; many copies of it are one simulation of TVB


def both(name, theirs, copies, duration, cut, brain, start, given, ours, coupling, nsig, output):
    """Series ``(copies, samples, regions)`` of TVB and of the engine, at 1 ms."""
    every = np.eye(copies)
    names = states_of(theirs)
    series = averages(
        theirs, np.kron(every, brain.weights), np.kron(every, brain.lengths), parameters=given,
        steps=round(duration / DT), samples_of=round(1 / DT), coupling=coupling, nsig=nsig, seed=5,
        initial={state: start.get(state, 0.0) for state in names}, speed=3.0, dt=DT,
    )  # fmt: skip
    shape = (-1, copies, brain.n_regions)
    first = series[cut:, names.index(output)].reshape(shape).transpose(1, 0, 2)
    model = load(name)
    simulation = Simulation(
        model, duration, DT, transient=cut, stochastic=True, exact_ou=False, backend="numba"
    )
    initial = {state: start.get(state, 0.0) for state in model.state_names}
    seeds = np.arange(1, copies + 1)
    batch = Batch(model, [brain], seeds, {**ours, "G": coupling}, 3.0, initial=initial)
    outcome = simulation.run(batch, [Series("x", output)])
    assert outcome.ok.all()
    return first, outcome.results["x"].astype(np.float64)


def same_mean(one, other):
    """Whether means over copies agree within three standard errors."""
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return abs(one.mean() - other.mean()) < 3 * error


def mean_fc(series):
    n = series.shape[-1]
    return np.mean([np.corrcoef(x.T)[np.triu_indices(n, 1)] for x in series], axis=0)


def check_statistics(theirs, mine, fc):
    assert same_mean(theirs.mean(axis=(1, 2)), mine.mean(axis=(1, 2)))
    assert same_mean(theirs.std(axis=1).mean(axis=1), mine.std(axis=1).mean(axis=1))
    if fc:
        assert np.corrcoef(mean_fc(theirs), mean_fc(mine))[0, 1] > fc


def test_noise_on_the_states_has_the_statistics_of_tvbs():
    """The start of the oscillator's limit cycle: correlations of -0.9 to 0.7."""
    changed = {"d": 0.2, "a": 0.0, "b": -5.0}
    theirs, mine = both(
        "generic2d", "Generic2dOscillator", 16, 1000, 200, synthetic(SMALL, 3).scaled("max"),
        {"V": 0.1}, changed, {**changed, "sigma": 0.05}, 1.0, [0.05**2 / 2] * 2, "V",
    )  # fmt: skip
    check_statistics(theirs, mine, fc=0.95)


ADEX = {"E_L_e": -64.0, "E_L_i": -65.0, "T": 19.0, "a_e": 0.0, "weight_noise": 1e-4, "b_e": 20.0}


def adex_both(copies, duration, cut):
    return both(
        "adex_first_order", "ZerlautAdaptationFirstOrder", copies, duration, cut,
        synthetic(SMALL, 3).scaled("columns"), {"E": 0.005, "I": 0.01}, {**ADEX, **EXTERNAL},
        {**ADEX, "sigma_ou": 2.0}, 0.3, [0.0, 0.0, 0.0, 0.0, 2.0], "E",
    )  # fmt: skip


def test_noise_in_the_adex_models_input_has_the_statistics_of_tvbs():
    check_statistics(*adex_both(16, 500, 100), fc=None)


@pytest.mark.campaign
def test_functional_connectivity_of_the_adex_model_is_tvbs():
    check_statistics(*adex_both(32, 3000, 500), fc=0.95)


# -- what is left behind ----------------------------------------------------------------------


def test_nothing_is_left_in_the_users_home(tmp_path):
    code = (
        "from l2l.optimizees.tvb.library import library\n"
        "tvb = library()\n"
        "tvb.simulator.Simulator, tvb.models.Kuramoto\n"
        "import sys\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    home = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    home.pop("TVB_USER_HOME", None)
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], env=home, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_history_that_is_too_short_would_be_filled_with_random_states():
    """Why the oracle gives the whole one."""
    made = simulator("Generic2dOscillator", BRAIN.weights, BRAIN.lengths, initial=[0.1, 0.2])
    assert made.connectivity.horizon == delays(BRAIN.weights, BRAIN.lengths, 3.0, DT).max() + 1
    assert np.unique(made.history.buffer).tolist() == [0.1]
