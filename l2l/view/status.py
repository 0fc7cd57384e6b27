"""How a run goes: read without disturbing it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Failure, Status
from l2l.heldout import ROLES, HeldOutTests
from l2l.view import text

if TYPE_CHECKING:
    from l2l.store.reader import Records


@dataclass
class Attempt:
    """One attempt that did not end ok, with what it was."""

    failure: Failure
    generation: int | None
    index: int | None
    individual: dict[str, Any] | None


@dataclass
class RunStatus:
    """How a run goes.

    Attributes:
        path: Folder of the run.
        config: Its configuration.
        state: ``running``, ``finished`` (a criterion held), ``interrupted`` (it can be resumed),
            ``failed`` (an error ended it).
        why: Who runs it, or why it ended.
        evaluations: Number of evaluations by status.
        generation: Number of the last generation of which there are results, from 0, or None.
        best: Fitness, id, generation and individual of the best evaluation, or None.
        began: Unix time of the first evaluation's start, in s, or None.
        ended: Unix time of the last evaluation's end, in s, or None.
        lost: Number of evaluations that were lost with their node or job and tried again.
        test: Of the last test on held-out tasks: ``generation``, and ``fitness`` by role: ``mean``
            and ``std``, number of evaluations ``n`` and ``ok``; None without any.
        damage: What could not be read.
        attempts: Some that did not end ok.
    """

    path: Path
    config: dict[str, Any]
    state: str
    why: str
    evaluations: dict[str, int]
    generation: int | None
    best: dict[str, Any] | None
    began: float | None
    ended: float | None
    damage: list[str]
    lost: int = 0
    test: dict[str, Any] | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of evaluations."""
        return sum(self.evaluations.values())

    @property
    def rate(self) -> float:
        """Evaluations a second, from the first start to the last end, pauses included."""
        if self.began is None or self.ended is None:
            return math.nan
        return self.n / max(self.ended - self.began, 1e-9)


def read(path: str | PathLike[str], failed: int = 0) -> RunStatus:
    """Return how a run goes.

    Args:
        path: Its folder.
        failed: How many of the attempts that did not end ok to return with it.

    Raises:
        StoreError: If there is no run.
    """
    from l2l.store.reader import Records

    records = Records(path)
    tally = records.tally
    state, why = _state(records)
    return RunStatus(
        path=Path(path),
        config=records.config,
        state=state,
        why=why,
        evaluations=text.by_status(tally),
        generation=tally.generation,
        best=_best(records),
        began=tally.began,
        ended=tally.ended,
        damage=list(records.damage),
        lost=records.lost(),
        test=_test(records),
        attempts=_attempts(records, failed) if failed else [],
    )


def _state(records: Records) -> tuple[str, str]:
    from l2l.store.owner import describe

    if (owner := records.owner) is not None:
        return "running", describe(owner)
    last = records.events[-1] if records.events else {}
    if last.get("event") != "stopped":
        return "interrupted", "its process has gone without a word (killed, or the machine failed)"
    return str(last["how"]), str(last["reason"])


def _best(records: Records) -> dict[str, Any] | None:
    best = records.tally.best
    if best is None:
        return None
    return {
        "id": best.id,
        "generation": best.generation,
        "fitness": [float(value) for value in best.fitness],
        "individual": records.space.unflatten(best.values),
    }


def _test(records: Records) -> dict[str, Any] | None:
    tests = HeldOutTests.of(records.tests, len(records.tally.weights), 0)
    if not len(tests):
        return None
    last = tests.generation == tests.generation[-1]
    roles: dict[str, Any] = {}
    for role in np.unique(tests.role[last]).tolist():
        _, mean, std = tests.curve(role)
        status = tests.status[last & (tests.role == role)]
        found = {"mean": mean[-1].tolist(), "std": std[-1].tolist()}
        roles[ROLES[role]] = {**found, "n": len(status), "ok": int((status == Status.OK).sum())}
    return {"generation": int(tests.generation[-1]), "fitness": roles}


def _attempts(records: Records, n: int) -> list[Attempt]:
    """Return the first ``n`` attempts that did not end ok."""
    found: dict[tuple[int, int], Attempt] = {}
    ids = records.column("id")
    for failure in records.iter_failures():
        if len(found) == n:
            break
        found[failure.id, failure.draw] = _attempt(
            records, failure, np.flatnonzero(ids == failure.id)
        )
    return list(found.values())


def _attempt(records: Records, failure: Failure, rows: NDArray[np.int64]) -> Attempt:
    if failure.test:
        return _attempt_at_test(records, failure)
    if not len(rows):  # its retry has not landed yet
        return Attempt(failure, None, None, None)
    first = int(rows[0])
    names = ["generation", "index", "parameters"]
    generation, index, values = (
        column[0] for column in records.columns(names, first, first + 1).values()
    )
    return Attempt(failure, int(generation), int(index), records.space.unflatten(values))


def _attempt_at_test(records: Records, failure: Failure) -> Attempt:
    """Return an attempt at a test on held-out tasks."""
    tests = records.tests
    rows = np.flatnonzero(tests["id"] == failure.id) if tests else np.zeros(0, np.int64)
    if not len(rows):
        return Attempt(failure, None, None, None)
    row = int(rows[0])
    individual = records.space.unflatten(tests["parameters"][row])
    return Attempt(failure, int(tests["generation"][row]), int(tests["index"][row]), individual)


# -- as JSON --------------------------------------------------------------------------------------


def as_json(status: RunStatus) -> str:
    """Return the status as one JSON object; NaN and infinity become null."""
    data = {
        "run": str(status.path),
        "state": status.state,
        "why": status.why,
        "generation": status.generation,
        "evaluations": {"all": status.n, **status.evaluations},
        "lost_and_tried_again": status.lost,
        "test": status.test,
        "mode": status.config.get("mode", "generational"),
        "stop": status.config.get("stop", {}),
        "best": status.best,
        "rate": status.rate,
        "began": status.began,
        "ended": status.ended,
        "damage": status.damage,
        "failures": [_failure(attempt) for attempt in status.attempts],
    }
    return json.dumps(_plain(data), indent=2)


def _failure(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure
    return {
        "id": failure.id,
        "test": failure.test,
        "draw": failure.draw,
        "generation": attempt.generation,
        "index": attempt.index,
        "status": failure.status.name.lower(),
        "message": failure.message,
        "traceback": failure.traceback,
        "output": failure.output,
        "individual": attempt.individual,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
