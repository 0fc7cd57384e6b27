"""Parameter sets as a backend gets them: numbers for each region, in the order of the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain.connectome import Connectome
from l2l.optimizees.whole_brain.model import Model, State
from l2l.optimizees.whole_brain.stepping import Scheme

Array = npt.NDArray[Any]
_HISTORY = 0x5EED  # sets the drawing of initial states apart from the noise


@dataclass(frozen=True)
class Batch:
    """Parameter sets that are simulated in one call.

    Args:
        model: The neural mass model.
        connectomes: Of all subjects, with the same number of regions.
        seeds: Key of each set's noise and initial state, ``(sets,)``.
        parameters: Of the model, by name: a number, ``(sets,)``, ``(1, regions)`` or
            ``(sets, regions)``. What is missing has the model's default.
        speed: Of conduction in mm/ms, a number or ``(sets,)``; infinite for no delays.
        subject: Which connectome, a number or ``(sets,)``.
        initial: Value of states at the start and before, by name: a number, ``(regions,)`` or
            ``(steps, regions)``, the last step being the start. What is missing is the model's.

    Raises:
        ConfigError: If a name is unknown or a shape does not fit.
    """

    model: Model
    connectomes: Sequence[Connectome]
    seeds: Array
    parameters: Mapping[str, Any]
    speed: Any = np.inf
    subject: Any = 0
    initial: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        sets = len(self.seeds)
        object.__setattr__(self, "seeds", np.asarray(self.seeds, np.uint64))
        object.__setattr__(self, "speed", _of_sets("speed", self.speed, sets))
        subject = _of_sets("subject", self.subject, sets)
        if (subject != np.floor(subject)).any():
            raise ConfigError(
                f"subject is the number of a connectome, a whole number; got {subject[0]:g}"
            )
        subject = subject.astype(np.int64)
        object.__setattr__(self, "subject", subject)
        if {c.n_regions for c in self.connectomes} != {self.regions}:
            raise ConfigError(
                "all connectomes of one call must have the same number of regions, got "
                f"{sorted({c.n_regions for c in self.connectomes})}"
            )
        if sets and not (subject.min() >= 0 and subject.max() < len(self.connectomes)):
            raise ConfigError(
                f"subject must be 0..{len(self.connectomes) - 1}, the number of a connectome; got "
                f"{subject.min()}..{subject.max()}"
            )
        if sets and not (self.speed > 0).all():
            raise ConfigError(f"the speed must be above 0 mm/ms, got {self.speed.min()}")
        model, shape = self.model, (sets, self.regions)
        columns = {name: _column(name, v, shape) for name, v in self.parameters.items()}
        for name in columns:
            model.parameter(name)
        object.__setattr__(self, "parameters", columns)
        for name in self.initial or {}:
            if name not in model.state_names:
                raise ConfigError(
                    f"the model {model.name} has no state {name!r}; "
                    f"{nearest(name, model.state_names)}"
                )
            value = _numbers(f"the initial {name}", (self.initial or {})[name])
            if value.ndim > 2 or value.shape[value.ndim - 1 :] not in ((), (self.regions,)):
                raise ConfigError(
                    f"the initial {name} must be a number, ({self.regions},) or "
                    f"(steps, {self.regions}), got the shape {value.shape}"
                )

    @property
    def sets(self) -> int:
        """Number of sets."""
        return len(self.seeds)

    @property
    def regions(self) -> int:
        """Number of regions."""
        return self.connectomes[0].n_regions

    def connectome(self, k: int) -> Connectome:
        """Return the connectome of set ``k``."""
        return self.connectomes[int(self.subject[k])]

    def values(self, k: int) -> dict[str, Array]:
        """Return all parameters of set ``k``, derived ones included, ``(regions,)`` each."""
        table = np.empty((len(self.model.parameters), self.regions))
        found = dict(zip(self.model.parameter_names, table, strict=True))
        for parameter in self.model.parameters:
            column = self.parameters.get(parameter.name)
            value = parameter.default if column is None else column[k if len(column) > 1 else 0]
            found[parameter.name][:] = value
        if self.model.derived is not None:
            derived = self.model.derived(found, self.connectome(k))
            for name, value in derived.items():
                if name not in self.parameters:  # what is given wins
                    found[name] = np.broadcast_to(np.asarray(value, float), (self.regions,))
        return found

    def rows(self, k: int, scheme: Scheme, dt: float) -> Array:
        """Return the workspace of set ``k`` at the start, ``(rows, regions)`` in float64."""
        values = self.values(k)
        states = self.states(k)
        found: list[Any] = [states[name] for name in self.model.state_names]
        found += [0.0] * scheme.n_sent
        found += [values[name] for name in self.model.parameter_names]
        found += [noise_gain(state, values, scheme, dt) for state in scheme.noisy]
        found += [np.exp(-dt / values[str(state.relaxation)]) for state in scheme.decaying]
        found += [0.0] if scheme.stimulus else []
        table = np.empty((len(found), self.regions))
        for row, value in zip(table, found, strict=True):
            row[:] = value
        return table

    def states(self, k: int) -> dict[str, Array]:
        """Return the states of set ``k`` at the start, ``(regions,)`` each."""
        rng = None  # to make one takes as long as all the rest
        found = {}
        for state in self.model.states:
            value: Any = state.initial
            if isinstance(value, tuple):
                rng = rng or np.random.default_rng([_HISTORY, int(self.seeds[k])])
                value = rng.uniform(value[0], value[1], self.regions)
            given = (self.initial or {}).get(state.name)
            if given is not None:
                value = np.asarray(given, float)
                value = value[-1] if value.ndim == 2 else value
            found[state.name] = np.broadcast_to(np.asarray(value, float), (self.regions,))
        return found

    def past(self, k: int, steps: int) -> Array:
        """Return what regions of set ``k`` sent before and at the start, the start being last.

        Returns:
            Shape ``(steps, sent, regions)``.

        Raises:
            ConfigError: If the history that was given is shorter than the longest delay.
        """
        states = dict(self.states(k))
        for name, given in (self.initial or {}).items():
            value = np.asarray(given, float)
            if value.ndim == 2:
                if len(value) < steps:
                    raise ConfigError(
                        f"the history of {name} has {len(value)} steps, but the longest delay "
                        f"needs {steps}"
                    )
                states[name] = value[-steps:]
        sent = self.model.send
        columns = [states[name] for name in self.model.state_names]
        quantities = (
            [states[name] for name in self.model.sent] if sent is None else list(sent(*columns))
        )
        return np.stack([np.broadcast_to(q, (steps, self.regions)) for q in quantities], axis=1)


def _numbers(what: str, value: Any) -> Array:
    """Return numbers as an array."""
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise ConfigError(f"{what} must be a number, or numbers; got {value!r}") from None


def _of_sets(what: str, value: Any, sets: int) -> Array:
    """Return a number of each set, ``(sets,)``."""
    array = _numbers(what, value)
    if array.shape not in ((), (1,), (sets,)):
        raise ConfigError(
            f"{what} is one number, or one a set ({sets}); got the shape {array.shape}"
        )
    return np.broadcast_to(array, (sets,))


def _column(name: str, value: Any, shape: tuple[int, int]) -> Array:
    """Return a parameter as ``(1 or sets, 1 or regions)``."""
    array = _numbers(f"the parameter {name}", value)
    if array.ndim == 0:
        array = array.reshape(1, 1)
    elif array.ndim == 1 and len(array) == shape[0]:
        array = array[:, None]
    if (
        array.ndim != 2
        or array.shape[0] not in (1, shape[0])
        or array.shape[1] not in (1, shape[1])
    ):
        raise ConfigError(
            f"the parameter {name} must be a number, one a set ({shape[0]}), or (sets, regions) = "
            f"{shape}; got the shape {np.shape(value)}"
        )
    return array


def noise_gain(state: State, values: Mapping[str, Array], scheme: Scheme, dt: float) -> Array:
    """Return the standard deviation of the noise on a state in one step."""
    sigma = values[str(state.noise)]
    if state in scheme.decaying:
        tau = values[str(state.relaxation)]
        return np.asarray(sigma * np.sqrt(tau / 2 * -np.expm1(-2 * dt / tau)))
    return np.asarray(sigma * np.sqrt(dt))
