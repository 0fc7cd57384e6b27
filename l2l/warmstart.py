"""Warm start: what an optimizer knows before its first ``ask``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Status
from l2l.optimizer import Optimizer
from l2l.space import Floats, Parameter, ParameterSpace

if TYPE_CHECKING:
    from l2l.store.reader import Records

#: The folder of an earlier run, or individuals that are known to be good.
Source: TypeAlias = str | PathLike[str] | Sequence[Mapping[str, Any]]

#: So many of the best evaluations of an earlier run are learnt from.
MOST = 1000
#: An earlier run is read in pieces of so many bytes.
CHUNK = 1 << 26

log = logging.getLogger("l2l")


@dataclass(frozen=True)
class Known:
    """Points that a run begins with.

    Attributes:
        points: ``(n, d)`` in search coordinates, within the bounds.
        scores: ``(n,)`` their fitness times weights, or None: first points.
    """

    points: Floats
    scores: Floats | None

    def tell(self, optimizer: Optimizer) -> None:
        """Let an optimizer begin with them."""
        if self.scores is not None:
            optimizer.start_from(self.points, self.scores)
            return
        drawn = optimizer.initial
        if drawn is not None and len(drawn) > len(self.points):
            optimizer.initial = np.concatenate([self.points, drawn[len(self.points) :]])
        else:
            optimizer.initial = self.points


def plain_source(source: Source | None) -> Any:
    """Return a source as ``run.yaml`` holds it, and as it can be read from any folder."""
    if isinstance(source, (str, PathLike)):
        return os.path.abspath(os.path.expanduser(source))
    return source


def known(source: Source, space: ParameterSpace, weights: Sequence[float]) -> Known:
    """Return what a source knows, for a run in ``space``.

    Raises:
        ConfigError: If there is no such run, it has other parameters or objectives, nothing in it
            ended ok within the bounds, or an individual does not fit the space.
    """
    if isinstance(source, (str, PathLike)):
        return _earlier(Path(source), space, np.asarray(weights, np.float64))
    if not isinstance(source, (list, tuple)) or not source:
        raise ConfigError(
            "start_from takes the folder of an earlier run, or a list of individuals such as "
            f"[{{'tau': 20.0}}], got {source!r}"
        )
    values = space.flatten(source)
    moved = space.repair(values)
    if moved is not values:
        row = int(np.flatnonzero((moved != values).any(axis=1))[0])
        raise ConfigError(f"start_from: individual {row} lies outside the bounds: {source[row]}")
    return Known(_points(space, values), None)


def _earlier(path: Path, space: ParameterSpace, weights: Floats) -> Known:
    """Return the best evaluations of an earlier run that lie within the bounds."""
    from l2l.store.reader import Records

    try:
        run = Records(path)
    except L2LError as error:
        raise ConfigError(f"start_from: {error}") from error
    fitness, ok = run.column("fitness"), run.column("status") == Status.OK
    if fitness.shape[1] != len(weights):
        raise ConfigError(
            f"start_from: expected {len(weights)} fitness values, one a weight, but {path} has "
            f"{fitness.shape[1]}"
        )
    scores = np.where(ok, np.nan_to_num(fitness) @ weights, -np.inf)
    best = np.lexsort((run.column("id"), -scores))[: min(MOST, int(ok.sum()))]
    rows = _rows(run, best)
    values = np.concatenate([_columns(run, rows, p) for p in space.parameters], axis=1)
    inside = (space.repair(values) == values).all(axis=1)  # False for NaN, too
    if not inside.any():
        raise ConfigError(f"start_from: {path} has no evaluation that ended ok within the bounds")
    if not inside.all():
        log.info("%d of %d points of %s lie outside the bounds", (~inside).sum(), len(best), path)
    return Known(_points(space, values[inside]), scores[best][inside])


def _rows(run: Records, wanted: NDArray[np.int64]) -> Floats:
    """Return the parameters ``(k, d)`` of some rows, without having all of them in memory."""
    found = np.empty((len(wanted), run.space.size))
    step = max(1, CHUNK // (8 * run.space.size))
    for first in range(0, int(run.tally.n), step):
        here = (wanted >= first) & (wanted < first + step)
        if here.any():
            found[here] = run.column("parameters", first, first + step)[wanted[here] - first]
    return found


def _columns(run: Records, rows: Floats, p: Parameter) -> Floats:
    """Return the values ``(n, size)`` of a parameter; NaN for choices that it has no more."""
    earlier = run.space
    if p.name not in earlier.names:
        raise ConfigError(
            f"start_from: {run.path} has no parameter {p.name!r}, only {', '.join(earlier.names)}"
        )
    then = earlier.parameters[earlier.names.index(p.name)]
    if then.shape != p.shape:
        raise ConfigError(
            f"start_from: parameter {p.name!r} has shape {p.shape}, but {then.shape} in {run.path}"
        )
    values = rows[:, earlier.slice(p.name)]
    if (then.kind == "categorical") != (p.kind == "categorical"):
        raise ConfigError(
            f"start_from: parameter {p.name!r} is {p.kind}, but {then.kind} in {run.path}"
        )
    if p.kind == "categorical":
        places = [p.choices.index(c) if c in p.choices else np.nan for c in then.choices]
        values = np.asarray(places, np.float64)[values.astype(np.int64)]
    return values


def _points(space: ParameterSpace, values: Floats) -> Floats:
    return np.clip(space.to_search(values), space.lower, space.upper)  # rounding only
