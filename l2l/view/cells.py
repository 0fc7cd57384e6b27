"""Evaluations sorted into cells: by the values of a grid, or in bins where they lie anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, nearest
from l2l.evaluation import Floats, Ints, Status
from l2l.space import Parameter
from l2l.trajectory import Trajectory
from l2l.view import text

#: Values of a whole number or a category up to which each has a cell of its own.
_APART = 64


@dataclass(frozen=True)
class Axis:
    """One quantity, cut into cells.

    Attributes:
        name: Of the quantity.
        label: The name and its unit.
        edges: ``(k + 1,)`` ends of the cells, rising.
        cells: ``(n,)`` in which cell each evaluation is, from 0.
        ticks: ``(k,)`` what each cell stands for: its value, or its ends.
        log: Whether it has a log scale.
        binned: Whether cells are bins, and not values.
    """

    name: str
    label: str
    edges: Floats
    cells: Ints
    ticks: list[str]
    log: bool = False
    binned: bool = False

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def middles(self) -> Floats:
        """``(k,)`` middles of the cells."""
        low, high = self.edges[:-1], self.edges[1:]
        return np.sqrt(low * high) if self.log else (low + high) / 2


class Cells:
    """The evaluations of a run as the figures of its parameter space see them.

    A quantity is a parameter (an element of an array by its place: ``w[3]``), ``fitness``
    (``fitness[1]`` of several objectives) or a metric.

    Args:
        history: The run.

    Raises:
        ConfigError: If it has no evaluation.
    """

    def __init__(self, history: Trajectory) -> None:
        if not len(history):
            raise ConfigError(f"{history.path} has no evaluation yet, so there is nothing to draw")
        self.history = history
        self._elements: dict[str, tuple[Parameter, int]] = {}
        for parameter in history.space.parameters:
            for name in parameter.column_names:
                self._elements[name] = parameter, len(self._elements)
        self.ok: NDArray[np.bool_] = np.equal(history.status, Status.OK)

    # -- quantities ---------------------------------------------------------------------------

    @property
    def varying(self) -> list[str]:
        """Names of the parameters (of elements of arrays) that have more than one value."""
        values = self.history.parameters
        differ = (values != values[0]).any(axis=0)
        return [name for name, (_, column) in self._elements.items() if differ[column]]

    @property
    def results(self) -> list[str]:
        """Names of what came of the evaluations."""
        m = len(self.history.weights)
        fitness = ["fitness"] if m == 1 else [f"fitness[{i}]" for i in range(m)]
        return [*fitness, *(n[8:] for n in self.history.names if n.startswith("metrics/"))]

    def values(self, name: str) -> Floats:
        """Return a quantity ``(n,)``; of a category its place among the choices."""
        if name in self._elements:
            values: Floats = self.history.parameters[:, self._elements[name][1]]
            return values
        if name not in self.results:
            known = [*self._elements, *self.results]
            raise ConfigError(
                f"the run has no parameter or metric {name!r}; {nearest(name, known)}"
            )
        if name.startswith("fitness") and f"metrics/{name}" not in self.history.names:
            place = int(name[8:-1]) if name != "fitness" else 0
            fitness: Floats = self.history.fitness[:, place]
            return fitness
        return self.history.column(f"metrics/{name}")

    def label(self, name: str) -> str:
        """Return a quantity's name with its unit."""
        unit = self._elements[name][0].unit if name in self._elements else ""
        return f"{name} ({unit})" if unit else name

    # -- axes ---------------------------------------------------------------------------------

    def axis(self, name: str, bins: int, always: bool = False) -> Axis:
        """Return a quantity cut into its values where it lies on a grid, else into bins.

        Args:
            name: Of the quantity.
            bins: How many; evenly spaced, on a log scale where the parameter has one.
            always: Bins also where a number lies on a grid.
        """
        values = self.values(name)
        parameter = self._elements[name][0] if name in self._elements else None
        log = parameter is not None and parameter.scale == "log"
        if parameter is not None and not (always and parameter.kind != "categorical"):
            distinct, cells, counts = np.unique(values, return_inverse=True, return_counts=True)
            if parameter.kind == "categorical":
                ticks = [str(parameter.choices[int(value)]) for value in distinct]
                edges = np.linspace(-0.5, len(ticks) - 0.5, len(ticks) + 1)
                return Axis(name, self.label(name), edges, cells, ticks)
            if _apart(parameter, counts):
                ticks = [text.number(value) for value in _plain(distinct).tolist()]
                return Axis(name, self.label(name), _between(distinct, log), cells, ticks, log)
        return self._binned(name, values, bins, log)

    def _binned(self, name: str, values: Floats, bins: int, log: bool) -> Axis:
        there = _finite(name, values)
        low, high = float(there.min()), float(there.max())
        if low == high:
            low, high = low - 0.5, high + 0.5
            log = log and low > 0
        edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)
        cells = np.searchsorted(edges[1:-1], values, side="right")
        ends = [text.number(edge) for edge in edges.tolist()]
        ticks = [f"{a} to {b}" for a, b in itertools.pairwise(ends)]
        return Axis(name, self.label(name), edges, cells, ticks, log, binned=True)

    # -- some of them -------------------------------------------------------------------------

    def chosen(self, where: dict[str, Any]) -> tuple[NDArray[np.bool_], list[str]]:
        """Return which evaluations fulfil conditions, ``(n,)``, and these in words.

        Args:
            where: A value of each parameter, the nearest that was evaluated counts; or two
                numbers, the ends of a range.
        """
        mask, words = np.ones(len(self.history), bool), []
        for name, wanted in where.items():
            values, pair = self.values(name), isinstance(wanted, list) and len(wanted) == 2
            if pair and numeric(wanted) and self._choices(name) is None:
                mask &= (values >= wanted[0]) & (values <= wanted[1])
                words.append(f"{name} in {wanted[0]:g} to {wanted[1]:g}")
                continue
            value = self._nearest(name, wanted, values)
            mask &= values == value
            words.append(f"{name} = {self._word(name, value)}")
        if not mask.any():
            raise ConfigError(f"no evaluation has {', '.join(words)}")
        return mask, words

    def _nearest(self, name: str, wanted: Any, values: Floats) -> float:
        """Return the value in the run that is nearest to the one that is wanted."""
        choices = self._choices(name)
        if choices is not None:
            if wanted not in choices:
                known = ", ".join(map(str, choices))
                raise ConfigError(f"where.{name}: expected one of {known}, got {wanted!r}")
            return float(choices.index(wanted))
        if not numeric([wanted]):
            raise ConfigError(
                f"where.{name}: expected a number, or a range as in where.{name}=[0,1], "
                f"got {wanted!r}"
            )
        there = _finite(name, values)
        return float(there[np.abs(there - wanted).argmin()])

    def _word(self, name: str, value: float) -> str:
        choices = self._choices(name)
        return text.number(value) if choices is None else str(choices[int(value)])

    def _choices(self, name: str) -> list[Any] | None:
        """Return the choices of a category; None for what is a number."""
        if name not in self._elements:
            return None
        parameter, _ = self._elements[name]
        return list(parameter.choices) if parameter.kind == "categorical" else None


