"""ParameterSpace: named parameters <-> rows of a matrix.

Three forms of the same point, each with one use:

- an **individual** is a dict, ``{"tau": 20.0, "weights": array(300)}``, what an optimizee gets;
- a row of **values** holds the same numbers flat, in the parameters' own units: the store's form;
- a row of **search coordinates** is what an optimizer moves: the unit cube wherever a parameter
  has bounds (logarithmic where its scale is), the values themselves elsewhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import ConfigError, nearest
from l2l.plain import as_plain

Individual = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """One named parameter, a scalar or an array.

    Args:
        name: Its name, as the optimizee reads it.
        low: Lower bound, in the parameter's unit: a scalar, or an array of ``shape``.
        high: Upper bound, likewise. Bounds come in pairs.
        shape: ``()`` for a scalar.
        kind: ``float``, ``int`` or ``categorical``.
        scale: ``linear`` or ``log`` (needs a positive value, and a positive ``low``).
        choices: The values of a categorical parameter.
        unit: Physical unit, for display and for the store.
        description: One line, for the store.
    """

    name: str
    low: Any = None
    high: Any = None
    shape: tuple[int, ...] = ()
    kind: Literal["float", "int", "categorical"] = "float"
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[Any, ...] = ()
    unit: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        choices = (tuple(c) if isinstance(c, list) else c for c in self.choices)  # as from YAML
        object.__setattr__(self, "choices", tuple(choices))
        where = f"parameter {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"{where}: its name must be a text, and not empty")
        if self.kind not in ("float", "int", "categorical"):
            hint = nearest(str(self.kind), ("float", "int", "categorical"))
            raise ConfigError(f"{where}: kind can't be {self.kind!r}; {hint}")
        if self.scale not in ("linear", "log"):
            hint = nearest(str(self.scale), ("linear", "log"))
            raise ConfigError(f"{where}: scale can't be {self.scale!r}; {hint}")
        if (self.kind == "categorical") != bool(self.choices):
            raise ConfigError(f"{where}: a categorical parameter, and no other, has choices")
        if (self.low is None) != (self.high is None):
            raise ConfigError(f"{where}: give both bounds or none, got {self.low} and {self.high}")
        if self.low is not None:
            self._check_bounds(where)
        elif self.scale == "log" and self.kind == "categorical":
            raise ConfigError(f"{where}: a categorical parameter has no scale")

    def _check_bounds(self, where: str) -> None:
        try:
            low, high = (
                np.broadcast_to(self._floats(b), self.shape) for b in (self.low, self.high)
            )
        except ValueError:
            raise ConfigError(
                f"{where}: bounds do not fit its shape {self.shape}. An array of parameters is "
                f"Parameter({self.name!r}, low, high, shape=...)"
            ) from None
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise ConfigError(f"{where}: needs finite low < high, got {self.low} and {self.high}")
        if self.scale == "log" and not (low > 0).all():
            raise ConfigError(f"{where}: a log scale needs low > 0, got {self.low}")

    @staticmethod
    def _floats(bound: Any) -> Floats:
        return np.asarray(bound, dtype=np.float64)

    @property
    def size(self) -> int:
        """Number of columns it takes in a row."""
        return math.prod(self.shape)

    @property
    def column_names(self) -> list[str]:
        """``["tau"]`` for a scalar, ``["w[0]", "w[1]", ...]`` for an array."""
        if not self.shape:
            return [self.name]
        return [f"{self.name}[{','.join(map(str, at))}]" for at in np.ndindex(*self.shape)]

    def flatten(self, value: Any) -> Floats:
        """Return one individual's value as the ``(size,)`` part of a row."""
        if self.kind == "categorical":
            flat = [value] if not self.shape else np.asarray(value, dtype=object).ravel().tolist()
            return np.array([self._index(choice) for choice in flat], dtype=np.float64)
        row = np.asarray(value, dtype=np.float64)
        if row.shape != self.shape and row.size != self.size:
            raise ConfigError(
                f"parameter {self.name!r} has shape {self.shape}, got a value of shape {row.shape}"
            )
        return row.ravel()

    def _index(self, choice: Any) -> int:
        try:
            return self.choices.index(choice)
        except ValueError:
            hint = nearest(str(choice), [str(c) for c in self.choices])
            raise ConfigError(f"parameter {self.name!r} can't be {choice!r}; {hint}") from None

    def unflatten(self, row: Floats) -> Any:
        """Return the ``(size,)`` part of a row as the optimizee gets it."""
        if self.kind == "categorical":
            if not self.shape:
                return self.choices[int(row[0])]
            picked = np.empty(self.size, dtype=object)
            for place, index in enumerate(row):  # one by one: a choice may be a sequence itself
                picked[place] = self.choices[int(index)]
            return picked.reshape(self.shape)
        if self.kind == "int":
            whole = row.astype(np.int64)
            return int(whole[0]) if not self.shape else whole.reshape(self.shape)
        return float(row[0]) if not self.shape else row.reshape(self.shape).copy()


