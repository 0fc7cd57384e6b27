"""The optimizee: what its options mean, and what it refuses."""

import numpy as np
import pytest

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome import synthetic
from l2l.optimizees.whole_brain.optimizee import WholeBrain, WholeBrainParameters
from l2l.testing import check_optimizee

SMALL = {
    "model": "generic2d",
    "parameters": {"G": [0.0, 0.2], "a": [-2.5, -1.5]},
    "connectome": "synthetic:8",
    "speed": 5.0,
    "duration": 60.0,
    "transient": 20.0,
    "fixed": {"sigma": 0.01},
    "noise": True,
}
PARAMS = {"G": np.array([0.05, 0.1, 0.15]), "a": np.array([-2.4, -2.0, -1.6])}
SEEDS = np.array([3, 4, 5])


def brain(**more):
    return WholeBrain(parameters=WholeBrainParameters(**{**SMALL, **more}))


def columns(found, params=PARAMS):
    result = found.simulate_batch(params, SEEDS)
    assert np.asarray(result.ok).all()
    return {name: np.asarray(values) for name, values in result.metrics.items()}


def test_it_keeps_the_contract_of_optimizees():
    check_optimizee(brain)


def test_one_individual_is_a_batch_of_one():
    found = brain(metrics=["mean_FC", "mean_FR"])
    whole = found.simulate_batch(PARAMS, SEEDS)
    for k in range(3):
        one = found.simulate_batch({n: v[k : k + 1] for n, v in PARAMS.items()}, SEEDS[k : k + 1])
        assert np.array_equal(one.fitness[0], whole.fitness[k])
        for name in whole.metrics:
            assert one.metrics[name][0] == whole.metrics[name][k]


