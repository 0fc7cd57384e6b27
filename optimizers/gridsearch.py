"""Grid search: all combinations of some values of each parameter, made as they are needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError, L2LError, nearest
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer, OptimizerParameters, State
from l2l.optimizers.common.inflight import InFlight
from l2l.options import option
from l2l.space import Floats, Parameter, ParameterSpace


class GridSearchParameters(OptimizerParameters):
    """Parameters of :class:`GridSearch`."""

    param_grid: Any = option(
        None,
        "{name: (lower, upper, n_steps)} for n_steps + 1 evenly spaced values, ends included "
        "(log scale: evenly in the logarithm); a list of choices for a categorical parameter",
    )
    n_points: int = option(
        10, "values of each bounded float element that param_grid does not name", low=2
    )
    batch: int = option(4096, "largest number of points of one generation", low=1)

    def check(self) -> None:
        """Refuse a grid that is no dict."""
        if self.param_grid is not None and not isinstance(self.param_grid, Mapping):
            raise ConfigError(
                "param_grid must be a dict {name: (lower, upper, n_steps)}, "
                f"got {self.param_grid!r}"
            )


class GridSearch(Optimizer):
    """Evaluates every point of a grid once, in C order: the last parameter varies fastest.

    An array parameter has one axis for each of its elements. Parameters that ``param_grid`` does
    not name take ``n_points`` values between their bounds if they are floats, and all their values
    if they are integers or categorical. A point is computed from its number, so that the size of
    the grid costs no memory, and the number of points told so far is the whole state.

    Attributes:
        axes: The d axes of the grid.
        total: Number of points.
        position: Number of points told so far.

    Raises:
        ConfigError: If the grid does not fit the space, or has more than 2^63 points.
    """

    Parameters = GridSearchParameters
    finite = True
    asynchronous = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.axes = grid_axes(
            self.space, self.parameters.param_grid or {}, self.parameters.n_points
        )
        self.total = math.prod(axis.size for axis in self.axes)
        self.position = 0
        self._flight = InFlight()
        if self.total >= 2**63:
            raise ConfigError(
                f"expected a grid of fewer than 2^63 points, got 10^{math.log10(self.total):.0f}: "
                f"{self.space.size} axes are too many for a grid; try random_search"
            )

    def ask(self) -> Floats:
        """Return the next points ``(n, d)``, at most ``batch``."""
        if self.done:
            raise L2LError(f"the grid has no points left: {self.done}")
        return self._points(self.position, self.parameters.batch)

    def _points(self, position: int, n: int) -> Floats:
        """Return points ``(n, d)`` from number ``position`` on; fewer at the end."""
        rest = np.arange(position, min(position + n, self.total))
        values = np.empty((len(rest), len(self.axes)))
        for column in range(len(self.axes) - 1, -1, -1):
            rest, place = np.divmod(rest, self.axes[column].size)
            values[:, column] = self.axes[column].at(place)
        points = self.space.to_search(values)
        return np.clip(points, self.space.lower, self.space.upper, out=points)  # rounding only

    def tell(self, evaluations: Evaluations) -> None:
        """Move on by as many points as were evaluated."""
        self.scored(evaluations)
        self.position += len(evaluations)

    def ask_one(self) -> Floats | None:
        """Return the next point ``(d,)``; None after the last one."""
        number = self._flight.asked
        if number == self.total:
            return None
        self._flight.add()
        point: Floats = self._points(number, 1)[0]
        return point

    def tell_one(self, evaluations: Evaluations) -> None:
        """Count one more point."""
        number, _ = self.scored_one(evaluations)
        self._flight.land(number)
        self.position += 1

    @property
    def cohort(self) -> int:
        """Points that count as one generation where they are asked for one by one."""
        return int(min(self.parameters.batch, self.total))

    @property
    def done(self) -> str | None:
        """Why there is nothing left to do, or None."""
        return f"all {self.total} points of the grid" if self.position >= self.total else None

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        return {**super().state(), "position": self.position, **self._flight.pack()}

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self.position = int(state["position"])
        self._flight.unpack(state)


@dataclass(frozen=True)
class Axis:
    """The values along one axis of a grid, in the parameter's own unit.

    Attributes:
        size: Number of values.
        first: The first one, where they are evenly spaced.
        last: The last one, likewise.
        log: Whether their logarithms are evenly spaced.
        values: All of them, ``(size,)``, where they are not evenly spaced.
    """

    size: int
    first: float = 0.0
    last: float = 0.0
    log: bool = False
    values: Floats | None = None

    def at(self, place: NDArray[np.int64]) -> Floats:
        """Return the values ``(n,)`` with the numbers ``place``, ``(n,)``."""
        if self.values is not None:
            return self.values[place]
        part = place / max(self.size - 1, 1)
        if self.log:
            values: Floats = np.exp(math.log(self.first) * (1 - part) + math.log(self.last) * part)
            return values
        return self.first * (1 - part) + self.last * part  # exact at both ends


def grid_axes(space: ParameterSpace, grid: Mapping[str, Any], n_points: int) -> list[Axis]:
    """Return the axis of each of the d columns."""
    for name in grid:
        if name not in space.names:
            raise ConfigError(f"param_grid: no parameter {name!r}; {nearest(name, space.names)}")
    axes: list[Axis] = []
    for p in space.parameters:
        if p.kind == "categorical":
            indices = _indices(p, grid.get(p.name, p.choices))
            axes += [Axis(len(indices), values=indices)] * p.size
        elif p.name in grid:
            axes += _named(p, grid[p.name])
        else:
            axes += _between_bounds(p, n_points)
    return axes


def _indices(p: Parameter, choices: Any) -> Floats:
    if not isinstance(choices, (list, tuple)) or not choices:
        raise ConfigError(f"param_grid: {p.name!r} takes a list of choices, got {choices!r}")
    alone = Parameter(p.name, kind="categorical", choices=p.choices)
    return np.concatenate([alone.flatten(choice) for choice in choices])


def _between_bounds(p: Parameter, n_points: int) -> list[Axis]:
    """Return the axes of a numeric parameter that the grid does not name."""
    if p.low is None:
        raise ConfigError(
            f"{p.name!r} has no bounds, so param_grid must say "
            f"{{{p.name!r}: (lower, upper, n_steps)}}"
        )
    ends = zip(_flat(p, p.low), _flat(p, p.high), strict=True)
    if p.kind == "int":
        return [Axis(int(high - low) + 1, low, high) for low, high in ends]
    return [Axis(n_points, low, high, p.scale == "log") for low, high in ends]


def _named(p: Parameter, entry: Any) -> list[Axis]:
    """Return the axes of a numeric parameter that the grid names."""
    try:
        lower, upper, n_steps = entry
        lows, highs = _flat(p, lower), _flat(p, upper)
        valid = int(n_steps) == n_steps >= 0 and np.isfinite([*lows, *highs]).all()
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ConfigError(
            f"param_grid: {p.name!r} takes (lower, upper, n_steps) with n_steps >= 0, got {entry!r}"
        )
    if p.low is not None:
        for ends in (lows, highs):
            if (ends < _flat(p, p.low)).any() or (ends > _flat(p, p.high)).any():
                raise ConfigError(
                    f"param_grid: {p.name!r} is bounded by {p.low} and {p.high}, got {entry!r}"
                )
    log = p.scale == "log"
    if log and not (min(lows) > 0 and min(highs) > 0):
        raise ConfigError(f"param_grid: {p.name!r} has a log scale, got {entry!r}")
    axes = [Axis(int(n_steps) + 1, low, high, log) for low, high in zip(lows, highs, strict=True)]
    return [_whole(axis) for axis in axes] if p.kind == "int" else axes


def _whole(axis: Axis) -> Axis:
    """Return the axis with its values rounded, each once."""
    values = np.unique(np.rint(axis.at(np.arange(axis.size))))
    return Axis(len(values), values=values)


def _flat(p: Parameter, value: Any) -> Floats:
    return np.broadcast_to(np.asarray(value, np.float64), p.shape).ravel()


GridSearchOptimizer = classic_optimizer(GridSearch)
