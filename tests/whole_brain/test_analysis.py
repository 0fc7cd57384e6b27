"""The analysis: metrics against their definitions, and on signals whose answer is known."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats
from threadpoolctl import threadpool_limits

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.analysis import (
    METRICS,
    Context,
    evaluate,
    fcsc,
    flat,
    identifiability,
    ks_distance,
    metrics,
    signals,
)
from l2l.optimizees.whole_brain.analysis.phases import pli

BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 12), "beta": (12, 30), "gamma": (30, 100)}
PHASES = {"phase_band": (4.0, 12.0), "phase_step": 50.0}
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "whole-brain-analysis.md"
N, SAMPLES, PERIOD = 20, 4000, 1.0
SECONDS = np.arange(SAMPLES) * PERIOD / 1000


def noisy(seed, samples=SAMPLES, regions=N):
    """Correlated noise that drifts, with a rhythm of its own in each region, around 10 Hz."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((samples, 4)) @ rng.standard_normal((4, regions))
    white = common + 2 * rng.standard_normal((samples, regions))
    slow = scipy.signal.lfilter([1.0], [1.0, -0.98], white, axis=0)
    time_s = np.arange(samples)[:, None] * PERIOD / 1000
    rhythm = np.sin(2 * np.pi * (time_s * rng.uniform(3, 40, regions) + rng.random(regions)))
    return (10 + 0.3 * slow + 2 * rhythm + rng.random(regions)).astype(np.float32)


