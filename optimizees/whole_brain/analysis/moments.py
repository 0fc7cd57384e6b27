"""Metrics of means, deviations and functional connectivity alone, for which no series is kept."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from l2l.optimizees.whole_brain.analysis.context import Context
from l2l.optimizees.whole_brain.analysis.metrics import Metric
from l2l.optimizees.whole_brain.analysis.signals import Signals, Single
from l2l.optimizees.whole_brain.model import Floats

#: The metrics that need no more than this of a series.
OF_MOMENTS = frozenset(
    {
        "mean_FR", "std_FR", "coeff_var", "std_of_means", "mean_of_stds", "region_mean_FR",
        "region_std_FR", "mean_FC", "mean_FC_published", "FC", "corr_FC_SC", "corr_FC_SC_upper",
        "corr_FC_tract", "corr_FC_tract_upper", "corr_FC_target", "ratio_frmean_dmn",
        "ratio_zscore_dmn",
    }
)  # fmt: skip


class Summary(Signals):
    """What is known of the series of one set that was not kept.

    Attributes:
        summary: Mean and standard deviation of each region ``(regions,)`` each, in Hz where it is
            a rate; functional connectivity ``(regions, regions)``.
    """

    def __init__(self, summary: tuple[Floats, Floats, Floats], context: Context) -> None:
        super().__init__(np.zeros((0, len(summary[0])), np.float32), context)
        self.summary = summary

    @property
    def means(self) -> Floats:
        """Mean of each region ``(regions,)``, float64."""
        return self.summary[0]

    @functools.cached_property
    def covariance(self) -> Floats:
        """Covariance of regions ``(regions, regions)``; without correlation where FC is NaN."""
        deviations = self.summary[1]
        found = np.nan_to_num(self.summary[2]) * np.outer(deviations, deviations)
        np.fill_diagonal(found, deviations**2)
        return found

    @functools.cached_property
    def fc(self) -> Floats:
        """Functional connectivity ``(regions, regions)``, float64."""
        return self.summary[2]

    @functools.cached_property
    def raw(self) -> Single:
        """There is no series."""
        raise NotImplementedError("the series was not kept")


def of_moments(
    found: Mapping[str, Metric], means: Floats, deviations: Floats, fc: Floats, context: Context
) -> dict[str, Floats]:
    """Return columns of metrics of several sets.

    Args:
        found: Metrics, all of :data:`OF_MOMENTS`.
        means: ``(sets, regions)``, in Hz where it is a rate.
        deviations: The same, of the samples.
        fc: ``(sets, regions, regions)``.
        context: What metrics need to know.
    """
    rows = []
    for summary in zip(
        *(np.asarray(part, np.float64) for part in (means, deviations, fc)), strict=True
    ):
        signals = Summary(summary, context)
        with np.errstate(invalid="ignore", divide="ignore"):
            rows.append({name: metric.function(signals) for name, metric in found.items()})
    return {name: np.array([row[name] for row in rows], np.float64) for name in found}
