"""Points on their way to workers and back: what was asked for, what is run, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from l2l.evaluation import Evaluations, Floats, Ints, Job, Status, seeded_globals
from l2l.loop.base import Bounding
from l2l.optimizer import Optimizer
from l2l.records import Block
from l2l.space import ParameterSpace


@dataclass
class Points:
    """Some points, and what is known of them.

    Attributes:
        ids: ``(n,)`` numbers of their evaluations in the run.
        points: ``(n, d)`` what the optimizer asked for, in search coordinates.
        asked: ``(n, d)`` the same as values.
        values: ``(n, d)`` values that are evaluated, after bounding and rounding.
    """

    ids: Ints
    points: Floats
    asked: Floats
    values: Floats

    @classmethod
    def of(
        cls,
        ids: Ints,
        points: Floats,
        space: ParameterSpace,
        bounding: Bounding | None,
        seed: int,
    ) -> Points:
        """Return points that were asked for; ``seed`` is what ``bounding`` may draw from."""
        asked = space.from_search(points)
        values = space.repair(asked)
        if bounding is not None:
            with seeded_globals(seed):
                values = space.confined(values, bounding)
        return cls(ids, points, asked, values)

    def job(self, place: int, generation: int, index: int, seed: int) -> Job:
        """Return the job that evaluates one of them."""
        return Job(int(self.ids[place]), generation, index, 0, seed, self.values[place])

    def prefer_record(self, recorded: Block, space: ParameterSpace) -> int:
        """Take what was evaluated already from the record, where it differs.

        Args:
            recorded: Records, with their repairs.
            space: The parameter space.

        Returns:
            How many differ.
        """
        rows = np.flatnonzero(np.isin(recorded["id"], self.ids))
        if not len(rows):
            return 0
        places = recorded["id"][rows] - self.ids[0]
        values = recorded["parameters"][rows]
        differs = ~(values == self.values[places]).all(axis=1)
        if differs.any():
            at = places[differs]
            self.values[at] = self.asked[at] = values[differs]
            self._restore_asked(recorded, at)
            self.points[at] = space.to_search(self.asked[at])
        return int(differs.sum())

    def _restore_asked(self, recorded: Block, places: Any) -> None:
        """Put the asked values of repaired elements back in place."""
        numbers = self.ids[places]
        known = "repair_id" in recorded
        at = np.isin(recorded["repair_id"], numbers) if known else np.zeros(0, bool)
        if at.any():
            rows = recorded["repair_id"][at] - self.ids[0]
            self.asked[rows, recorded["repair_column"][at]] = recorded["repair_asked"][at]

    def told(
        self, records: Block, space: ParameterSpace, weights: tuple[float, ...]
    ) -> Evaluations:
        """Return what the optimizer is told: records in the order of these points."""
        repaired = (self.values != self.asked).any(axis=1)
        evaluated = self.points
        if repaired.any():
            evaluated = evaluated.copy()
            evaluated[repaired] = space.to_search(self.values[repaired])
        metrics = {k.partition("/")[2]: v for k, v in records.items() if k.startswith("metrics/")}
        return Evaluations(
            id=self.ids,
            asked=self.points,
            evaluated=evaluated,
            fitness=records["fitness"],
            status=records["status"],
            observation=records.get("observation"),
            metrics=metrics,
            gradient=self._gradient(records, space, weights),
        )

    def _gradient(
        self, records: Block, space: ParameterSpace, weights: tuple[float, ...]
    ) -> Floats | None:
        """Return the gradients ``(n, d)`` of the scores by the search coordinates, if there are."""
        if "gradient" not in records:
            return None
        each = records["gradient"].reshape(len(self.ids), len(weights), -1)
        by_value: Floats = np.einsum("nmd,m->nd", each, np.asarray(weights))
        return by_value * space.slope(self.values)


def recommended_values(optimizer: Optimizer, bounding: Bounding | None, seed: int) -> Floats | None:
    """Return the values ``(d,)`` that an optimizer would settle for, inside all bounds, or None.

    ``seed`` is what ``bounding`` may draw from.
    """
    point = optimizer.recommended
    if point is None:
        return None
    settled = Points.of(np.zeros(1, np.int64), point[None], optimizer.space, bounding, seed)
    values: Floats = settled.values[0]
    return values


def evaluation_of(point: Points, record: Block, optimizer: Optimizer) -> Evaluations:
    """Return the one evaluation that the optimizer is told.

    It must not depend on which others have landed with it: what only stands in the record because
    others have it is left out.
    """
    evaluations = point.told(record, optimizer.space, optimizer.weights)
    observation = evaluations.observation
    if observation is not None:
        there = np.flatnonzero(np.isfinite(observation[0]))
        whole = evaluations.status[0] == Status.OK and len(there) > 0
        evaluations.observation = observation[:, : there[-1] + 1] if whole else None
    metrics = evaluations.metrics
    evaluations.metrics = {name: metrics[name] for name in sorted(metrics)
                           if not np.isnan(metrics[name][0])}  # fmt: skip
    if not optimizer.gradients:
        evaluations.gradient = None
    elif evaluations.gradient is None:
        evaluations.gradient = np.full_like(evaluations.asked, np.nan)
    return evaluations


def summary(
    number: int, evaluations: Evaluations, weights: tuple[float, ...], tally: Any
) -> dict[str, Any]:
    """Return the numbers that a person wants to see of a generation."""
    ok = evaluations.ok
    scores = evaluations.scores(weights)
    fitness = evaluations.fitness[ok][:, 0]
    best = evaluations.fitness[int(np.argmax(scores)), 0] if ok.any() else np.nan
    return {
        "generation": number,
        "n": len(evaluations),
        "ok": int(ok.sum()),
        "best": float(best),
        "best_so_far": float(tally.best.fitness[0]) if tally.best else float("nan"),
        "mean": float(fitness.mean()) if ok.any() else float("nan"),
        "std": float(fitness.std()) if ok.any() else float("nan"),
        "evaluations": tally.n,
    }


def together(told: list[Evaluations]) -> Evaluations:
    """Return what was told one by one as one generation, for its summary."""
    return Evaluations(
        id=np.concatenate([e.id for e in told]),
        asked=np.concatenate([e.asked for e in told]),
        evaluated=np.concatenate([e.evaluated for e in told]),
        fitness=np.concatenate([e.fitness for e in told]),
        status=np.concatenate([e.status for e in told]),
    )