def on_and_off(seed):
    """UP and DOWN states of 50 ms and more, at times of their own in each region."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 400, (N, 100))
    up = [np.repeat(np.arange(100) % 2, row)[:SAMPLES] for row in lengths]
    return (10 * np.array(up).T + rng.random((SAMPLES, N))).astype(np.float32)


def matrices(seed):
    rng = np.random.default_rng(seed)
    weights, lengths, fc = rng.random((3, N, N))
    fc = (fc + fc.T) / 2
    return {"weights": weights * (weights > 0.6), "lengths": 200 * lengths, "target_fc": fc}


def full_context(seed=0, **changes):
    rng = np.random.default_rng(seed)
    values = {"target_fcd": rng.random(300), "target_phfcd": rng.random(500)}
    place = {"network": (0, 3, 5, 7, 11), "seed_region": 3}
    return Context(PERIOD, **matrices(seed), **values, **place, **(PHASES | changes))


def one(name, series, context=None):
    """Return the metrics of one set; a name or several."""
    names = [name] if isinstance(name, str) else name
    columns = evaluate(names, {"": np.asarray(series)[None]}, context or Context(PERIOD))
    values = [columns[n][0] for n in names]
    return values[0] if isinstance(name, str) else values


# -- definitions, in float64 ------------------------------------------------------------------


def pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def reference_fc(x):
    return np.corrcoef(x.T)


def reference_pli(x, wrap=True, demean=True):
    phase = np.angle(scipy.signal.hilbert(x - x.mean(axis=0) if demean else x, axis=0))
    difference = phase[:, :, None] - phase[:, None, :]
    return np.abs(np.sign(np.sin(difference) if wrap else difference).mean(axis=0))


def reference_states(x, sigma=10.0, shortest=20):
    """Mean durations (UP, DOWN) in s, and the number of crossings."""
    up, down, crossings = [], [], 0
    for trace in x.T:
        smoothed = scipy.ndimage.gaussian_filter1d(trace, sigma, mode="nearest", truncate=4)
        high = smoothed > 0.3 * smoothed.max() + 0.2
        runs = [[k, len(list(g))] for k, g in itertools.groupby(high)]
        crossings += len(runs)
        merged = []
        for k, length in runs:
            if merged and (length < shortest or merged[-1][0] == k):
                merged[-1][1] += length
            elif merged and merged[-1][0] is None:
                merged[-1] = [k, merged[-1][1] + length]
            else:
                merged.append([None if length < shortest else k, length])
        for state, out in ((True, up), (False, down)):
            found = [length for k, length in merged if k == state]
            out.append(np.mean(found) if found else 0.0)
    return np.mean(up) * PERIOD / 1000, np.mean(down) * PERIOD / 1000, crossings


def reference_density(x):
    hertz, power = scipy.signal.periodogram(x, fs=1000 / PERIOD, axis=0, detrend="constant")
    inner = (hertz > 0) & (hertz < 500 / PERIOD)
    return hertz[inner], power[inner].mean(axis=1)


def prominence(power, k):
    left = [i for i in range(k) if power[i] > power[k]]
    right = [i for i in range(k + 1, len(power)) if power[i] > power[k]]
    low, high = (left[-1] if left else 0), (right[0] if right else len(power) - 1)
    return power[k] - max(power[low : k + 1].min(), power[k : high + 1].min())


def reference_peaks(x):
    hertz, power = reference_density(x)
    inner = range(1, len(power) - 1)
    tops = [k for k in inner if power[k] > power[k - 1] and power[k] > power[k + 1]]
    best = max(tops, key=lambda k: power[k]), max(tops, key=lambda k: prominence(power, k))
    return [f(k) for k in best for f in (lambda k: hertz[k], lambda k: power[k])]


def reference_slope(x):
    hertz, power = reference_density(x)
    within = (hertz > 0.1) & (hertz < 1000)
    a, b = np.log(hertz[within][::10]), np.log(power[within][::10])
    return -np.polyfit(a, b, 1)[0], np.corrcoef(a, b)[0, 1] ** 2


def reference_fcd(x, flatten, window=1000, step=100, last=1):
    starts = range(0, len(x) - window + last, step)
    return np.corrcoef([flatten(np.corrcoef(x[s : s + window].T)) for s in starts])


def reference_phase_fcd(x, band=(4.0, 12.0), step=50):
    spectrum = np.fft.fft(x - x.mean(axis=0), axis=0)
    hertz = np.fft.fftfreq(len(x), PERIOD / 1000)
    _, response = scipy.signal.freqs(
        *scipy.signal.butter(2, 2 * np.pi * np.array(band), "bandpass", analog=True),
        2 * np.pi * hertz,
    )
    spectrum *= np.abs(response)[:, None] ** 2 * (hertz > 0)[:, None]
    phase = np.angle(np.fft.ifft(spectrum, axis=0)[::step])[10:-10]
    patterns = np.array([pairs(np.cos(p[:, None] - p[None, :])) for p in phase])
    mean = np.array([patterns[t : t + 3].mean(axis=0) for t in range(len(patterns) - 2)])
    mean /= np.linalg.norm(mean, axis=1)[:, None]
    return pairs(mean @ mean.T)


def reference(x, c):
    """Return all metrics of one set; x is float64."""
    fc, symmetric = reference_fc(x), {k: (v + v.T) / 2 for k, v in matrices(0).items()}
    share = (len(fc) - 1) / len(fc)
    fcd = pairs(reference_fcd(x, pairs))
    published = reference_fcd(x, np.ravel, last=0)
    phases, plis = reference_phase_fcd(x), pairs(reference_pli(x))
    up, down, _ = reference_states(x)
    peaks, slope = reference_peaks(x), reference_slope(x)
    hertz, power = reference_density(x)
    welch = scipy.signal.welch(x, fs=1000 / PERIOD, nperseg=1000, axis=0)
    near = np.delete(np.arange(N), c.seed_region)
    near = near[np.argsort(-fc[c.seed_region, near])][:10]
    out = {
        "mean_FR": x.mean(), "std_FR": x.std(), "coeff_var": x.std() / x.mean(),
        "max_FR": x.max(), "min_FR": x.min(),
        "std_of_means": x.mean(axis=0).std(), "mean_of_stds": x.std(axis=0).mean(),
        "region_mean_FR": x.mean(axis=0), "region_std_FR": x.std(axis=0),
        "region_max_FR": x.max(axis=0), "region_min_FR": x.min(axis=0),
        "FC": pairs(fc), "mean_FC": pairs(fc).mean(), "mean_FC_published": pairs(fc).mean() * share,
        "corr_FC_SC": np.corrcoef(fc.ravel(), c.weights.ravel())[0, 1],
        "corr_FC_SC_upper": np.corrcoef(pairs(fc), pairs(symmetric["weights"]))[0, 1],
        "corr_FC_tract": np.corrcoef(fc.ravel(), c.lengths.ravel())[0, 1],
        "corr_FC_tract_upper": np.corrcoef(pairs(fc), pairs(symmetric["lengths"]))[0, 1],
        "corr_FC_target": np.corrcoef(pairs(fc), pairs(c.target_fc))[0, 1],
        "FCD": fcd, "var_FCD": fcd.var(), "var_FCD_published": np.triu(published, 2).var(),
        "ks_FCD": scipy.stats.ks_2samp(fcd, c.target_fcd).statistic,
        "phFCD": phases, "mean_phFCD": phases.mean(), "var_phFCD": phases.var(),
        "ks_phFCD": scipy.stats.ks_2samp(phases, c.target_phfcd).statistic,
        "mean_PLI": plis.mean(),
        "mean_PLI_published": pairs(reference_pli(x, False, False)).mean() * share,
        "mean_up": up, "mean_down": down,
        "fmax_amp": peaks[0], "pmax_amp": peaks[1], "fmax_prom": peaks[2], "pmax_prom": peaks[3],
        "slope_PSD": slope[0], "score_PSD": slope[1],
        "freq_dom": welch[0][welch[1].argmax(axis=0)],
        "ratio_frmean_dmn": np.isin(np.argsort(-x.mean(axis=0))[:10], c.network).mean(),
        "ratio_zscore_dmn": np.isin(near, c.network).mean(),
    }  # fmt: skip
    for name, (low, high) in BANDS.items():
        within = (hertz >= low - 1e-9) & (hertz < high - 1e-9)
        out[f"{name}_p"] = power[within].sum() / seconds_of(x)
        out[f"{name}_rel_p"] = power[within].sum() / power.sum()
    return out


def seconds_of(x):
    return len(x) * PERIOD / 1000


@pytest.mark.parametrize("samples", [4000, 3371], ids=["even", "prime"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_metric_is_its_definition(seed, samples):
    series, context = noisy(seed, samples), full_context()
    expected = reference(series.astype(np.float64), context)
    assert set(expected) == set(METRICS)
    found = evaluate(METRICS, {"": series[None]}, context)
    for name, value in expected.items():
        # a phase difference may pass 0 at the next sample: 2 / samples in one of 190 pairs, each
        # time; correlations and cosines near 0 have float32's absolute error
        absolute = 6e-6 if "PLI" in name else 1e-6
        np.testing.assert_allclose(found[name][0], value, 1e-5, absolute, err_msg=name)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_states_of_rates_that_switch_are_their_definition(seed):
    series = on_and_off(seed)
    up, down, crossings = reference_states(series.astype(np.float64))
    assert crossings > 200
    assert one(["mean_up", "mean_down"], series) == pytest.approx([up, down], rel=1e-5)


def test_small_fluctuations_far_from_the_mean_keep_their_correlations():
    series = noisy(3) - 10
    series[2000:] = 1e-2 * series[2000:] + 20  # half of the windows: sd 0.02 at 10 from the mean
    found = signals(series, Context(PERIOD))
    for k, start in enumerate(range(0, 3001, 100)):
        expected = pairs(reference_fc(series[start : start + 1000].astype(np.float64)))
        # float32 has 5e-5 of such fluctuations; without care, errors would be larger than 1e-3
        np.testing.assert_allclose(found.windows[k], expected, atol=3e-5)


def test_windows_in_which_a_region_is_constant_far_from_its_mean():
    series = noisy(3)
    series[1500:, 4] = 7.3
    found = signals(series, Context(PERIOD)).windows
    of_region = [4 in pair for pair in itertools.combinations(range(N), 2)]
    assert np.isnan(found[15:, of_region]).all()
    assert np.isfinite(found[:15]).all()
    assert np.isfinite(found[:, np.logical_not(of_region)]).all()


@pytest.mark.parametrize(("wrap", "demean"), [*itertools.product([True, False], repeat=2)])
def test_phase_lag_index_with_and_without_wrapping_and_mean(wrap, demean):
    series = noisy(4)
    expected = pairs(reference_pli(series.astype(np.float64), wrap, demean))
    found = pli(signals(series, Context(PERIOD)), wrap=wrap, demean=demean)
    assert found.mean() == pytest.approx(expected.mean(), abs=6e-6)
    assert np.abs(found - expected).max() <= 4 / SAMPLES


# -- signals whose answer is known ------------------------------------------------------------


@pytest.mark.parametrize("period", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("high", [1.0, 5.0, 50.0])
def test_a_square_wave_of_half_seconds(period, high):
    time_s = np.arange(round(4000 / period)) * period / 1000
    series = np.repeat(high * (time_s % 1 < 0.5)[:, None], 3, axis=1)
    up, down = one(["mean_up", "mean_down"], series, Context(period))
    # where a smoothed step passes the level 0.3 high + 0.2; the first and last edge is no crossing
    early = 0.010 * scipy.stats.norm.ppf(1 - (0.3 + 0.2 / high))
    assert up == pytest.approx(0.5 + 1.75 * early, abs=1.1 * period / 1000)
    assert down == pytest.approx(0.5 - 1.75 * early, abs=1.1 * period / 1000)
    assert up + down == pytest.approx(1.0)


def test_short_states_belong_to_the_one_before():
    series = np.zeros((1000, 2), dtype=np.float32)
    series[5:15], series[400:600], series[500:505] = 10, 10, 0
    context = Context(PERIOD, up_smoothing=0.1)  # as good as none
    # 0..5 and 5..15 are short and have none before: DOWN from 0; the gap within UP is filled
    assert one(["mean_up", "mean_down"], series, context) == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize("period", [0.5, 1.0, 2.0])
def test_peaks_and_bands_of_two_sines(period):
    seconds = np.arange(round(4000 / period)) * period / 1000
    series = 20 + 3 * np.sin(2 * np.pi * 10 * seconds) + np.cos(2 * np.pi * 40 * seconds)
    series = np.repeat(series[:, None], 2, axis=1)
    context = Context(period)
    names = ["alpha_p", "gamma_p", "alpha_rel_p", "gamma_rel_p", "fmax_amp", "pmax_amp"]
    # a sine of amplitude A has variance A^2 / 2, all of it in one bin of 1 / 4 Hz
    known = [4.5, 0.5, 0.9, 0.1, 10, 4.5 * 4]
    assert one(names, series, context) == pytest.approx(known, rel=1e-5)
    others = one(["delta_p", "theta_p", "beta_p"], series, context)
    assert others == pytest.approx([0, 0, 0], abs=1e-9)
    assert one("freq_dom", series, context).tolist() == [10, 10]


def test_bold_has_a_dominant_frequency_too():
    bold = np.sin(2 * np.pi * np.arange(600)[:, None] * 2 * [0.05, 0.1])
    found = one("freq_dom", bold, Context(2000.0))  # windows of 64 samples: 1 / 128 Hz
    assert found == pytest.approx([0.05, 0.1], abs=0.5 / 128)


@pytest.mark.parametrize("samples", [4, 5, 7, 64])
def test_short_series(samples):
    names = [name for name, metric in METRICS.items() if metric.check is None]
    found = evaluate(names, {"": noisy(0)[None, :samples]}, full_context())
    assert np.isfinite(found["mean_FC"]).all()
    assert np.isfinite(found["mean_PLI"]).all()


def test_bands_add_up_to_the_variance_and_share_no_frequency():
    sines = [np.sin(2 * np.pi * f * SECONDS) for f in (4, 8, 12, 30)]  # each at a limit
    series = np.repeat(np.sum(sines, axis=0)[:, None], 2, axis=1)
    powers = one([f"{band}_p" for band in BANDS], series)
    assert powers == pytest.approx([0, 0.5, 0.5, 0.5, 0.5], abs=1e-6)
    assert np.sum(powers) == pytest.approx(series.var(), rel=1e-6)


def spectral(power, seed=0):
    """A signal (samples, 2) with power[k] in bin k + 1, in random phases."""
    rng = np.random.default_rng(seed)
    spectrum = np.zeros(SAMPLES // 2 + 1, dtype=complex)
    spectrum[1 : len(power) + 1] = np.sqrt(power) * np.exp(2j * np.pi * rng.random(len(power)))
    return np.repeat(np.fft.irfft(spectrum, n=SAMPLES)[:, None] * SAMPLES, 2, axis=1)


def test_the_highest_peak_is_not_always_the_most_prominent():
    power = 100 / np.arange(1, 1000)
    power[2] = 52  # 0.75 Hz: just above its left neighbour
    power[39] = 30  # 10 Hz, far above both
    assert one(["fmax_amp", "fmax_prom"], spectral(power)) == pytest.approx([0.75, 10])
    ratio = np.divide(*one(["pmax_amp", "pmax_prom"], spectral(power)))
    assert ratio == pytest.approx(52 / 30, rel=1e-5)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_slope_of_a_power_law(exponent):
    power = np.arange(1, SAMPLES // 2) ** -exponent
    slope, score = one(["slope_PSD", "score_PSD"], spectral(power))
    assert slope == pytest.approx(exponent, rel=1e-4)
    assert score == pytest.approx(1, abs=1e-4)
    noise = np.random.default_rng(1).exponential(size=(300, len(power)))  # as a spectrum's is
    slopes = [one("slope_PSD", spectral(power * row)) for row in noise[:40]]
    assert np.mean(slopes) == pytest.approx(exponent, abs=4 * np.std(slopes) / np.sqrt(40))


def oscillators(phases, hertz=8.0):
    return np.sin(2 * np.pi * hertz * SECONDS[:, None] + np.asarray(phases))


def test_locked_oscillators():
    phases = np.array([0.0, 0.3, 1.0, 2.5])
    found = signals(5 + oscillators(phases), Context(PERIOD))
    np.testing.assert_allclose(found.pli, 1)
    np.testing.assert_allclose(found.fc, np.cos(phases[:, None] - phases), atol=1e-6)
    quarter = signals(oscillators([0.0, np.pi / 2]), Context(PERIOD))
    # unwrapped, the leading one is ahead but for the quarter in which it has jumped back by 2 pi
    assert pli(quarter, wrap=False)[0] == pytest.approx(0.5, abs=2 / 125)  # samples of a cycle
    assert pli(quarter)[0] == 1


def test_oscillators_in_phase_and_antiphase_have_no_lag():
    wave = oscillators([0.7])
    found = signals(np.hstack([wave, wave, -wave, 4 * wave]), Context(PERIOD))
    assert found.pli.max() == 0
    np.testing.assert_allclose(found.upper_fc, [1, -1, 1, -1, 1, -1], atol=1e-6)


def test_independent_oscillators_and_noise():
    hertz = 5 + np.arange(12) * 0.75  # whole cycles of each difference in 4 s
    found = signals(np.sin(2 * np.pi * hertz * SECONDS[:, None]), Context(PERIOD))
    assert found.pli.max() < 5e-3
    assert np.abs(found.upper_fc).max() < 1e-6
    noise = np.random.default_rng(0).standard_normal((SAMPLES, 40))
    assert abs(one("mean_FC", noise)) < 4 / np.sqrt(SAMPLES * 780)


def test_published_means_count_the_diagonal_as_zero():
    wave = np.repeat(oscillators([0.0]), 4, axis=1)
    assert one(["mean_FC", "mean_FC_published"], wave) == pytest.approx([1, 0.75])


def test_fcd_of_connectivity_that_stays_and_that_switches():
    one_, other = oscillators([0, 0.5, 1, 2.5]), oscillators([0, 2.5, 0.2, 1.5])
    stays = one(["FCD", "var_FCD"], one_)
    np.testing.assert_allclose(stays[0], 1, atol=1e-4)
    assert stays[1] < 1e-8
    fcd = signals(np.vstack([one_[:2000], other[2000:]]), Context(PERIOD)).fcd
    within = np.corrcoef(pairs(reference_fc(one_)), pairs(reference_fc(other)))[0, 1]
    np.testing.assert_allclose(fcd[:11, :11], 1, atol=1e-3)
    np.testing.assert_allclose(fcd[20:, 20:], 1, atol=1e-3)
    np.testing.assert_allclose(fcd[:11, 20:], within, atol=1e-3)


def test_phase_fcd_of_constant_lags_is_one():
    values = one("phFCD", oscillators([0, 0.5, 1, 2.5]), Context(PERIOD, **PHASES))
    assert len(values) == (60 - 2) * (60 - 3) / 2
    np.testing.assert_allclose(values, 1, atol=1e-5)


def test_phase_fcd_agrees_with_a_filter_in_time():
    """The usual way, forwards and backwards in time, differs at the ends only."""
    rng = np.random.default_rng(0)
    bold = scipy.signal.lfilter([1.0], [1.0, -0.9], rng.standard_normal((600, N)), axis=0)
    band = scipy.signal.butter(2, (0.01, 0.09), "bandpass", fs=0.5)
    phase = np.angle(scipy.signal.hilbert(scipy.signal.filtfilt(*band, bold, axis=0), axis=0))
    patterns = np.cos(phase[:, :, None] - phase[:, None, :])[10:-10]
    patterns = patterns[:, *np.triu_indices(N, 1)]
    mean = (patterns[:-2] + patterns[1:-1] + patterns[2:]) / 3
    mean /= np.linalg.norm(mean, axis=1)[:, None]
    found = one("phFCD", bold, Context(2000.0))
    assert found.shape == ((580 - 2) * (580 - 3) // 2,)
    assert np.corrcoef(found, pairs(mean @ mean.T))[0, 1] > 0.97


def test_ks_distance():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(400), 0.5 + rng.standard_normal(300)
    assert ks_distance(a, b) == pytest.approx(scipy.stats.ks_2samp(a, b).statistic, abs=1e-12)
    assert ks_distance(a, a) == 0
    assert ks_distance(a, a + 100) == 1
    assert np.isnan(ks_distance(a, [0, np.nan]))


def test_fcsc_is_that_of_the_paper_whatever_the_scale_of_weights():
    fc, weights = reference_fc(noisy(0)), matrices(0)["weights"]
    expected = np.corrcoef(fc.ravel(), (weights / weights.max()).ravel())[0, 1]
    assert fcsc(fc, weights) == pytest.approx(expected, rel=1e-12)


def test_identifiability_of_subjects_with_a_connectome_of_their_own():
    rng = np.random.default_rng(0)
    own = rng.exponential(size=(8, N, N))
    retest = own + 0.1 * rng.random(own.shape)
    for similarity in ("pearson", "jaccard"):
        found = identifiability(own, retest, similarity)
        assert found["accuracy"] == 1
        assert found["idiff"] == pytest.approx(100 * (found["self"] - found["others"]))
        assert found["idiff"] > 30
        swapped = identifiability(own, np.roll(retest, 1, axis=0), similarity)
        assert swapped["accuracy"] == 0
        assert swapped["idiff"] < 0
    p, q = own[:, 0], retest[:, 0]
    jaccard = [[np.minimum(a, b).sum() / np.maximum(a, b).sum() for b in q] for a in p]
    assert identifiability(p, q, "jaccard")["self"] == pytest.approx(np.diag(jaccard).mean())
    pearson = np.corrcoef(p, q)[:8, 8:]
    others = (pearson.sum() - np.trace(pearson)) / 56
    assert identifiability(p, q)["others"] == pytest.approx(others)


@pytest.mark.parametrize(
    ("test", "retest", "similarity", "text"),
    [
        (np.ones((1, 4)), np.ones((1, 4)), "pearson", "2 subjects or more"),
        (np.ones((3, 4)), np.ones((3, 5)), "pearson", "same shape"),
        (-np.ones((3, 4)), np.ones((3, 4)), "jaccard", "weights >= 0"),
        (np.ones((3, 4)), np.ones((3, 4)), "jacard", "did you mean 'jaccard'"),
    ],
)
def test_identifiability_says_what_is_wrong(test, retest, similarity, text):
    with pytest.raises(ConfigError, match=text):
        identifiability(test, retest, similarity)


# -- what is not defined ----------------------------------------------------------------------

#: What a constant rate of 5 Hz has; all other metrics are NaN.
OF_A_CONSTANT = {
    "mean_FR": 5, "std_FR": 0, "coeff_var": 0, "max_FR": 5, "min_FR": 5, "std_of_means": 0,
    "mean_of_stds": 0, "region_mean_FR": 5, "region_std_FR": 0, "region_max_FR": 5,
    "region_min_FR": 5, "mean_PLI": 0, "mean_PLI_published": 0, "mean_up": 4, "mean_down": 0,
    "delta_p": 0, "theta_p": 0, "alpha_p": 0, "beta_p": 0, "gamma_p": 0, "ratio_frmean_dmn": 0.4,
}  # fmt: skip


def test_a_constant_has_no_correlations():
    found = evaluate(METRICS, {"": np.full((1, SAMPLES, N), 5)}, full_context())
    for name, values in found.items():
        expected = np.full(values.shape, OF_A_CONSTANT.get(name, np.nan))
        np.testing.assert_allclose(values, expected, err_msg=name)


def test_silence_is_one_long_down_state():
    assert one(["mean_up", "mean_down", "coeff_var"], np.zeros((SAMPLES, 3))) == pytest.approx(
        [0, 4, np.nan], nan_ok=True
    )


def test_a_constant_region_leaves_the_spectrum_of_the_others():
    series = noisy(0)
    series[:, 4] = 3
    found = signals(series, Context(PERIOD))
    assert np.isnan(one("mean_FC", series))
    assert np.isnan(found.fc[4]).all()
    assert np.isfinite(np.delete(np.delete(found.fc, 4, 0), 4, 1)).all()
    assert np.isnan(one("freq_dom", series)).tolist() == [k == 4 for k in range(N)]
    assert np.isfinite(one(["mean_PLI", "slope_PSD", "mean_up"], series)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_diverged_set_is_nan_and_leaves_the_others(bad):
    series = np.stack([noisy(k) for k in range(3)])
    whole = evaluate(METRICS, {"e": series}, full_context())
    series[1, 2000, 7] = bad
    found = evaluate(METRICS, {"e": series}, full_context())
    for name, values in found.items():
        assert np.isnan(values[1]).all(), name
        np.testing.assert_array_equal(values[[0, 2]], whole[name][[0, 2]], err_msg=name)


# -- sets, names, errors ----------------------------------------------------------------------


def test_a_set_has_the_same_bits_in_any_batch():
    series = np.stack([noisy(k) for k in range(5)])
    context = full_context()
    together = evaluate(METRICS, {"e": series, "i": 2 * series}, context)
    assert set(together) == {f"{name}_{p}" for name in METRICS for p in "ei"}
    for k in (4, 0, 2):
        alone = evaluate(METRICS, {"i": 2 * series[k : k + 1]}, context)
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][k], err_msg=name)
    again = evaluate(METRICS, {"e": np.asfortranarray(series)}, context, threads=3)
    for name, values in again.items():
        np.testing.assert_array_equal(values, together[name], err_msg=name)


def test_each_set_may_have_a_connectome_and_a_target_of_its_own():
    series = np.repeat(noisy(0)[None], 3, axis=0)
    contexts = [full_context(seed) for seed in range(3)]
    names = ["corr_FC_SC", "corr_FC_target", "ks_FCD"]
    found = evaluate(names, {"": series}, contexts)
    for name in names:
        assert len(set(found[name])) == 3
        assert found[name][2] == evaluate([name], {"": series[:1]}, contexts[2])[name][0]


def test_columns_of_regions_are_made_flat():
    columns = evaluate(["mean_FR", "region_mean_FR"], {"e": noisy(0)[None]}, Context(PERIOD))
    table = flat(columns)
    assert list(table) == ["mean_FR_e", *(f"region_mean_FR_e_{k}" for k in range(N))]
    assert all(values.shape == (1,) for values in table.values())


def test_a_metric_of_ones_own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "def burstiness(signals):\n"
        '    """Largest over mean rate."""\n'
        "    return signals.maxima / signals.means\n"
    )
    found = metrics([f"{path}:burstiness", "mean_FR"])
    assert found["burstiness"].doc == "Largest over mean rate."
    assert metrics(["own.py:burstiness"], tmp_path)["burstiness"].doc
    series = noisy(0)
    values = evaluate(found, {"e": series[None]}, Context(PERIOD))["burstiness_e"][0]
    np.testing.assert_allclose(values, series.max(axis=0) / series.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["mean_FCC"], "did you mean 'mean_FC'"),
        (["mean_FR", "mean_FR"], "name each once"),
        (["l2l.nothing:metric"], "can't be imported"),
        (["math:pi"], "must be a function"),
        (["corr_FC_SC"], "needs `weights`"),
        (["ks_FCD"], "needs `target_fcd`"),
        (["phFCD"], "phase_band"),
    ],
)
def test_what_is_wrong_with_names_is_said(names, text):
    with pytest.raises(ConfigError, match=text):
        evaluate(names, {"": noisy(0)[None]}, Context(PERIOD))


@pytest.mark.parametrize(
    ("shape", "fields", "text"),
    [
        ((4000, N), {}, r"\(sets, samples, regions\)"),
        ((1, 3, N), {}, "at least 4 samples"),
        ((1, 1100, N), {}, "three windows"),
        ((1, 4000, N), {"fcd_window": 1.0, "fcd_step": 1.0}, "one sample"),
        ((1, 4000, 7), {"weights": np.ones((N, N))}, "of 20 regions, the series of 7"),
        ((1, 4000, 7), {"network": [1, 7]}, "network must be of regions 0..6"),
        ((1, 4000, 7), {"seed_region": -1}, "seed_region must be"),
    ],
)
def test_what_is_wrong_with_series_is_said(shape, fields, text):
    with pytest.raises(ConfigError, match=text):
        evaluate(["var_FCD"], {"": np.ones(shape)}, Context(PERIOD, **fields))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"period": 0.0}, "period"),
        ({"weights": np.ones((3, 4))}, "weights must be a matrix"),
        ({"target_fc": np.full((3, 3), np.nan)}, "with NaN"),
        ({"target_fcd": np.ones((3, 3))}, "target_fcd"),
        ({"phase_band": (4.0, 2.0)}, "phase_band"),
        ({"fcd_window": 250.0}, "multiple of fcd_step"),
    ],
)
def test_what_is_wrong_with_a_context_is_said(fields, text):
    with pytest.raises(ConfigError, match=text):
        Context(**({"period": PERIOD} | fields))


def test_one_context_or_one_for_each():
    with pytest.raises(ConfigError, match="one context a set"):
        evaluate(["mean_FR"], {"": np.ones((3, 10, 2))}, [Context(PERIOD)] * 2)


def test_importing_the_analysis_imports_neither_numba_nor_scipy():
    code = (
        "import sys, l2l.optimizees.whole_brain.analysis\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numba", "scipy", "matplotlib"} & set(done.stdout.split())


def test_all_metrics_cost_a_fraction_of_their_definitions():
    """A guard of the kernels: without vectorisation, or with a metric done twice, it fails."""
    series = noisy(0, regions=68)
    names = [n for n in METRICS if "phFCD" not in n]  # not a metric of short series of rates
    large = {k: np.arange(68.0) + np.eye(68) for k in ("weights", "lengths", "target_fc")}
    context = Context(PERIOD, **large, target_fcd=np.arange(9.0), network=(1, 2), seed_region=1)
    evaluate(names, {"": series[None]}, context)  # compiles
    ours = min(cpu(evaluate, names, {"": series[None]}, context) for _ in range(5))
    with threadpool_limits(1):
        plain = cpu(costly_definitions, series.astype(np.float64))
    assert ours * 5 < plain  # 8 to 12 measured; 3 with kernels that are not vectorised


def cpu(function, *arguments):
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def costly_definitions(x):
    """What costs most, in float64 and a pair or a region at a time, as the published code goes."""
    analytic = [scipy.signal.hilbert(trace - trace.mean()) for trace in x.T]
    for one_, other in itertools.combinations(analytic, 2):
        np.abs(np.mean(np.sign((one_ * other.conj()).imag)))
    reference_states(x)
    reference_density(x)
    scipy.signal.welch(x, fs=1000, nperseg=1000, axis=0)
    reference_fcd(x, pairs)


@pytest.mark.skipif(not DOCUMENTATION.exists(), reason="not in a clone")
def test_the_documentation_has_every_metric_and_its_unit():
    rows = [row.split("|") for row in DOCUMENTATION.read_text().splitlines() if "| `" in row]
    units = {}
    for row in rows:
        names = re.findall(r"`(\w+)`", row[1])
        given = row[2].strip().split(", ")
        units |= {name: given[k % len(given)] for k, name in enumerate(names)}
    assert units == {name: metric.unit for name, metric in METRICS.items()}
