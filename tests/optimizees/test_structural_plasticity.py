"""Structural plasticity: the growth curve, networks that grow, and the search for growth rates."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l.errors import ConfigError, MissingExtra
from l2l.optimizee import Individual, Trial
from l2l.optimizees.structural_plasticity import (
    Networks,
    StructuralPlasticity,
    StructuralPlasticityParameters,
)
from l2l.optimizees.structural_plasticity.growth import Growth, growth
from l2l.testing import check_optimizee

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments" / "structural_plasticity"
TARGETS = np.array([5.0, 20.0])
# 0.1 s of CPU time. In so short a time the slowest growth of the full range grows nothing.
SMALL = {"neurons": 50, "duration": 8000.0, "window": 2000.0, "slowest": 5e-4}
TINY = {"neurons": 20, "duration": 2000.0, "window": 1000.0}


def parameters(**changes) -> StructuralPlasticityParameters:
    return StructuralPlasticityParameters(**changes)


def grow(egr: float, igr: float, seed: int, **changes) -> Growth:
    from l2l.optimizees.structural_plasticity.network import grow

    return grow(egr, igr, seed, parameters(**changes))


def simulate(egr: float, igr: float, seeds=(1,), **changes):
    optimizee = StructuralPlasticity(parameters=parameters(networks=len(seeds), **changes))
    return optimizee.simulate(Trial(Individual({"egr": egr, "igr": igr}, tasks=list(seeds))))


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def same(one: Growth, other: Growth) -> bool:
    names = ("times", "calcium", "connections", "rates")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


# -- the growth curve -----------------------------------------------------------------------------


def test_the_curve_has_its_zeros_and_its_peak_where_the_paper_has_them():
    assert growth([1.0, 5.0], 0.2, 5.0, 1.0) == pytest.approx([0, 0], abs=1e-15)
    assert growth(3.0, 0.2, 5.0, 1.0) == pytest.approx(0.2)
    assert growth([0.0, 6.0, 1e9], 0.2, 5.0, 1.0).max() < 0
    assert growth(1e9, 0.2, 5.0) == pytest.approx(-0.2)


def silent_neurons(calcium, tau_ca: float, eta: float, rate: float = 1e-2):
    """Neurons of NEST that never spike, at the given calcium, with elements that grow."""
    import nest

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=0.1)
    nest.structural_plasticity_update_interval = 1e5  # vacant elements decay at each update
    element = {
        "growth_curve": "gaussian", "growth_rate": rate, "eta": eta, "eps": 5.0, "continuous": True,
    }  # fmt: skip
    neurons = nest.Create("iaf_psc_alpha", len(calcium), params={"tau_Ca": tau_ca})
    neurons.Ca = list(calcium)
    neurons.synaptic_elements = {"element": element}
    nest.EnableStructuralPlasticity()
    return neurons


def elements(neurons) -> np.ndarray:
    return np.array([each["element"]["z"] for each in neurons.synaptic_elements])


def test_elements_at_constant_calcium_grow_as_the_closed_form_says():
    import nest

    calcium = np.array([0.5, 1.5, 2.0, 3.0, 4.0, 4.75, 6.0])
    neurons = silent_neurons(calcium, tau_ca=1e12, eta=1.0)
    for time in (1000.0, 3000.0):
        nest.Simulate(time - nest.biological_time)
        expected = np.maximum(
            0, growth(calcium, 1e-2, 5.0, 1.0) * time
        )  # there are no fewer than 0
        # NEST is one step of 0.1 ms behind; the fastest grow by 1e-3 in it
        np.testing.assert_allclose(elements(neurons), expected, atol=2e-3)


def test_elements_follow_calcium_that_decays():
    import nest

    start, tau, time = np.array([4.0, 8.0, 20.0]), 500.0, 1500.0
    neurons = silent_neurons(start, tau_ca=tau, eta=0.0)
    nest.Simulate(time)
    # NEST's floor at 0 holds where it looks: at spikes, which there are none of, and at the end.
    t = np.arange(0, time, 0.1) + 0.05
    curve = growth(start[:, None] * np.exp(-t / tau), 1e-2, 5.0)
    np.testing.assert_allclose(neurons.Ca, start * np.exp(-time / tau), rtol=1e-9)
    # NEST takes Euler steps of 1 ms: off by half a step of the fastest change, 1e-2 elements/ms
    np.testing.assert_allclose(elements(neurons), 0.1 * curve.sum(axis=1), atol=1e-2)


# -- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 2**32 - 1])
def test_activity_settles_at_its_target(seed):
    grown = grow(1e-3, 1e-4, seed, duration=30000.0, window=10000.0)
    # 20 neurons of 20 Hz for 10 s: 1.6 % of chance; the rest is the search for the last element
    np.testing.assert_allclose(grown.rates, TARGETS, rtol=0.15)
    assert grown.calcium[0].max() < 3  # it began far below them
    assert (grown.connections[-1] > 0).any()
    last = grown.calcium[grown.times > 20000]
    # calcium is the rate: a population counts the same spikes both ways, some of them earlier
    np.testing.assert_allclose(last.mean(axis=0), grown.rates, rtol=0.05)


def test_connections_are_counted_as_nest_has_them():
    import nest

    grown = grow(2e-3, 1e-3, 3, **SMALL)
    assert grown.connections.shape == (16, 2)
    assert grown.times[[0, -1]].tolist() == [500, 8000]
    for count, model in zip(grown.connections[-1], ("excitatory", "inhibitory"), strict=True):
        table = nest.GetConnections(synapse_model=model).get(["source", "target", "weight"])
        assert count == len(table["source"]) > 10
        first, last = (1, 40) if model == "excitatory" else (41, 50)
        assert first <= min(table["source"]) <= max(table["source"]) <= last
        assert set(table["weight"]) == {585.0 if model == "excitatory" else -585.0}
        assert max(table["target"]) <= 50


def test_networks_are_reproducible_and_leave_nothing_behind():
    first = grow(1e-3, 1e-3, 5, **SMALL)
    grow(1e-2, 1e-4, 6, **TINY)
    assert same(grow(1e-3, 1e-3, 5, **SMALL), first)
    assert not same(grow(1e-3, 1e-3, 6, **SMALL), first)
    fresh = python(f"""
