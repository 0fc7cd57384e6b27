"""The metrics by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from l2l.optimizees.whole_brain.analysis import dynamics, phases, spectrum
from l2l.optimizees.whole_brain.analysis.compare import correlation, fcsc, ks_distance
from l2l.optimizees.whole_brain.analysis.context import Context
from l2l.optimizees.whole_brain.analysis.signals import Signals
from l2l.optimizees.whole_brain.model import Floats

Value = float | Floats
RANKED = 10  #: regions among which those of a network are counted


@dataclass(frozen=True)
class Metric:
    """A number, or one a region or a pair, that is computed from the series of one set.

    Attributes:
        function: ``function(signals) -> float`` or an array ``(k,)``.
        unit: Of its values, where the series is in Hz; "1" for pure numbers.
        doc: One line.
        needs: Attributes of the context that it can't do without.
        check: ``check(context, samples)`` raises ConfigError if a series can't be analysed so.
    """

    function: Callable[[Signals], Value]
    unit: str
    doc: str
    needs: tuple[str, ...] = ()
    check: Callable[[Context, int], None] | None = None


def _share(signals: Signals, order: Floats) -> float:
    """Return the share of a network among the regions that come first where values are large."""
    first = np.argsort(-order, kind="stable")[:RANKED]
    return (
        float(np.isin(first, np.asarray(signals.context.network)).mean())
        if np.isfinite(order).any()
        else np.nan
    )


def _network_of_seed(signals: Signals) -> float:
    seed = signals.context.seed_region
    order = signals.fc[:, seed].copy()
    if np.isnan(order).any():
        return float("nan")
    order[seed] = -np.inf
    return _share(signals, order)


def _coefficient_of_variation(signals: Signals) -> float:
    mean = float(signals.means.mean())
    return _std(signals) / mean if mean else float("nan")


def _std(signals: Signals) -> float:
    return float(np.sqrt(np.diag(signals.covariance).mean() + signals.means.var()))


def _published_fcd_variance(signals: Signals) -> float:
    rest = signals.samples - signals.context.fcd_samples
    complete = rest % signals.context.fcd_stride == 0
    return dynamics.published_fcd_variance(signals.window_products, complete)


def _off_diagonal(n: int) -> float:
    """Return the share of a matrix that is off its diagonal."""
    return (n - 1) / n


METRICS: dict[str, Metric] = {
    "mean_FR": Metric(lambda s: s.means.mean(), "Hz", "mean over time and regions"),
    "std_FR": Metric(_std, "Hz", "standard deviation over time and regions together"),
    "coeff_var": Metric(_coefficient_of_variation, "1", "std_FR / mean_FR"),
    "max_FR": Metric(lambda s: s.maxima.max(), "Hz", "largest value of all regions"),
    "min_FR": Metric(lambda s: s.minima.min(), "Hz", "smallest value of all regions"),
    "std_of_means": Metric(
        lambda s: s.means.std(), "Hz", "standard deviation over regions of their means"
    ),
    "mean_of_stds": Metric(
        lambda s: np.sqrt(np.diag(s.covariance)).mean(),
        "Hz",
        "mean over regions of their standard deviations over time",
    ),
    "region_mean_FR": Metric(lambda s: s.means, "Hz", "mean of each region"),
    "region_std_FR": Metric(
        lambda s: np.sqrt(np.diag(s.covariance)), "Hz", "standard deviation of each region"
    ),
    "region_max_FR": Metric(lambda s: s.maxima, "Hz", "largest value of each region"),
    "region_min_FR": Metric(lambda s: s.minima, "Hz", "smallest value of each region"),
    "mean_FC": Metric(lambda s: s.upper_fc.mean(), "1", "mean correlation of pairs of regions"),
    "mean_FC_published": Metric(
        lambda s: s.upper_fc.mean() * _off_diagonal(s.regions),
        "1",
        "the same as published: (sum of FC - trace) / n^2, at most (n - 1) / n",
    ),
    "FC": Metric(lambda s: s.upper_fc, "1", "correlation of each pair i < j of regions"),
    "corr_FC_SC": Metric(
        lambda s: fcsc(s.fc, s.context.weights),  # type: ignore[arg-type]
        "1",
        "FCSC: correlation of FC and weights, all entries with the diagonal",
        ("weights",),
    ),
    "corr_FC_SC_upper": Metric(
        lambda s: correlation(s.upper_fc, s.context.upper_weights),
        "1",
        "correlation of FC and weights of pairs of regions",
        ("weights",),
    ),
    "corr_FC_tract": Metric(
        lambda s: fcsc(s.fc, s.context.lengths),  # type: ignore[arg-type]
        "1",
        "correlation of FC and tract lengths, all entries with the diagonal",
        ("lengths",),
    ),
    "corr_FC_tract_upper": Metric(
        lambda s: correlation(s.upper_fc, s.context.upper_lengths),
        "1",
        "correlation of FC and tract lengths of pairs of regions",
        ("lengths",),
    ),
    "corr_FC_target": Metric(
        lambda s: correlation(s.upper_fc, s.context.upper_target),
        "1",
        "correlation of FC with a target's, of pairs of regions",
        ("target_fc",),
    ),
    "var_FCD": Metric(
        lambda s: s.upper_fcd.var(),
        "1",
        "variance of FCD over pairs of windows",
        check=Context.check_windows,
    ),
    "var_FCD_published": Metric(
        _published_fcd_variance,
        "1",
        "the same as published, zeros included",
        check=Context.check_windows,
    ),
    "FCD": Metric(
        lambda s: s.upper_fcd,
        "1",
        "correlation of FC of each pair of windows",
        check=Context.check_windows,
    ),
    "ks_FCD": Metric(
        lambda s: ks_distance(s.upper_fcd, s.context.target_fcd),  # type: ignore[arg-type]
        "1",
        "Kolmogorov-Smirnov distance of FCD to a target's",
        ("target_fcd",),
        check=Context.check_windows,
    ),
    "mean_phFCD": Metric(
        lambda s: s.phase_fcd.mean(), "1", "mean of phase FCD", check=Context.check_band
    ),
    "var_phFCD": Metric(
        lambda s: s.phase_fcd.var(), "1", "variance of phase FCD", check=Context.check_band
    ),
    "phFCD": Metric(
        lambda s: s.phase_fcd,
        "1",
        "cosine of each pair of phase patterns",
        check=Context.check_band,
    ),
    "ks_phFCD": Metric(
        lambda s: ks_distance(s.phase_fcd, s.context.target_phfcd),  # type: ignore[arg-type]
        "1",
        "Kolmogorov-Smirnov distance of phase FCD to a target's",
        ("target_phfcd",),
        check=Context.check_band,
    ),
    "mean_PLI": Metric(lambda s: s.pli.mean(), "1", "mean phase lag index of pairs of regions"),
    "mean_PLI_published": Metric(
        lambda s: phases.pli(s, wrap=False, demean=False).mean() * _off_diagonal(s.regions),
        "1",
        "the same as published: neither wrapped nor demeaned, n^2 in the mean",
    ),
    "mean_up": Metric(lambda s: s.states[1], "s", "mean duration of UP states"),
    "mean_down": Metric(lambda s: s.states[0], "s", "mean duration of DOWN states"),
    "fmax_amp": Metric(lambda s: s.peaks[0], "Hz", "frequency of the highest peak of the PSD"),
    "pmax_amp": Metric(lambda s: s.peaks[1], "Hz^2/Hz", "its height"),
    "fmax_prom": Metric(lambda s: s.peaks[2], "Hz", "frequency of the PSD's most prominent peak"),
    "pmax_prom": Metric(lambda s: s.peaks[3], "Hz^2/Hz", "its height"),
    "slope_PSD": Metric(lambda s: s.slope[0], "1", "exponent a of the fit b / f^a to the PSD"),
    "score_PSD": Metric(lambda s: s.slope[1], "1", "R^2 of this fit"),
    "freq_dom": Metric(
        spectrum.dominant_frequency, "Hz", "dominant frequency of each region, to 1 Hz"
    ),
    "ratio_frmean_dmn": Metric(
        lambda s: _share(s, s.means),
        "1",
        "share of a network among the 10 regions of the highest mean",
        ("network",),
    ),
    "ratio_zscore_dmn": Metric(
        _network_of_seed,
        "1",
        "share of a network among the 10 regions most correlated with a seed",
        ("network", "seed_region"),
    ),
}


#: Metrics of a number for each region or pair.
MANY = frozenset(
    {"FC", "FCD", "phFCD", "freq_dom", *(name for name in METRICS if name.startswith("region_"))}
)


def _add_bands() -> None:
    for name, (low, high) in spectrum.BANDS.items():
        METRICS[f"{name}_p"] = Metric(
            lambda s, low=low, high=high: spectrum.band_power(s, low, high),  # type: ignore[misc]
            "Hz^2",
            f"variance within {low:g} to {high:g} Hz",
        )
        METRICS[f"{name}_rel_p"] = Metric(
            lambda s, low=low, high=high: spectrum.relative_power(s, low, high),  # type: ignore[misc]
            "1",
            f"share of the power within {low:g} to {high:g} Hz",
        )


_add_bands()
