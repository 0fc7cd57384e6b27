"""The TVB-HPC paper's findings at a tiny size, with the configurations that are shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome, synthetic
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import Series
from l2l.optimizees.whole_brain.optimizee import WholeBrain
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizees.whole_brain.simulation import Simulation
from l2l.references import load_file

pytest.importorskip("numba")
pytest.importorskip("scipy")

EXPERIMENT = Path(__file__).resolve().parents[2] / "experiments" / "tvb_adex"
FEATURES = ["mean_FR", "std_FR", "std_of_means", "delta_rel_p"]


def brain(config="config", **changes):
    """Return the optimizee of a configuration, for a shorter time."""
    options = yaml.safe_load((EXPERIMENT / f"{config}.yaml").read_text())["optimizee"]
    assert options.pop("name") == "whole_brain"
    options |= {"duration": 2000.0, "fitness": "mean_FR_e", "metrics": FEATURES, **changes}
    return WholeBrain(parameters=WholeBrainParameters(**options))


def grid(**axes):
    """Return all combinations as arrays."""
    meshes = np.meshgrid(*axes.values(), indexing="ij")
    return {name: mesh.ravel() for name, mesh in zip(axes, meshes, strict=True)}


@pytest.fixture(scope="module")
def ours():
    return brain()


@pytest.fixture(scope="module")
def layout():
    return load_file(EXPERIMENT / "layout.py")


@pytest.mark.parametrize("seed", [1, 2])
def test_coupling_and_adaptation_move_the_model_as_in_figures_2_and_3(ours, seed):
    params = grid(G=[0.1, 0.9], b_e=[0.0, 120.0], weight_noise=[1e-4])
    found = ours.simulate_batch(params, seed * 10 + np.arange(4)).metrics
    e, i, spread, slow = (
        found[name].reshape(2, 2)  # [G, b_e]
        for name in ("mean_FR_e", "mean_FR_i", "std_FR_e", "delta_rel_p_e")
    )
    assert (i[1] > 1.4 * i[0]).all()  # coupling raises I,
    assert (spread[1] < 0.8 * spread[0]).all()  # and lowers the variability of E
    assert (e[:, 1] < 0.5 * e[:, 0]).all()  # adaptation lowers E,
    assert (spread[:, 1] / e[:, 1] > 2 * spread[:, 0] / e[:, 0]).all()  # raises its variability,
    assert (slow[:, 1] > 3 * slow[:, 0]).all()  # and makes it slow
    assert ((e > 1) & (e < 10)).all()


def test_weak_noise_leaves_the_model_silent_but_for_negative_adaptation():
    params = grid(G=[0.1, 0.9], a_e=[-10.0, 0.0], b_e=[0.0], weight_noise=[1e-6])
    ours = brain("config-a_e", duration=3500.0, metrics=["max_FR"])
    highest = ours.simulate_batch(params, np.arange(1, 5)).metrics["max_FR_e"].reshape(2, 2)
    assert highest[:, 0].min() > 180
    assert highest[:, 1].max() < 0.01


def test_wrapped_delays_change_series_at_1_m_s_only_and_not_what_they_are_like():
    true, wrapped = (brain("config-speed", wrap_delays_at=w) for w in (None, 1024))
    params = grid(G=[0.4], b_e=[60.0], speed=[1.0, 3.0], weight_noise=[1e-6, 1e-4])
    a, b = (one.simulate_batch(params, np.arange(1, 5)).metrics for one in (true, wrapped))
    for name in a:
        np.testing.assert_array_equal(a[name][2:], b[name][2:])  # 3 m/s
    assert a["std_FR_e"][1] != b["std_FR_e"][1]
    for name in ("mean_FR_e", "std_FR_e"):
        assert b[name][1] == pytest.approx(a[name][1], rel=0.05)
    assert max(a["mean_FR_e"][0], b["mean_FR_e"][0]) < 1e-3  # nor do they wake a silent model


def test_only_noise_read_as_activity_makes_a_region_fire(layout):
    connectome = pair(102.2)
    assert layout.readers(connectome) == {1: 1.0}
    assert layout.readers(pair(102.3)) == {0: 1.0}
    assert layout.readers(pair(102.4)) == layout.readers(pair(55.5)) == {}
    above = {
        name: np.flatnonzero(layout.rates(connectome, *shape).max(axis=0) > 100).tolist()
        for name, shape in layout.layouts(connectome).items()
    }
    assert above["true delays"] == above["wrapped"] == []
    assert 1 in above["wrapped, six states a slot"]


def pair(length):
    """Return two regions with a tract of so many mm, and one longer than the published history."""
    weights, lengths = np.zeros((2, 3, 3))
    weights[0, 1] = weights[1, 0] = 1.0
    lengths[0, 1] = lengths[1, 0] = length
    weights[2, 0], lengths[2, 0] = 0.5, 150.0
    return Connectome(weights, lengths, ("a", "b", "c"))


def test_the_second_implementation_agrees_with_the_engine(layout):
    """Without noise, both are Euler's rule in double precision: only rounding differs."""
    connectome = synthetic(12).scaled("columns")
    model = load("adex_first_order")
    given = {"G": 0.5, "b_e": 60.0, "tau_w_e": 417.0, "ext_ee": 3e-3, "ext_ie": 3e-3}
    delays = connectome.delays(1.0, 0.1).astype(np.int64)
    enough = int(delays.max()) + 2
    rng = np.random.default_rng(1)
    second = layout.simulate(
        connectome.weights, delays, 2000, enough, 7, rng, 0.5, 60.0, 0.0, 3e-3, 417.0
    )
    batch = Batch(
        model, [connectome], np.array([1]),
        {**model.defaults("tvb_hpc"), "a_e": 0.0, "weight_noise": 0.0, **given}, 1.0,
    )  # fmt: skip
    run = Simulation(model, 200.0, precision="float64", backend="numpy").run(batch, [Series("E")])
    first = run.results["E"][0]
    assert first.max() > 1e-3  # kHz: not silent
    np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-9)  # series are float32


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_parameters_are_found_again_in_a_grid(ours, seed):
    """By rates and spectrum; the planted set has other noise than the grid."""
    params = grid(G=[0.1, 0.5, 0.9], b_e=[0.0, 60.0, 120.0], weight_noise=[1e-4])
    found = ours.simulate_batch(params, 100 * seed + np.arange(9)).metrics
    table = np.stack([found[name] for name in found], axis=1)
    chosen = np.array([1, 4, 8])
    planted = {name: values[chosen] for name, values in params.items()}
    again = ours.simulate_batch(planted, 1000 * seed + np.arange(3)).metrics
    wanted = np.stack([again[name] for name in found], axis=1)
    away = ((wanted[:, None] - table) / table.std(axis=0)) ** 2
    assert away.mean(axis=2).argmin(axis=1).tolist() == chosen.tolist()
