"""What is checked of a model and of options before anything is compiled or simulated."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.model import Model
from l2l.optimizees.whole_brain.observe import Observer
from l2l.optimizees.whole_brain.simulation import Simulation, Stimulus
from l2l.space import ParameterSpace

log = logging.getLogger("l2l")
PULSE = ("state", "amplitude", "onset", "duration", "regions")


def number(where: str, value: Any) -> float:
    """Return a finite number; ConfigError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise ConfigError(f"{where}: expected a finite number, got {value!r}")
    return float(value)


def per_region(where: str, value: Any, regions: int) -> Any:
    """Return a parameter of all sets: a number, or ``(1, regions)``; ConfigError for the rest."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return number(where, value)
    found = [number(where, one) for one in np.asarray(value, object).ravel()]
    if len(found) != regions:
        raise ConfigError(
            f"{where}: expected a number, or one for each of {regions} regions; got {len(found)}"
        )
    return np.array([found])


def threads_of(given: int | None) -> int:
    """Return how many threads to use: those asked for, or those that the worker has."""
    has = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return given or (max(1, int(has)) if has.isdecimal() else 1)


def pulse(given: Mapping[str, Any], model: Model, regions: int, duration: float, dt: float) -> Any:
    """Return a pulse on one state of some regions, as a stimulus."""
    for name in given:
        if name not in PULSE:
            raise ConfigError(f"stimulus: there is no {name!r}; {nearest(name, PULSE)}")
    if given.get("state") not in model.state_names:
        raise ConfigError(
            f"stimulus: state must be one of {', '.join(model.state_names)}; "
            f"got {given.get('state')!r}"
        )
    onset = number("stimulus: onset", given.get("onset", 0.0))
    length = number("stimulus: duration", given.get("duration", duration - onset))
    if not (0 <= onset < duration and length > 0):
        raise ConfigError(
            f"stimulus: expected an onset from 0 to {duration:g} ms and a duration above 0, got "
            f"{onset:g} and {length:g} ms"
        )
    where = given.get("regions", range(regions))
    chosen = [where] if isinstance(where, int) else where
    whole = isinstance(chosen, (list, tuple, range)) and all(type(k) is int for k in chosen)
    if not whole or not all(0 <= k < regions for k in chosen):
        raise ConfigError(f"stimulus: regions are numbers from 0 to {regions - 1}, got {where!r}")
    pattern = np.zeros(regions)
    pattern[list(chosen)] = number("stimulus: amplitude", given.get("amplitude", 1.0))
    times = np.arange(round(duration / dt)) * dt
    wave = (times >= onset) & (times < onset + length)
    return Stimulus(given["state"], pattern, wave.astype(float))


def amplitudes(
    model: Model,
    space: ParameterSpace,
    fixed: Mapping[str, Any],
    defaults: Mapping[str, float],
    noise: bool,
) -> None:
    """Raise ConfigError for an amplitude of noise that is negative, or without any effect."""
    names = [str(state.noise) for state in model.states if state.noise]
    given = {*fixed, *space.names}
    if noise and not any(name in given or defaults[name] for name in names):
        log.warning(
            "noise: true has no effect: the model %s has %s; fix or search for an amplitude",
            model.name,
            f"{', '.join(dict.fromkeys(names))} = 0" if names else "no noise",
        )
    for name in dict.fromkeys(names):
        searched = [p for p in space.parameters if p.name == name]
        if searched and not noise:
            raise ConfigError(
                f"parameters: {name} is the amplitude of noise, and there is none; set noise: true"
            )
        values = [p.low for p in searched if p.low is not None]
        values += [np.min(fixed[name])] if name in fixed else []
        if values and min(values) < 0:
            raise ConfigError(f"{name} is the amplitude of noise: it can't be {min(values):g}")


def rehearse(
    simulation: Simulation, batches: Sequence[Batch], observers: Sequence[Observer]
) -> None:
    """Raise ConfigError where a set can't begin: parameters, delays, observers."""
    scheme = simulation.scheme(observers)
    for batch in batches:
        for k in range(batch.sets):
            connectome = batch.connectome(k)
            delays = connectome.delays(float(batch.speed[k]), simulation.dt)
            try:
                with np.errstate(all="ignore"):
                    batch.rows(k, scheme, simulation.dt)
            except ConfigError:
                raise
            except Exception as error:
                raise ConfigError(
                    f"the parameters of the model {batch.model.name} can't be computed: "
                    f"{type(error).__name__}: {error}"
                ) from error
            batch.past(k, int(delays.max()) + 1 if batch.initial else 1)
    for observer in observers:
        copy.deepcopy(observer).start(1, batches[0].regions, simulation.period)
