"""What ``simulate`` and ``simulate_batch`` return, as outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2l.evaluation import Floats, Job, Outcome, Status
from l2l.optimizee import BatchResult, Result


class Invalid(Exception):
    """What came back is no fitness; says what was expected and what came."""


def outcome_of(job: Job, came: Any, objectives: int) -> Outcome:
    """Return the outcome of a job whose ``simulate`` returned ``came``: OK or INVALID."""
    if type(came) is float and objectives == 1 and math.isfinite(came):
        return Outcome(job, Status.OK, (came,))
    try:
        if isinstance(came, Mapping) and "fitness" in came:
            came = Result(**came)
        if not isinstance(came, Result):
            return Outcome(job, Status.OK, _fitness(came, objectives))
        fitness = _fitness(came.fitness, objectives)
        return Outcome(job, Status.OK, fitness, _observation(came), _metrics(came.metrics))
    except (Invalid, TypeError) as error:
        return Outcome(job, Status.INVALID, message=str(error))


def outcomes_of(jobs: Sequence[Job], came: Any, objectives: int) -> list[Outcome]:
    """Return the outcomes of jobs whose ``simulate_batch`` returned ``came``."""
    try:
        lanes = _lanes(came, len(jobs), objectives)
    except (Invalid, TypeError, ValueError) as error:
        return [Outcome(job, Status.INVALID, message=str(error)) for job in jobs]
    return [
        Outcome(job, Status.FAILED, message="simulate_batch: not ok")
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
        raise Invalid(f"simulate_batch: expected fitness ({n}, {m}), got {fitness.shape}")
    fitness = fitness.reshape(n, m)
    ok = np.ones(n, bool) if came.ok is None else _column("ok", came.ok, n).astype(bool)
    metrics = {k: _column(k, v, n).astype(np.float64) for k, v in came.metrics.items()}
    seen: Any = [None] * n
    if came.observation is not None:
        seen = _column("observation", came.observation, n).astype(np.float64).reshape(n, -1)
    return [
        Result(fitness[i], seen[i], {k: v[i] for k, v in metrics.items()}) if ok[i] else None
        for i in range(n)
    ]


def _column(name: str, values: Any, n: int) -> Any:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != n:
        raise Invalid(f"simulate_batch: expected {name} of length {n}, got shape {array.shape}")
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


def _metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return metrics as floats, or raise :class:`Invalid`."""
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