from l2l.optimizees.structural_plasticity import StructuralPlasticityParameters
from l2l.optimizees.structural_plasticity.network import grow
grown = grow(1e-3, 1e-3, 5, StructuralPlasticityParameters(**{SMALL}))
print(grown.calcium.tobytes().hex(), grown.connections.tobytes().hex())
""")
    assert fresh.split() == [first.calcium.tobytes().hex(), first.connections.tobytes().hex()]


def test_a_kernel_that_was_reset_grows_nothing():
    import nest

    grow(1e-3, 1e-3, 5, **TINY)
    nest.ResetKernel()
    assert nest.structural_plasticity_synapses == {}
    neurons = silent_neurons([2.5] * 10, 1e12, 0.0)
    nest.DisableStructuralPlasticity()
    nest.Simulate(100.0)
    assert nest.num_connections == 0
    assert len(neurons) == 10


def test_threads_of_the_environment_change_nothing():
    """NEST has structural plasticity for one thread; what a kernel had before does not matter."""
    import nest

    first = grow(1e-3, 1e-3, 5, **TINY)
    nest.ResetKernel()
    nest.local_num_threads = 2
    assert same(grow(1e-3, 1e-3, 5, **TINY), first)
    assert nest.local_num_threads == 1


# -- growth rates of all kinds --------------------------------------------------------------------


def test_without_growth_the_background_alone_drives_the_network():
    result = simulate(0.0, 0.0, **SMALL)
    assert result.metrics["connections_e"] == result.metrics["connections_i"] == 0
    assert result.metrics["time_to_target"] == 8000
    assert result.metrics["overshoot"] == 0
    # 10 kHz x 6.2 pA x e x 2 ms make 337 pA, less than the 375 pA of the threshold: noise fires it
    assert 3 < result.metrics["rate_e"] < 5
    assert -1 < result.fitness[0] < -0.4


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((float("nan"), 1e-3), "egr must be a finite growth rate of at least 0, got nan"),
        ((1e-3, float("inf")), "igr must be a finite"),
        ((-1e-3, 1e-3), "egr must be a finite growth rate of at least 0, got -0.001"),
        ((1e-3, 1e9), r"could grow 5e\+11 elements a neuron between two records"),
    ],
)
def test_growth_rates_that_make_no_sense_fail_before_nest_sees_them(rates, message):
    with pytest.raises(ValueError, match=message):
        simulate(*rates, **TINY)


def test_growth_without_end_is_stopped():
    with pytest.raises(RuntimeError, match="more than 20 a neuron: growth without end"):
        simulate(0.03, 0.03, neurons=20, max_connections=20)


def test_a_run_goes_on_where_networks_explode(tmp_path):
    optimizee = StructuralPlasticity(
        parameters=parameters(
            **TINY, max_connections=5, record_interval=100.0, slowest=1e-3, fastest=5e-2
        )
    )
    optimizer = {"name": "random_search", "pop_size": 16}
    result = l2l.optimize(
        optimizee, optimizer, generations=1, seed=1, run=tmp_path / "run", executor="inline",
        progress=False,
    )  # fmt: skip
    failed = result.history.status != 0
    assert 0 < failed.sum() < 16
    assert all("growth without end" in failure.message for failure in result.history.failures())
    igr = result.history["igr"]
    assert np.median(igr[failed]) > np.median(igr[~failed])


# -- what is measured -----------------------------------------------------------------------------


def test_measures_of_growth():
    times = np.arange(1.0, 6.0) * 100
    calcium = np.array([[1.0, 10.0], [4.6, 10.0], [6.0, 21.0], [5.4, 21.0], [5.0, 22.0]])
    grown = Growth(times, calcium, np.zeros((5, 2), dtype=int), np.zeros(2))
    assert grown.distance(TARGETS, 200.0) == pytest.approx([0.04, 0.075])
    assert grown.distance(TARGETS, 500.0)[0] == pytest.approx((0.8 + 0.08 + 0.2 + 0.08) / 5)
    assert grown.time_to_target(TARGETS) == 400
    assert grown.time_to_target(2 * TARGETS) == 500
    assert grown.overshoot(TARGETS) == pytest.approx(0.2)
    assert grown.overshoot(10 * TARGETS) == 0


def test_fitness_is_the_mean_over_the_networks():
    each = [simulate(2e-3, 1e-3, [seed], **SMALL) for seed in (4, 5)]
    both = simulate(2e-3, 1e-3, [4, 5], **SMALL)
    assert both.fitness[0] == pytest.approx(np.mean([one.fitness[0] for one in each]))
    for name, value in both.metrics.items():
        assert value == pytest.approx(np.mean([one.metrics[name] for one in each]))
    grown = grow(2e-3, 1e-3, 4, **SMALL)
    assert each[0].fitness[0] == pytest.approx(-grown.distance(TARGETS, 2000.0).mean())
    assert [each[0].metrics["rate_e"], each[0].metrics["rate_i"]] == grown.rates.tolist()


# -- optimizee ------------------------------------------------------------------------------------


def test_it_keeps_the_contract():
    check_optimizee(lambda: StructuralPlasticity(parameters=parameters(**TINY)))


def test_individuals_are_spread_over_the_decades_and_clipped_to_the_bounds():
    optimizee = StructuralPlasticity()
    np.random.seed(1)
    rates = np.log10([optimizee.create_individual()["egr"] for _ in range(300)])
    assert -4 <= rates.min() < -3.9
    assert -2.1 < rates.max() <= -2
    assert rates.mean() == pytest.approx(-3, abs=0.14)  # 4 standard errors
    assert optimizee.bounding_func({"egr": -0.1, "igr": 3.0}) == {"egr": 1e-4, "igr": 0.01}
    assert len(pickle.dumps(optimizee)) < 3000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration": 750.0}, "duration must be a multiple of record_interval, got 750 and 500 ms"),
        ({"window": 30000.0}, "window can't be longer than duration"),
        ({"update_interval": 300.0}, "record_interval must be a multiple of update_interval"),
        ({"resolution": 0.3}, "update_interval must be a multiple of resolution"),
        ({"slowest": 1.0}, "slowest must be less than fastest"),
        ({"resolution": 2.0}, "resolution must be at most 1"),
        ({"neuron": 5}, r"no field 'neuron'; did you mean 'neurons'\?"),
    ],
)
def test_parameters_are_checked(changes, message):
    with pytest.raises(ConfigError, match=message):
        parameters(**changes)


def test_held_out_networks_are_others_than_those_of_training():
    family = StructuralPlasticity(parameters=parameters(networks=2, test_networks=6)).tasks
    held_out = family.all_held_out()
    training = [seed for g in range(100) for seed in family.train(1, g)]
    assert len(held_out) == 6
    assert not set(held_out) & set(training)
    assert 1 <= min(held_out + training) <= max(held_out + training) < 2**32
    assert family.train(1, 7) == Networks(2, 6).train(1, 7)


def test_a_missing_extra_is_named_before_anything_starts(monkeypatch):
    monkeypatch.setitem(sys.modules, "nest", None)  # what Python takes for "not there"
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[nest\]'"):
        StructuralPlasticity()


def test_the_outer_loop_does_not_import_the_simulator():
    code = """