def test_metrics_of_moments_are_those_of_the_series():
    """Without a metric that needs it no series is kept: the numbers are the same to rounding."""
    names = ["mean_FR", "std_FR", "coeff_var", "mean_of_stds", "mean_FC", "corr_FC_SC_upper", "FC"]
    kept, summarised = brain(metrics=[*names, "max_FR"]), brain(metrics=names)
    assert not kept.study.populations[0].summarised
    assert summarised.study.populations[0].summarised
    series, moments = columns(kept), columns(summarised)
    assert set(moments) == set(series) - {"max_FR"}
    for name, values in moments.items():
        np.testing.assert_allclose(values, series[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_populations_have_columns_of_their_own():
    found = columns(
        brain(
            model="wilson_cowan",
            parameters={"c_ee": [10.0, 16.0]},
            fixed={},
            observe={"e": "E", "i": "I"},
            metrics=["mean_FR", "max_FR_i"],
            fitness=["corr_FC_SC_e", "mean_FC_i"],
        ),
        {"c_ee": np.array([11.0, 12.0, 13.0])},
    )
    assert set(found) == {"mean_FR_e", "mean_FR_i", "max_FR_i", "corr_FC_SC_e", "mean_FC_i"}


def test_bold_is_a_population():
    found = columns(
        brain(
            model="dmf",
            parameters={"G": [0.1, 1.0]},
            fixed={},
            speed=None,
            dt=1.0,
            duration=20000.0,
            transient=2000.0,
            bold={"tr": 1000.0, "skip": 0.0},
            metrics=["mean_FC_bold", "std_FR_bold"],
            fitness="corr_FC_SC_bold",
        ),
        {"G": np.array([0.2, 0.5, 0.8])},
    )
    assert set(found) == {"mean_FC_bold", "std_FR_bold", "corr_FC_SC_bold"}
    assert (found["std_FR_bold"] > 0).all()


def test_subjects_in_one_call(tmp_path):
    """Each set has its own connectome and target: as if each subject were simulated alone."""
    rng = np.random.default_rng(0)
    targets = []
    for k in range(2):
        file = tmp_path / f"fc{k}.npy"
        np.save(file, np.corrcoef(rng.normal(size=(8, 30))))
        targets.append(str(file))
    more = {"fitness": "corr_FC_target", "metrics": ["corr_FC_SC"]}
    both = brain(
        connectome=["synthetic:8:1", "synthetic:8:2"],
        target=targets,
        parameters={**SMALL["parameters"], "subject": [0, 1]},
        **more,
    )
    found = columns(both, {**PARAMS, "subject": np.array([1, 0, 1])})
    for k, chosen in ((0, [1]), (1, [0, 2])):
        alone = brain(connectome=f"synthetic:8:{k + 1}", target=targets[k], **more)
        expected = columns(alone)
        for name in expected:
            assert np.array_equal(found[name][chosen], expected[name][chosen])


def test_without_a_subject_a_set_is_judged_by_the_mean_of_all():
    one, other = (columns(brain(connectome=f"synthetic:8:{k}")) for k in (1, 2))
    group = columns(brain(connectome=["synthetic:8:1", "synthetic:8:2"]))
    for name, values in group.items():
        np.testing.assert_allclose(values, (one[name] + other[name]) / 2, rtol=1e-12)


def test_a_metric_of_many_numbers_can_be_the_observation():
    found = brain(observation="FC").simulate_batch(PARAMS, SEEDS)
    assert found.observation.shape == (3, 28)
    assert set(found.metrics) == {"corr_FC_SC", "mean_FC"}
    np.testing.assert_allclose(found.observation.mean(axis=1), found.metrics["mean_FC"])


def test_compiling_is_done_before_the_first_evaluation():
    found = brain(metrics=["max_FR"])
    found.setup()
    found.setup()  # a second time does no harm


def test_a_step_that_is_too_long_is_warned_of(caplog):
    brain(model="montbrio", parameters={"J": [10.0, 16.0]}, fixed={}, noise=False)
    assert "take heun with at most 0.05 ms" in caplog.text


def test_parameters_may_differ_between_regions():
    regional = {"low": -2.5, "high": -1.5, "shape": 8}
    found = brain(parameters={"G": [0.0, 0.2], "a": regional})
    same = {**PARAMS, "a": np.repeat(PARAMS["a"][:, None], 8, axis=1)}
    assert np.array_equal(columns(found, same)["mean_FC"], columns(brain())["mean_FC"])
    other = {**PARAMS, "a": same["a"] + np.linspace(-0.1, 0.1, 8)}
    assert not np.array_equal(columns(found, other)["mean_FC"], columns(brain())["mean_FC"])


def test_the_seed_of_each_set_or_one_for_all():
    noise = columns(brain(), {name: values[:1].repeat(3) for name, values in PARAMS.items()})
    assert len(set(noise["mean_FC"])) == 3
    common = columns(brain(seed=7), {name: values[:1].repeat(3) for name, values in PARAMS.items()})
    assert len(set(common["mean_FC"])) == 1


def test_a_stimulus_reaches_its_regions():
    pulse = {"state": "V", "amplitude": 0.5, "onset": 30.0, "duration": 20.0, "regions": [2]}
    quiet = columns(brain(metrics=["region_max_FR"], noise=False))
    pushed = columns(brain(metrics=["region_max_FR"], noise=False, stimulus=pulse))
    rise = np.array(
        [(pushed[f"region_max_FR_{k}"] - quiet[f"region_max_FR_{k}"])[0] for k in range(8)]
    )
    assert rise.argmax() == 2
    assert rise[2] > 1.0


def test_a_users_own_metric_is_a_function(tmp_path):
    (tmp_path / "own.py").write_text("def spread(signals):\n    return signals.series.max()\n")
    found = columns(brain(metrics=["max_FR", f"{tmp_path}/own.py:spread"]))
    np.testing.assert_array_equal(found["spread"], found["max_FR"])


def test_a_set_that_diverges_has_failed():
    found = brain(parameters={"d": [0.01, 100.0]}, fixed={})
    result = found.simulate_batch({"d": np.array([0.02, 90.0, 0.02])}, SEEDS)
    assert np.asarray(result.ok).tolist() == [True, False, True]
    assert np.isfinite(result.fitness[[0, 2]]).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "generic2"}, "generic2d"),
        ({"parameters": {"GG": [0, 1]}}, "has no 'GG'"),
        ({"parameters": {"G": [0.0, 1.0], "speed": [1.0, 2.0]}}, "speed is given twice"),
        ({"fixed": {"G": 0.1}}, "searched for as well"),
        ({"preset": "tvb"}, "preset"),
        ({"connectome": "nowhere.zip"}, "nowhere.zip"),
        ({"connectome": "synthetic"}, "synthetic:REGIONS"),
        ({"fitness": "corr_FC"}, "no metric 'corr_FC'"),
        ({"fitness": "corr_FC_target"}, "target_fc"),
        ({"metrics": ["mean_FC_x"]}, "no metric 'mean_FC_x'"),
        ({"observe": {"e": "E"}}, "has no 'E'"),
        ({"stimulus": {"state": "X"}}, "state must be one of V, W"),
        ({"stimulus": {"stat": "V"}}, "did you mean 'state'"),
        ({"transient": 60.0}, "must be shorter"),
        ({"dt": 0.3}, "whole number"),
        ({"parameters": {"a": {"low": 0, "high": 1, "shape": 7}}}, "8 regions"),
        ({"analysis": {"fcd_windo": 3}}, "fcd_windo"),
        ({"bold": {"t": 3}}, "t"),
        ({"bold": {"tr": 2000.0}, "metrics": ["mean_FC"]}, "at least 4 samples"),
        ({"initial": {"Q": 1.0}}, "no state 'Q'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_makes_no_sense_is_refused_before_anything_runs(more, said):
    with pytest.raises(ConfigError, match=said):
        brain(**more)


def test_the_default_connectome_has_the_statistics_it_says():
    assert (
        synthetic(76).n_regions
        == WholeBrain(parameters=WholeBrainParameters(parameters={"G": [0.0, 1.0]})).study.regions
    )
