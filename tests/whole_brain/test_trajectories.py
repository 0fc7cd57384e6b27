"""Trajectories of the engine, with delays, against those of tvb-library, step by step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.simulation import Simulation

N = 68

pytest.importorskip("numba", reason="needs numba")


def ours(model, connectome, parameters, initial, *, steps, precision, speed, integrator="euler"):
    """All states after each step, ``(steps, states, n)``."""
    simulation = Simulation(
        model, 0.1 * steps, dt=0.1, period=0.1, integrator=integrator, precision=precision,
        backend="numba",
    )  # fmt: skip
    batch = Batch(model, [connectome], np.array([1]), parameters, speed=speed, initial=initial)
    observers = [Series(name, output=name) for name in model.state_names]
    outcome = simulation.run(batch, observers)
    assert outcome.ok.all()
    return np.stack([outcome.results[name][0] for name in model.state_names], axis=1)


def start(model, seed=0):
    """States from which something happens; AdEx runs into its 190 Hz."""
    rng = np.random.default_rng(seed)
    if model.name.startswith("adex"):
        found = {name: np.zeros(N) for name in model.state_names}
        return found | {"E": rng.uniform(0.004, 0.01, N), "I": rng.uniform(0.004, 0.01, N)}
    ranges = {"dmf": (0.05, 0.3), "kuramoto": (0, 2 * np.pi), "montbrio": (0.1, 0.8)}
    return {k: rng.uniform(*ranges.get(model.name, (0, 1)), N) for k in model.state_names}


ADEX = {"external_input_ex_ex": 0.315e-3, "external_input_in_ex": 0.315e-3}
#: Name, tvb-library's name, its parameters beside ours, what both get, steps, Euler or Heun,
#: largest difference of the first state in float64 and in float32 (None: not run, to save the time
#: that compilation takes).
CASES = [
    ("adex_first_order", "ZerlautAdaptationFirstOrder", ADEX, {}, 500, "euler", 1e-12, 1e-6),
    ("adex_second_order", "ZerlautAdaptationSecondOrder", ADEX, {}, 400, "euler", None, 1e-6),
    ("generic2d", "Generic2dOscillator", {}, {}, 2000, "heun", 1e-12, 1e-5),
    ("dmf", "ReducedWongWangExcInh", {}, {"G": 1.5}, 2000, "euler", 1e-12, 1e-6),
    ("wilson_cowan", "WilsonCowan", {"P": 1.0}, {"P": 1.0}, 1000, "heun", 1e-12, None),
    ("montbrio", "MontbrioPazoRoxin", {}, {}, 1000, "heun", 1e-11, 1e-4),
    ("kuramoto", "Kuramoto", {"omega": 0.25}, {"omega": 0.25}, 2000, "euler", 1e-11, None),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_trajectories_are_those_of_tvb(case):
    pytest.importorskip("tvb.simulator.simulator", reason="needs tvb-library")
    from whole_brain.oracle import trace

    name, theirs, extra, shared, steps, integrator, exact, single = case
    model, c, speed = load(name), synthetic(N, 1).scaled("columns"), 3.0
    initial = start(model)
    factor = shared.get("G", model.defaults()["G"])
    if name == "dmf":
        shared, factor = shared | {"alpha": 0.0, "J_0": 1 + 0.63 * factor * c.strengths}, 1.0
        extra = {"G": shared["G"], "J_i": shared["J_0"]}
    expected = trace(
        theirs, c.weights, c.lengths, steps=steps, speed=speed, parameters=extra, coupling=factor,
        integrator=integrator, initial=list(initial.values()),
    )  # fmt: skip
    parameters = {k: np.atleast_2d(v) for k, v in shared.items()}
    allowed = {k: v for k, v in (("float64", exact), ("float32", single)) if v is not None}
    seen = {
        precision: ours(
            model, c, parameters, initial, steps=steps, precision=precision, speed=speed,
            integrator=integrator,
        )
        for precision in allowed
    }  # fmt: skip
    if model.states[0].period:  # TVB lets phases grow
        expected, seen = np.exp(1j * expected), {k: np.exp(1j * v) for k, v in seen.items()}
    moved = np.abs(expected[-1, 0] - expected[0, 0]).max()
    off = {k: np.abs(v[:, 0] - expected[:, 0]).max() for k, v in seen.items()}
    assert moved > 1e-3
    for precision, largest in allowed.items():
        assert off[precision] < largest, precision


def test_feedback_inhibition_keeps_three_hertz_in_noise():
    """FastDMF's rule: alpha = 0.75 is what noise needs; what balances without it is too little."""
    model, G = load("dmf"), np.array([0.5, 1.5, 3.0])
    c = synthetic(90, 1)
    c = dataclasses.replace(c, weights=0.2 * c.weights)
    rates = {}
    for alpha in (0.75, 0.63):
        batch = Batch(model, [c], np.arange(1, 4), {"G": G, "alpha": np.full(3, alpha)})
        simulation = Simulation(model, 12000, dt=1.0, transient=2000, stochastic=True)
        found = simulation.run(batch, [Series(output="rate_e")]).results["series"]
        rates[alpha] = found.mean(axis=1)
    assert rates[0.75].min() > 2.5
    assert rates[0.75].max() < 4.5  # the fluctuations grow with G
    np.testing.assert_allclose(rates[0.75].mean(axis=1), 3.25, atol=0.2)
    assert rates[0.63][-1].mean() > 5.0