import sys
from l2l.optimizees.structural_plasticity import StructuralPlasticity
StructuralPlasticity().create_individual()
print(sorted({"nest", "matplotlib"} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


# -- runs -----------------------------------------------------------------------------------------

RMSPROP = {
    "name": "rmsprop", "n_random_steps": 4, "learning_rate": 0.1, "exploration_step_size": 0.05,
    "patience": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def climbs(tmp_path_factory):
    """A small run of each of three seeds: 40 evaluations of 0.1 s, and tests on two networks."""
    runs = []
    for seed in (1, 2, 3):
        optimizee = StructuralPlasticity(parameters=parameters(**SMALL, test_networks=2))
        path = tmp_path_factory.mktemp("climb") / "run"
        runs.append(
            l2l.optimize(
                optimizee,
                RMSPROP,
                generations=10,
                seed=seed,
                run=path,
                workers=2,
                test_every=10,
                progress=False,
            )
        )
    return runs


def worth(individual: dict[str, float]) -> float:
    """Fitness on three networks that no run has seen."""
    return float(simulate(**individual, seeds=(11, 12, 13), **SMALL).fitness[0])


def test_gradient_ascent_climbs_from_wherever_it_starts(climbs):
    firsts = [worth(run.history.entry(0).individual) for run in climbs]
    lasts = [worth(run.recommended) for run in climbs]
    # the best growth rates of this size have -0.2, no growth -0.5, fast growth -0.6 and worse
    assert max(lasts) < 0
    assert min(lasts) > worth({"egr": 5e-4 * 20**0.5, "igr": 5e-4 * 20**0.5})  # the middle
    assert all(last > first for first, last in zip(firsts, lasts, strict=True))


def test_held_out_networks_are_recorded(climbs):
    for run in climbs:
        tests = run.history.tests
        assert (tests.status == 0).all()
        assert set(tests.part) == {0, 1}
        seen = tests.fitness[tests.generation == tests.generation.max(), 0]
        assert seen.mean() == pytest.approx(worth(run.recommended), abs=0.15)  # of other networks


def test_figures_of_a_run(climbs):
    from l2l.optimizees.structural_plasticity.figures import growth as draw
    from l2l.optimizees.structural_plasticity.figures import search

    history = climbs[0].history
    optimizee = StructuralPlasticity(parameters=parameters(**SMALL))
    figure = draw(history, optimizee)
    assert [axes.get_title().split(":")[0] for axes in figure.axes[:2]] == [
        "first individual", "best individual",
    ]  # fmt: skip
    best = history.best.individual
    grown = grow(best["egr"], best["igr"], optimizee.tasks.held_out(0)[0], **SMALL)
    curves = [line for line in figure.axes[1].get_lines() if len(line.get_xdata()) > 2]
    for k, line in enumerate(curves):
        assert line.get_xdata()[-1] == 8  # s
        assert line.get_ydata()[1:].tolist() == grown.calcium[:, k].tolist()
    assert (
        figure.axes[3].get_lines()[0].get_ydata()[1:].tolist() == grown.connections[:, 0].tolist()
    )
    dots = search(history, optimizee).axes[0].collections[0]
    assert len(dots.get_offsets()) == (history.status == 0).sum()


def run_of(name: str, path: Path, **changes):
    """Run one of the shipped configurations, with changes to the arguments of ``l2l.optimize``."""
    config = yaml.safe_load((EXPERIMENTS / name).read_text())
    options = {key: value for key, value in config["optimizee"].items() if key != "name"}
    arguments = {
        "generations": config["stop"]["generations"], "seed": config["seed"],
        "test_every": config["test_every"], "workers": 2,
    }  # fmt: skip
    optimizee = StructuralPlasticity(parameters=parameters(**options))
    return l2l.optimize(
        optimizee, config["optimizer"], run=path, progress=False, **(arguments | changes)
    )


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_gradient_ascent_reaches_the_targets_with_five_seeds(tmp_path):
    """Five runs of the laptop's size, a minute each."""
    for seed in range(1, 6):
        run = run_of("config.yaml", tmp_path / str(seed), seed=seed)
        tests = run.history.tests
        last = (tests.generation == tests.generation.max()) & (tests.role == 1)
        for name, target in zip(("rate_e", "rate_i"), TARGETS, strict=True):
            assert tests.metrics[name][last].mean() == pytest.approx(target, rel=0.1)
        started = run.history.entry(0).fitness[0]
        assert tests.fitness[last, 0].mean() > max(-0.12, started)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_the_paper_size_starts(tmp_path):
    """One generation of five networks of 1000 neurons: 100 s of CPU time each."""
    run = run_of("config-paper.yaml", tmp_path / "run", generations=1, test_every=None)
    assert len(run.history) == 5
    assert (run.history.status == 0).all()
    assert (run.history["rate_e"] > 1).all()
