"""Entries of the file of a cell: what is fixed, what is unknown, stimuli and simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assignment:
    """A value that a part of the cell is given.

    Attributes:
        region: Name of a region of the file, or a region expression of Arbor.
        mechanism: Of the catalogue; ``cable`` for cm, rL and Vm; ``ion:na`` for rev_pot, int_con
            and ext_con of an ion.
        parameter: Of the mechanism, one of its global ones too.
        value: The value, in ``unit``.
        unit: Its unit, empty for the mechanism's own.
    """

    region: str
    mechanism: str
    parameter: str
    value: Any
    unit: str = ""

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"[{self.region}, {self.mechanism}, {self.parameter}]"


@dataclass(frozen=True)
class Unknown:
    """A value that is to be found: as an assignment, with a range in place of a value.

    Attributes:
        scale: ``lin`` or ``log``.
        unit: Of ``low`` and ``high``, and of the parameter that the optimizer sees.
        name: Of that parameter; made of region, mechanism and parameter if not given.
    """

    region: str
    mechanism: str
    parameter: str
    low: Any
    high: Any
    scale: str = "lin"
    unit: str = ""
    name: str = ""

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"[{self.region}, {self.mechanism}, {self.parameter}]"

    @property
    def key(self) -> str:
        """The parameter's name, one that ``traj.individual.<name>`` takes."""
        spelt = "_".join((self.region, self.mechanism, self.parameter))
        letters = "".join(c if c.isalnum() else " " for c in spelt)
        return self.name or "_".join(letters.split())


@dataclass(frozen=True)
class Clamp:
    """A current clamp and the response that it should have.

    Attributes:
        delay: Start, with unit; ms where it has none.
        duration: Likewise.
        amplitude: With unit; nA where it has none.
        response: CSV with columns of time (ms) and voltage (mV); None where it is not known.
        at: Where the electrode is, a location expression; where it is recorded, if empty.
        features: eFEL's features that the response is judged by, each with its tolerance in the
            feature's unit, or ``{mean: ..., tolerance: ...}``.
        name: Of the stimulus.
    """

    delay: Any
    duration: Any
    amplitude: Any
    response: str | None = None
    at: str = ""
    features: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Simulation:
    """Length, step and sampling (with unit; ms), and the longest control volume (with unit; um)."""

    length: Any
    step: Any = 0.025
    sampling: Any = None
    max_extent: Any = 20.0
