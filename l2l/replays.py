"""Replay: ask and tell the optimizer again what a run has asked and told, and compare."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Floats
from l2l.execution import Result, execute
from l2l.loop.history import Told
from l2l.loop.points import Points, evaluation_of
from l2l.loop.repeated import RepeatedLoop
from l2l.optimizer import Optimizer
from l2l.plan import Plan
from l2l.records import Block, select


@dataclass
class Replayed:
    """What a replay has come to.

    Attributes:
        path: The run.
        n: Number of results that were told again.
        asked: Number of points that were asked for again.
        differ: Ids of the evaluations for which the optimizer now asks for another point.
        result: The new run, if the evaluations were run anew.
        digest: Of the run.
    """

    path: Path
    n: int = 0
    asked: int = 0
    differ: list[int] = field(default_factory=list)
    result: Result | None = None
    digest: str = ""

    @property
    def exact(self) -> bool:
        """Whether all points were the recorded ones, and the new run, if any, has its digest."""
        if self.result is not None and self.result.history.digest() != self.digest:
            return False
        return not self.differ

    def __str__(self) -> str:
        first = f", the first is evaluation {self.differ[0]}" if self.differ else ""
        told = f"{self.path}: {self.n} results told again, {self.asked} points asked for again"
        if self.result is None:
            return f"{told}; {len(self.differ) or 'none'} of them differ from the record{first}"
        same = "the same digest" if self.exact else "another digest"
        return f"{told} and evaluated anew in {self.result.path}: {same}"


def replay(
    run: str | PathLike[str],
    *,
    optimizee: Any = None,
    space: Any = None,
    into: str | PathLike[str] | None = None,
    executor: Any = None,
) -> Replayed:
    """Ask and tell the optimizer of a run again, in the recorded order.

    Args:
        run: Folder of the run; it is only read.
        optimizee: The optimizee of a run that a script began, of which the folder has only the
            name. None where the configuration says it all.
        space: Its space, where it is a function.
        into: Folder of a new run, in which all evaluations of an asynchronous run are run anew,
            and told in the recorded order. None: the recorded results are told.
        executor: Which executor runs them, a name or a dict; that of the run if None.

    Returns:
        Whether each point was the recorded one; and the new run.

    Raises:
        ConfigError: If the optimizee is needed and not given.
    """
    from l2l.store.reader import Records

    path = Path(run)
    executor = "inline" if into is None else executor  # nothing is evaluated
    with Records(path) as records:
        plan = _plan(records.config, optimizee, space, executor)
        told = Told.since(0, 0, records)
        done = Replayed(path, len(records), digest=records.digest())
        if into is not None:
            if not records.in_order:
                raise ConfigError(
                    "only an asynchronous run has an order to repeat: run the configuration of "
                    f"{path} again in another folder, the digest must be the same"
                )
            done.result = execute(
                plan, Path(into), progress=False, loop=functools.partial(RepeatedLoop, told)
            )
            done.asked = told.n_asks
            return done
        optimizer = plan.make_optimizer()
        plan.warm(optimizer)
        if records.in_order:
            _one_by_one(optimizer, told, done)
        else:
            _by_generation(optimizer, told, done)
    return done


def _plan(config: Mapping[str, Any], optimizee: Any, space: Any, executor: Any) -> Plan:
    """Return the plan of a run."""
    config = dict(config)
    if executor is not None:
        config["executor"] = {"name": executor} if isinstance(executor, str) else dict(executor)
    if optimizee is None:
        if config["source"]["by_value"]:
            raise ConfigError(
                "the run was begun with an optimizee that only its script knows; expected "
                "l2l.replay(run, optimizee=...), and space=... where it is a function"
            )
        return Plan.from_config(config)
    from l2l.loop import Stop

    return Plan.of(
        optimizee,
        config["optimizer"],
        config["executor"],
        Stop(**config["stop"]),
        space=space,
        weights=tuple(config["weights"]),
        seed=config["seed"],
        start=config.get("from"),
        mode=config.get("mode", "generational"),
    )


def _one_by_one(optimizer: Optimizer, told: Told, done: Replayed) -> None:
    """Ask and tell as an asynchronous run does."""
    points: list[Floats] = []
    for row, number in enumerate(told.block["id"].tolist()):
        while len(points) < told.asks_before(row, number):
            if (point := optimizer.ask_one()) is None:
                done.differ.append(len(points))
                return
            points.append(np.array(point, np.float64))
        record = told.record(row)
        recorded, differs = _compared(points[number][None], record, optimizer)
        done.differ += [number] if differs.any() else []
        optimizer.tell_one(evaluation_of(recorded, record, optimizer))
    done.asked = len(points)


def _by_generation(optimizer: Optimizer, told: Told, done: Replayed) -> None:
    """Ask and tell as a generational run does, up to the last generation that is complete."""
    order = np.argsort(told.block["id"], kind="stable")
    block = {**told.block, **select(told.block, order)}
    while done.asked < len(block["id"]):
        points = np.array(optimizer.ask(), np.float64)
        first, last = done.asked, done.asked + len(points)
        if block["id"][-1] < last - 1:  # the last generation is not complete
            return
        record = {**block, **select(block, slice(first, last))}
        if not np.array_equal(record["id"], np.arange(first, last)):
            raise L2LError(f"evaluations {first} to {last - 1} are not all recorded")
        recorded, differs = _compared(points, record, optimizer)
        done.differ += record["id"][differs].tolist()
        optimizer.tell(recorded.told(record, optimizer.space, optimizer.weights))
        done.asked = last


def _compared(points: Floats, record: Block, optimizer: Optimizer) -> tuple[Points, Any]:
    """Return the points as they are recorded, and which of them ``(n,)`` differ."""
    space, ids, values = optimizer.space, record["id"], record["parameters"]
    asked = values.copy()
    if "repair_id" in record:
        at = np.isin(record["repair_id"], ids)
        rows = record["repair_id"][at] - ids[0]
        asked[rows, record["repair_column"][at]] = record["repair_asked"][at]
    differs = (space.from_search(points) != asked).any(axis=1)
    if differs.any():
        points = points.copy()
        points[differs] = space.to_search(asked[differs])
    return Points(ids, points, asked, values), differs
