"""What a neural mass model declares: states, parameters, equations.

A model is written once, as functions of plain arithmetic on one region's numbers, and runs
unchanged on NumPy arrays, on the vector registers of a CPU and in the threads of a GPU. So its
functions use ``+ - * / **`` (to whole powers), comparisons only inside ``where``, the functions of
:mod:`l2l.optimizees.whole_brain.maths`, numbers, and other such functions; no ``if``, no loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, nearest

Floats = npt.NDArray[np.floating[Any]]
#: One number a region: an array in NumPy, a register on a CPU, a scalar on a GPU.
Number = Any


@dataclass(frozen=True)
class State:
    """A state variable.

    Attributes:
        name: As in the paper.
        unit: For display.
        initial: Value at the start, or ``(low, high)``: drawn uniformly from the set's seed.
        low: Lower limit, applied after each step; None for none.
        high: Upper limit.
        period: Length of the circle the state lives on, such as 2 pi for a phase; it is kept
            within ``[0, period)``.
        noise: Name of the parameter that is the amplitude sigma of white noise on this state, in
            its unit times ms^-1/2: ``dx = f dt + sigma dW``. None for no noise.
        relaxation: Name of the parameter that is the time constant tau in ms of an
            Ornstein-Uhlenbeck process ``dx = -x / tau dt + sigma dW``. Such a state is updated
            exactly, for any step, unless Euler is asked for.
    """

    name: str
    unit: str = ""
    initial: float | tuple[float, float] = 0.0
    low: float | None = None
    high: float | None = None
    period: float | None = None
    noise: str | None = None
    relaxation: str | None = None


@dataclass(frozen=True)
class ModelParameter:
    """A parameter: one number for all regions, or one for each.

    Attributes:
        name: As in the paper.
        default: Its default.
        unit: For display.
        low: Smallest sensible value; bounds a search that says nothing else.
        high: Largest one.
        doc: What it is.
    """

    name: str
    default: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    doc: str = ""


@dataclass(frozen=True)
class Model:
    """A neural mass model.

    Attributes:
        name: Its name in configurations.
        doc: One line.
        states: In the order in which ``derivatives`` takes and returns them.
        parameters: In the order in which ``derivatives`` takes them.
        derivatives: ``derivatives(*states, *inputs, *parameters) -> tuple``, per ms, with an input
            for each sent quantity: the sum over all regions j of ``w_ij sent_j(t - delay_ij)``.
        sent: Names of the quantities that regions send to each other.
        send: ``send(*states) -> tuple`` of these quantities; None where they are the states of
            these names.
        observed: ``{name: function(*states, *inputs, *parameters) -> number}``, what can be
            observed beside the states (a firing rate, say).
        derived: ``derived(parameters, connectome) -> {name: array}``: computes parameters from
            others once a set, before the simulation, in NumPy (feedback inhibition, say).
            ``parameters`` maps names to arrays ``(n_regions,)``. What a user gives wins.
        bold: Name of the state or observed quantity that drives the BOLD signal.
        bold_scale: Factor from it to the dimensionless drive of the Balloon model.
        steps: Largest step in ms that is exact enough, by integrator, where 0.1 is not.
        presets: Named changes of defaults, ``{"tvb_hpc": {"E_L_e": -63.0}}``.
        reference: The paper.
    """

    name: str
    doc: str
    states: tuple[State, ...]
    parameters: tuple[ModelParameter, ...]
    derivatives: Callable[..., tuple[Number, ...]]
    sent: tuple[str, ...]
    send: Callable[..., tuple[Number, ...]] | None = None
    observed: Mapping[str, Callable[..., Number]] = field(default_factory=dict)
    derived: Callable[[Mapping[str, Floats], Any], Mapping[str, Floats]] | None = None
    bold: str = ""
    bold_scale: float = 1.0
    steps: Mapping[str, float] = field(default_factory=dict)
    presets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reference: str = ""

    @property
    def state_names(self) -> list[str]:
        """Names of the states, in order."""
        return [state.name for state in self.states]

    @property
    def parameter_names(self) -> list[str]:
        """Names of the parameters, in order."""
        return [parameter.name for parameter in self.parameters]

    def parameter(self, name: str) -> ModelParameter:
        """Return a parameter by name; ConfigError if there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise ConfigError(
            f"the model {self.name} has no parameter {name!r}; "
            f"{nearest(name, self.parameter_names)}"
        )

    def preset(self, name: str | None) -> dict[str, float]:
        """Return a preset's changes of defaults; none where no preset is named."""
        if name is None:
            return {}
        if name not in self.presets:
            raise ConfigError(
                f"the model {self.name} has no preset {name!r}; {nearest(name, self.presets)}"
            )
        return dict(self.presets[name])

    def defaults(self, preset: str | None = None) -> dict[str, float]:
        """Return the default of each parameter, with a preset's changes."""
        values = {parameter.name: parameter.default for parameter in self.parameters}
        return values | self.preset(preset)

    def output(self, name: str) -> int | Callable[..., Number]:
        """Return the place of a state, or the function of an observed quantity, by name."""
        if name in self.state_names:
            return self.state_names.index(name)
        if name in self.observed:
            return self.observed[name]
        known = [*self.state_names, *self.observed]
        raise ConfigError(f"the model {self.name} has no {name!r}; {nearest(name, known)}")
