"""Electrophysiological features of responses, by eFEL; importing this module imports eFEL."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import efel
import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizees.arbor_cell.setup import Floats, Setup, Stimulus
from l2l.optimizees.arbor_cell.units import number


@dataclass(frozen=True)
class Feature:
    """A feature of the response to a stimulus: what it should be, and what counts as near."""

    stimulus: int
    name: str
    mean: float
    tolerance: float


def wanted(
    setup: Setup,
    given: Sequence[Mapping[str, Any]],
    reference: Floats | None,
    threshold: float,
) -> list[Feature]:
    """Return the features that a cell's file asks for.

    Args:
        setup: The cell and its stimuli.
        given: For each stimulus ``{name: tolerance}``, or ``{name: {mean:, tolerance:}}``.
        reference: ``(stimuli, samples)`` mV, from which means that are not given are taken.
        threshold: In mV, from which on a peak is a spike.

    Raises:
        ConfigError: If eFEL has no such feature, or the reference response does not.
    """
    prepare(setup, threshold)
    features: list[Feature] = []
    known = efel.get_feature_names()
    for i, (stimulus, names) in enumerate(zip(setup.stimuli, given, strict=True)):
        where = f"features of {stimulus.name!r}"
        for name in names:
            if name not in known:
                raise ConfigError(f"{where}: eFEL has no feature {name!r}; {nearest(name, known)}")
        seen: Mapping[str, float] = {}
        if reference is not None:
            seen = extract(setup, stimulus, reference[i], list(names))
        for name, value in names.items():
            features.append(_feature(i, name, value, seen, where))
    if not features:
        raise ConfigError("fitness 'features' needs features: of at least one stimulus")
    return features


def _feature(
    stimulus: int, name: str, value: Any, seen: Mapping[str, float], where: str
) -> Feature:
    where = f"{where}: {name}"
    given = value if isinstance(value, Mapping) else {"tolerance": value}
    if set(given) - {"mean", "tolerance"} or "tolerance" not in given:
        raise ConfigError(f"{where} takes a tolerance, or mean and tolerance, got {value!r}")
    tolerance = number(given["tolerance"], "", f"{where}.tolerance")
    if tolerance <= 0:
        raise ConfigError(f"{where}: the tolerance must be greater than 0, got {tolerance:g}")
    if "mean" in given:
        return Feature(stimulus, name, number(given["mean"], "", f"{where}.mean"), tolerance)
    if math.isnan(seen.get(name, math.nan)):
        raise ConfigError(
            f"{where}: the response of the reference has no such feature; leave it out, or give "
            "its mean"
        )
    return Feature(stimulus, name, seen[name], tolerance)


def extract(
    setup: Setup, stimulus: Stimulus, voltage: Floats, names: Sequence[str]
) -> dict[str, float]:
    """Return features of one response ``(samples,)``: their means, NaN where one is missing."""
    if not names:
        return {}
    trace = {
        "T": setup.times,
        "V": voltage,
        "stim_start": [stimulus.delay],
        "stim_end": [stimulus.delay + stimulus.duration],
        "stimulus_current": [stimulus.amplitude],
    }
    found = efel.get_feature_values([trace], list(names), raise_warnings=False)[0]
    return {name: _mean(found[name]) for name in names}


def prepare(setup: Setup, threshold: float) -> None:
    """Set eFEL's settings, which are global; all others become eFEL's defaults."""
    efel.reset()
    # It has opened log/fllog.txt, if there is a folder log, to write some kB for each response.
    efel.cppcore.Initialize(efel.get_settings().dependencyfile_path, os.devnull)
    efel.set_setting("Threshold", threshold)
    efel.set_setting("interp_step", setup.sampling)


def _mean(values: Any) -> float:
    if values is None or len(values) == 0:
        return math.nan
    mean = float(np.mean(values))
    return mean if math.isfinite(mean) else math.nan


def residuals(
    setup: Setup,
    features: Sequence[Feature],
    traces: Floats,
    threshold: float,
    penalty: float,
) -> tuple[Floats, Floats]:
    """Return how far features are off in units of their tolerance ``(n, k)``, and which miss.

    A residual r counts as asinh(r): as r where it is small, as the logarithm of 2 r where it is
    large, so that neither a far one hides the others nor a slope is lost. A feature that a response
    does not have counts as if it were off by ``penalty`` tolerances, the most that any can be.
    """
    prepare(setup, threshold)
    raw = np.empty((len(traces), len(features)))
    for lane, trace in enumerate(traces):
        for i, stimulus in enumerate(setup.stimuli):
            columns = [k for k, f in enumerate(features) if f.stimulus == i]
            names = [features[k].name for k in columns]
            seen = extract(setup, stimulus, trace[i], names)
            raw[lane, columns] = [seen[name] for name in names]
    mean = np.array([f.mean for f in features])
    tolerance = np.array([f.tolerance for f in features])
    missing = np.isnan(raw)
    off = np.where(missing, penalty, np.clip((raw - mean) / tolerance, -penalty, penalty))
    return np.arcsinh(off), missing.astype(np.float64)