@dataclass(frozen=True)
class ParameterSpace:
    """An ordered set of parameters, and the maps between the three forms of a point.

    Args:
        parameters: The parameters; a mapping ``{"tau": (5.0, 50.0)}`` is a short form for scalars.
        coordinates: ``unit`` maps bounded parameters to [0, 1] for the optimizer; ``raw`` leaves
            everything in its own unit and unbounded, as classic run scripts expect.
    """

    parameters: tuple[Parameter, ...]
    coordinates: Literal["unit", "raw"] = "unit"
    _slices: dict[str, slice] = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        parameters: Iterable[Parameter] | Mapping[str, Any],
        coordinates: Literal["unit", "raw"] = "unit",
    ) -> None:
        if isinstance(parameters, Mapping):
            parameters = [_short_form(name, spec) for name, spec in parameters.items()]
        parameters = tuple(parameters)
        for parameter in parameters:
            if not isinstance(parameter, Parameter):
                raise ConfigError(
                    "a space is made of l2l.Parameter(...), or of a dict such as "
                    f"{{'tau': (5.0, 50.0)}}; got {parameter!r}"
                )
        names = [p.name for p in parameters]
        if not names:
            raise ConfigError("a parameter space needs at least one parameter")
        if len(set(names)) != len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ConfigError(f"parameters named twice: {', '.join(twice)}")
        ends = np.cumsum([p.size for p in parameters]).tolist()
        slices = {p.name: slice(end - p.size, end) for p, end in zip(parameters, ends, strict=True)}
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "coordinates", coordinates)
        object.__setattr__(self, "_slices", slices)

    @classmethod
    def from_individual(cls, individual: Mapping[str, Any]) -> ParameterSpace:
        """Return the unbounded space in raw units that one example of an individual implies."""
        if not isinstance(individual, Mapping) or not individual:
            raise ConfigError(
                "create_individual must return a dict with a value for each parameter, "
                f"got {individual!r}"
            )
        return cls([_inferred(name, value) for name, value in individual.items()], "raw")

    # -- sizes and names ----------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Names of the parameters."""
        return [p.name for p in self.parameters]

    @property
    def size(self) -> int:
        """Number d of columns of a row."""
        return sum(p.size for p in self.parameters)

    @property
    def column_names(self) -> list[str]:
        """Name of each of the d columns."""
        return [name for p in self.parameters for name in p.column_names]

    def slice(self, name: str) -> slice:
        """Return the columns of one parameter."""
        if name not in self._slices:
            raise ConfigError(f"no parameter {name!r}; {nearest(name, self.names)}")
        return self._slices[name]

    # -- individuals <-> values ---------------------------------------------------------------

    def flatten(self, individuals: Sequence[Mapping[str, Any]]) -> Floats:
        """Return individuals as values ``(n, d)``, in the parameters' own units."""
        rows = np.empty((len(individuals), self.size))
        for row, individual in zip(rows, individuals, strict=True):
            if not isinstance(individual, Mapping) or individual.keys() != self._slices.keys():
                got = list(individual) if isinstance(individual, Mapping) else repr(individual)
                raise ConfigError(
                    "an individual (as create_individual and bounding_func return it) is a dict, "
                    f"and must have the parameters {self.names}, got {got}"
                )
            for parameter in self.parameters:
                row[self._slices[parameter.name]] = parameter.flatten(individual[parameter.name])
        return rows

    def unflatten(self, row: ArrayLike) -> Individual:
        """Return one row of values ``(d,)`` as an individual."""
        row = np.asarray(row, dtype=np.float64)
        return {p.name: p.unflatten(row[self._slices[p.name]]) for p in self.parameters}

    def repair(self, values: Floats) -> Floats:
        """Return values ``(n, d)`` with integers rounded and bounds respected.

        Returns ``values`` itself where nothing had to be changed.
        """
        repaired = values
        if self._whole.any():
            repaired = values.copy()
            repaired[:, self._whole] = np.rint(values[:, self._whole])
        if np.isfinite(self._low).any():
            repaired = np.clip(repaired, self._low, self._high)
        unchanged = repaired is values or np.array_equal(repaired, values)
        return values if unchanged else repaired

    def confined(
        self, values: Floats, bounding: Callable[[Individual], Mapping[str, Any]]
    ) -> Floats:
        """Return values ``(n, d)`` after ``bounding`` has had each individual, repaired."""
        return self.repair(self.flatten([bounding(self.unflatten(row)) for row in values]))

    # -- values <-> search coordinates --------------------------------------------------------

    def to_search(self, values: Floats) -> Floats:
        """Return search coordinates ``(n, d)`` of values ``(n, d)``."""
        rows = np.array(values, dtype=np.float64)
        if self._log.any():
            rows[:, self._log] = np.log(rows[:, self._log])
        if self._scaled.any():
            low, width = self._box
            rows[:, self._scaled] = (rows[:, self._scaled] - low) / width
        return rows

    def from_search(self, rows: ArrayLike) -> Floats:
        """Return values ``(n, d)`` of search coordinates ``(n, d)``, not yet repaired."""
        values = np.array(rows, dtype=np.float64)
        if self._scaled.any():
            low, width = self._box
            values[:, self._scaled] = low + values[:, self._scaled] * width
        if self._log.any():
            values[:, self._log] = np.exp(values[:, self._log])
        return values

    def slope(self, values: Floats) -> Floats:
        """Return the derivatives ``(n, d)`` of values by search coordinates, at values ``(n, d)``.

        A gradient by the values times this is the gradient by the search coordinates.
        """
        slope = np.ones_like(values)
        slope[:, self._log] = values[:, self._log]
        slope[:, self._scaled] *= self._box[1]
        return slope

    @functools.cached_property
    def lower(self) -> Floats:
        """Lower bounds ``(d,)`` in search coordinates; -inf where there is none."""
        return np.where(self._scaled, 0.0, -np.inf)

    @functools.cached_property
    def upper(self) -> Floats:
        """Upper bounds ``(d,)`` in search coordinates; inf where there is none."""
        return np.where(self._scaled, 1.0, np.inf)

    @property
    def bounded(self) -> bool:
        """Whether every column has bounds in search coordinates."""
        return bool(self._scaled.all())

    # -- both steps ---------------------------------------------------------------------------

    def encode(self, individuals: Sequence[Mapping[str, Any]]) -> Floats:
        """Return individuals as search coordinates ``(n, d)``."""
        return self.to_search(self.flatten(individuals))

    def decode(self, rows: ArrayLike) -> list[Individual]:
        """Return search coordinates ``(n, d)`` as individuals that an optimizee can run."""
        return [self.unflatten(row) for row in self.repair(self.from_search(rows))]

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Return ``n`` points ``(n, d)``, uniform in the bounded search box.

        Raises:
            ConfigError: If a parameter has no bounds.
        """
        self.need_bounds()
        return rng.random((n, self.size))

    def need_bounds(self) -> None:
        """Raise ConfigError if a parameter has no bounds."""
        if not self.bounded:
            free = [p.name for p in self.parameters if not self._scaled[self._slices[p.name]].all()]
            raise ConfigError(
                f"can't draw a first population: {', '.join(free)} have no bounds. Give low and "
                "high, or a create_individual() that draws an individual"
            )

    # -- as plain data ------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Return the space as plain data (for YAML and JSON)."""
        return {
            "coordinates": self.coordinates,
            "parameters": [as_plain(asdict(p)) for p in self.parameters],
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> ParameterSpace:
        """Return the space that :meth:`describe` described."""
        parameters = [Parameter(**p) for p in description["parameters"]]
        return cls(parameters, description["coordinates"])

    # -- columns, computed once ---------------------------------------------------------------

    def _column(self, value: Any, dtype: Any) -> NDArray[Any]:
        parts = [
            np.broadcast_to(np.asarray(value(p), dtype), p.shape).ravel() for p in self.parameters
        ]
        return np.concatenate(parts)

    @functools.cached_property
    def _low(self) -> Floats:
        return self._column(lambda p: _limits(p)[0], np.float64)

    @functools.cached_property
    def _high(self) -> Floats:
        return self._column(lambda p: _limits(p)[1], np.float64)

    @functools.cached_property
    def _whole(self) -> NDArray[np.bool_]:
        return self._column(lambda p: p.kind != "float", np.bool_)

    @functools.cached_property
    def _log(self) -> NDArray[np.bool_]:
        return self._column(lambda p: p.scale == "log", np.bool_) & (self.coordinates == "unit")

    @functools.cached_property
    def _scaled(self) -> NDArray[np.bool_]:
        return np.isfinite(self._low) & (self.coordinates == "unit")

    @functools.cached_property
    def _box(self) -> tuple[Floats, Floats]:
        """Lower edge and width of the box that becomes the unit cube, of the scaled columns.

        Integers get half a step more on each side, so that each value has the same share.
        """
        margin = np.where(self._whole & ~self._log, 0.5, 0.0)
        low, high = self._low - margin, self._high + margin
        log = self._log & self._scaled
        if log.any():
            low[log], high[log] = np.log(low[log]), np.log(high[log])
        return low[self._scaled], (high - low)[self._scaled]


def _limits(parameter: Parameter) -> tuple[Any, Any]:
    if parameter.kind == "categorical":
        return 0, len(parameter.choices) - 1
    return (-np.inf, np.inf) if parameter.low is None else (parameter.low, parameter.high)


def _short_form(name: str, spec: Any) -> Parameter:
    """Return the parameter that ``(low, high)``, a list of choices or a dict stands for."""
    if isinstance(spec, Parameter):
        return spec
    if isinstance(spec, Mapping):
        valid = Parameter.__dataclass_fields__
        for key in spec:
            if key not in valid:
                raise ConfigError(f"parameter {name!r} has no field {key!r}; {nearest(key, valid)}")
        return Parameter(name, **{k: v for k, v in spec.items() if k != "name"})
    if isinstance(spec, tuple) and len(spec) == 2:
        whole = all(isinstance(bound, (int, np.integer)) for bound in spec)
        return Parameter(name, spec[0], spec[1], kind="int" if whole else "float")
    if isinstance(spec, list):
        return Parameter(name, kind="categorical", choices=tuple(spec))
    raise ConfigError(
        f"parameter {name!r}: expected (low, high), a list of choices or a Parameter, got {spec!r}"
    )


def _inferred(name: str, value: Any) -> Parameter:
    """Return the parameter that one example value implies."""
    if isinstance(value, (bool, np.bool_)):
        return Parameter(name, kind="categorical", choices=(False, True))
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        return Parameter(name, shape=array.shape, kind="int")
    if array.dtype.kind == "f":
        return Parameter(name, shape=array.shape)
    raise ConfigError(
        f"parameter {name!r} must be a number or an array of numbers, got {value!r}; for a choice "
        "between values give the optimizee a space with a categorical parameter"
    )
