"""A cell and its stimuli as plain numbers in Arbor's units, cheap to send to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.space import Parameter, ParameterSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a number goes.

    Attributes:
        region: Name or expression.
        kind: ``density``, ``cable`` or ``ion``.
        mechanism: As in the file.
        parameter: Of the mechanism.
        unit: Of the number.
        is_global: Whether the mechanism has it once, so that it becomes part of its name.
        never_negative: Whether a negative number has no meaning, as for a conductance.
    """

    region: str
    kind: str
    mechanism: str
    parameter: str
    unit: str
    is_global: bool
    never_negative: bool


@dataclass(frozen=True)
class Target:
    """A number that is to be found: ``factor`` times the parameter is in the place's unit."""

    place: Place
    name: str
    low: float
    high: float
    scale: Any
    unit: str
    factor: float

    @property
    def parameter(self) -> Parameter:
        """The parameter that an optimizer sees."""
        p = self.place
        return Parameter(
            self.name, self.low, self.high, scale=self.scale, unit=self.unit,
            description=f"{p.parameter} of {p.mechanism} on {p.region}",
        )  # fmt: skip


@dataclass(frozen=True)
class Stimulus:
    """A current clamp: ms, ms, nA, and a location."""

    name: str
    delay: float
    duration: float
    amplitude: float
    at: str


@dataclass(frozen=True)
class Setup:
    """All that a simulation needs beside the parameters: ms, um, K."""

    morphology: str
    interpretation: str
    labels: Mapping[str, str]
    catalogues: tuple[str, ...]
    temperature: float
    record: str
    ions: Mapping[str, Mapping[str, Any]]
    length: float
    step: float
    sampling: float
    max_extent: float
    stimuli: tuple[Stimulus, ...]
    fixed: tuple[tuple[Place, float], ...]
    unknown: tuple[Target, ...]

    @property
    def space(self) -> ParameterSpace:
        """The space of the parameters that are to be found."""
        return ParameterSpace([target.parameter for target in self.unknown])

    @property
    def times(self) -> Floats:
        """When the voltage is sampled, ``(samples,)`` ms."""
        samples = np.arange(round(self.length / self.sampling), dtype=np.float64)
        return samples * self.sampling

    def sensible(self, values: Floats) -> NDArray[np.bool_]:
        """Return which rows of values ``(n, d)`` have no negative conductance and the like."""
        never = np.array([target.place.never_negative for target in self.unknown])
        fine = np.isfinite(values) & ((values >= 0) | ~never)
        return np.asarray(fine.all(axis=1), dtype=np.bool_)