def fixed(where: dict[str, Any]) -> set[str]:
    """Return the quantities of which conditions leave a single value."""
    return {name for name, wanted in where.items() if not isinstance(wanted, list)}


def numeric(values: Sequence[Any]) -> bool:
    """Whether all values are numbers."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _finite(name: str, values: Floats) -> Floats:
    """Return the finite numbers of a quantity; ConfigError if there is none."""
    there: Floats = values[np.isfinite(values)]
    if not len(there):
        raise ConfigError(f"no evaluation of the run has a finite number as {name!r}")
    return there


def _apart(parameter: Parameter, counts: Ints) -> bool:
    """Whether each value has a cell of its own.

    On a grid all values come about equally often, even before its end.
    """
    if parameter.kind == "int" and len(counts) <= _APART:
        return True
    usual = float(np.median(counts))
    return len(counts) == 1 or (usual >= 2 and usual >= counts.max() / 2)


def _plain(values: Floats) -> Floats:
    """Return values with 0 in the place of what rounding has left of it."""
    rest = np.abs(values) < 1e-12 * np.abs(values).max()
    return np.where(rest, 0.0, values)


def _between(values: Floats, log: bool) -> Floats:
    """Return the edges ``(k + 1,)`` of cells around some values ``(k,)``."""
    at = np.log(values) if log else values
    if len(at) == 1:
        half = 0.5 if log else 0.5 * abs(float(at[0])) or 0.5
        edges = np.array([at[0] - half, at[0] + half])
    else:
        inner = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
    return np.exp(edges) if log else edges
