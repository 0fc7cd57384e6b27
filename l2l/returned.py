"""What ``simulate``, ``value_and_grad`` and ``simulate_batch`` return, as outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.errors import nearest
from l2l.evaluation import Floats, Job, Outcome, Row, Status, Table
from l2l.optimizee import BatchResult, Result
from l2l.space import Parameter, ParameterSpace

#: What classic optimizees for the ensemble Kalman filter call it -> its name here.
OLD_NAMES = {"model_out": "observation"}


class Invalid(Exception):
    """What came back is no fitness; says what was expected and what came."""


def outcome_of(job: Job, came: Any, objectives: int) -> Outcome:
    """Return the outcome of a job whose ``simulate`` returned ``came``: OK or INVALID."""
    if type(came) is float and objectives == 1 and math.isfinite(came):
        return Outcome(job, Status.OK, (came,))
    try:
        if isinstance(came, Mapping) and "fitness" in came:
            came = Result(
                **{OLD_NAMES.get(str(name), str(name)): value for name, value in came.items()}
            )
        if not isinstance(came, Result):
            return Outcome(job, Status.OK, _fitness(came, objectives))
        fitness = _fitness(came.fitness, objectives)
        return Outcome(job, Status.OK, fitness, _observation(came), _metrics(came.metrics))
    except (Invalid, TypeError) as error:
        return Outcome(job, Status.INVALID, message=str(error))


def outcome_with_gradient(job: Job, came: Any, objectives: int, space: ParameterSpace) -> Outcome:
    """Return the outcome of a job whose ``value_and_grad`` returned ``came``: OK or INVALID."""
    if not (isinstance(came, tuple) and len(came) == 2 and isinstance(came[1], Mapping)):
        text = f"value_and_grad: expected (fitness, {{name: gradient}}), got {_short(came)}"
        return Outcome(job, Status.INVALID, message=text)
    outcome = outcome_of(job, came[0], objectives)
    if outcome.status is Status.OK:
        try:
            outcome.gradient = _gradient(came[1], objectives, space)
        except Invalid as error:
            return Outcome(job, Status.INVALID, message=str(error))
    return outcome


def outcomes_of(
    jobs: Sequence[Job], came: Any, objectives: int, inner: int | None = None
) -> list[Outcome]:
    """Return the outcomes of jobs whose ``simulate_batch`` returned ``came``.

    Args:
        jobs: The jobs of the call.
        came: What the call returned.
        objectives: Number of fitness values of each.
        inner: Number of lanes where it is not that of the jobs; the further ones fill places.
    """
    try:
        lanes = _lanes(came, inner or len(jobs), objectives)[: len(jobs)]
    except (Invalid, TypeError, ValueError) as error:
        return [Outcome(job, Status.INVALID, message=str(error)) for job in jobs]
    return [
        Outcome(job, Status.FAILED, message="the simulation says that this one is not ok")
        if result is None
        else outcome_of(job, result, objectives)
        for job, result in zip(jobs, lanes, strict=True)
    ]


def _lanes(came: Any, n: int, m: int) -> list[Result | None]:
    """Return the result of each lane of a batch; None where it is not ok."""
    if not isinstance(came, BatchResult):
        came = BatchResult(**came) if isinstance(came, Mapping) else BatchResult(came)
    fitness = np.asarray(came.fitness, dtype=np.float64)
    if fitness.shape != (n, m) and (m != 1 or fitness.shape != (n,)):
        raise Invalid(f"expected fitness ({n}, {m}) of {n} parameter sets, got {fitness.shape}")
    fitness = fitness.reshape(n, m)
    ok = np.ones(n, bool) if came.ok is None else _column("ok", came.ok, n).astype(bool)
    table = _table(came.metrics, n)
    seen: Any = [None] * n
    if came.observation is not None:
        seen = _column("observation", came.observation, n).astype(np.float64).reshape(n, -1)
    return [
        Result(fitness[i], seen[i], {} if table is None else Row(table, i)) if ok[i] else None
        for i in range(n)
    ]


def _table(metrics: Mapping[str, Any], n: int) -> Table | None:
    """Return the metrics of a batch; None where there are none."""
    if not metrics:
        return None
    values = np.empty((n, len(metrics)))
    for place, (name, came) in enumerate(metrics.items()):
        column = _column(name, came, n)
        if column.size != n:
            raise Invalid(
                f"expected a number a parameter set as metric {name!r}, got {column.shape}"
            )
        values[:, place] = column.reshape(n)
    return Table({str(name): place for place, name in enumerate(metrics)}, values)


def _column(name: str, values: Any, n: int) -> Any:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != n:
        raise Invalid(f"expected {name} of length {n}, one a parameter set, got {array.shape}")
    return array


def _fitness(came: Any, n: int) -> tuple[float, ...]:
    """Return ``n`` finite fitness values, or raise :class:`Invalid`."""
    expected = "a finite number" if n == 1 else f"{n} finite numbers (one a weight)"
    if came is None:
        raise Invalid(f"expected {expected} as fitness, got None; does simulate() return it?")
    try:
        flat = np.asarray(came, dtype=np.float64)
    except (TypeError, ValueError):
        flat = np.empty((0, 0))
    bad = isinstance(came, (str, bytes, Mapping)) or flat.ndim > 1 or flat.size != n
    if bad or not np.isfinite(flat).all():
        raise Invalid(f"expected {expected} as fitness, got {_short(came)}")
    return tuple(flat.ravel().tolist())


def _observation(result: Result) -> Floats | None:
    """Return a result's observation ``(k,)``, or raise :class:`Invalid`."""
    if result.observation is None:
        return None
    try:
        flat = np.array(result.observation, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        flat = np.array([np.nan])
    if not np.isfinite(flat).all():
        raise Invalid(f"expected finite numbers as observation, got {_short(result.observation)}")
    return flat


def _gradient(came: Mapping[str, Any], m: int, space: ParameterSpace) -> Floats:
    """Return a gradient as ``(m * d,)``, NaN where there is none, or raise :class:`Invalid`."""
    for name in came:
        if name not in space.names:
            hint = nearest(str(name), space.names)
            raise Invalid(f"value_and_grad: there is no parameter {name!r}; {hint}")
    rows = np.full((m, space.size), np.nan)
    for p in space.parameters:
        if came.get(p.name) is not None:
            rows[:, space.slice(p.name)] = _slope(p, came[p.name], m)
        elif p.kind == "float":
            raise Invalid(f"value_and_grad: expected a gradient by {p.name!r}, got none")
    return rows.ravel()


def _slope(p: Parameter, came: Any, m: int) -> Floats:
    """Return the gradient by one parameter as ``(m, size)``, or raise :class:`Invalid`."""
    shape = p.shape if m == 1 else (m, *p.shape)
    try:
        array = np.asarray(came, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.full((0, 0), np.nan)
    if array.shape not in (shape, (m, *p.shape)):
        got = f"shape {array.shape}" if array.size else _short(came)
        raise Invalid(
            f"value_and_grad: expected a gradient by {p.name!r} of shape {shape}, got {got}"
        )
    if not np.isfinite(array).all():
        raise Invalid(
            f"value_and_grad: expected finite gradients by {p.name!r}, got {_short(came)}"
        )
    return array.reshape(m, p.size)


def _metrics(metrics: Mapping[str, Any]) -> Mapping[str, float]:
    """Return metrics as floats, or raise :class:`Invalid`."""
    if isinstance(metrics, Row):
        return metrics
    found = {}
    for name, value in metrics.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            raise Invalid(f"expected a number as metric {name!r}, got {_short(value)}") from None
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({type(value).__name__})"
