"""Trajectory: the history of a run as a user reads it.

Reading never disturbs the run: any number of processes may read while it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError, MissingExtra, nearest
from l2l.evaluation import Failure, Floats, Status
from l2l.heldout import HeldOutTests
from l2l.space import Individual, ParameterSpace

if TYPE_CHECKING:
    import pandas as pd

#: Columns of which the arrays are attributes of a trajectory.
FIELDS = (
    "id", "generation", "index", "fitness", "status",
    "draw", "seed", "started", "duration", "worker",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One evaluation.

    Attributes:
        id: Its number in the run.
        generation: Number of its generation.
        index: Place in its generation.
        individual: What was run, a dict.
        fitness: ``(m,)``, NaN where the status is not ok.
        score: Fitness times weights.
        status: How it ended.
        seed: Of its randomness.
        duration: How long it ran, in s.
        observation: ``(k,)`` or None.
        metrics: Further named numbers.
    """

    id: int
    generation: int
    index: int
    individual: Individual
    fitness: Floats
    score: float
    status: Status
    seed: int
    duration: float
    observation: Floats | None = None
    metrics: dict[str, float] = field(default_factory=dict)


class Trajectory:
    """The history of one run, in order of evaluation.

    Columns are attributes (``trajectory.fitness``, ``.status``, ``.seed``, ...), a parameter is
    ``trajectory["tau"]``, an evaluation ``trajectory.entry(id)``. What has been read stays in
    memory; :meth:`refresh` looks for what has come since.

    Args:
        path: The folder of the run.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path).absolute()  # it is read later, too
        self.refresh()

    def refresh(self) -> None:
        """Read the run anew."""
        from l2l.store.reader import Records

        self._records = Records(self.path)
        self._cache: dict[str, NDArray[Any]] = {}
        self._order: NDArray[np.int64] | None = None

    # -- what the run is ----------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return self._records.config

    @property
    def space(self) -> ParameterSpace:
        """The parameter space."""
        return self._records.space

    @property
    def weights(self) -> tuple[float, ...]:
        """One an objective; fitness times weights is maximised."""
        return tuple(self.config["weights"])

    def __len__(self) -> int:
        return int(self._records.tally.n)

    def __repr__(self) -> str:
        return f"Trajectory({str(self.path)!r}: {len(self)} evaluations)"

    # -- columns ------------------------------------------------------------------------------

    def column(self, name: str) -> NDArray[Any]:
        """Return one column, ordered by id; see ``names`` for which there are."""
        if name not in self._cache:
            if self._order is None:
                self._order = np.argsort(self._records.column("id"), kind="stable")
            self._cache[name] = self._records.column(name)[self._order]
        return self._cache[name]

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return self._records.names()

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in FIELDS:
            return self.column(name)
        raise AttributeError(f"a trajectory has no {name!r}; columns: {', '.join(FIELDS)}")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a parameter ``(n, *shape)`` in its own unit, or a metric ``(n,)``, by name."""
        if f"metrics/{name}" in self.names:
            return self.column(f"metrics/{name}")
        names = self.space.names
        if name not in names:
            raise L2LError(f"the run has no parameter or metric {name!r}; {nearest(name, names)}")
        parameter = self.space.parameters[names.index(name)]
        values = self.parameters[:, self.space.slice(name)]
        if parameter.kind == "categorical":
            values = np.array(parameter.choices, dtype=object)[values.astype(int)]
        return values.reshape(len(values), *parameter.shape)

    @property
    def parameters(self) -> Floats:
        """``(n, d)`` values that were evaluated, in the parameters' own units."""
        return self.column("parameters")

    @property
    def observation(self) -> Floats | None:
        """``(n, k)`` observations, or None if the optimizee gives none."""
        return self.column("observation") if "observation" in self.names else None

    @property
    def gradient(self) -> Floats | None:
        """``(n, m, d)`` of each objective by each column of parameters, in their own units.

        NaN where there is none; None if the run has not used ``value_and_grad``.
        """
        if "gradient" not in self.names:
            return None
        return self.column("gradient").reshape(len(self), -1, self.space.size)

    @property
    def metrics(self) -> dict[str, Floats]:
        """``(n,)`` each."""
        keys = [name for name in self.names if name.startswith("metrics/")]
        return {key.partition("/")[2]: self.column(key) for key in keys}

    @property
    def score(self) -> Floats:
        """``(n,)`` fitness times weights; -inf where an evaluation did not end ok."""
        scores = np.nan_to_num(self.fitness) @ np.asarray(self.weights)
        return np.where(self.status == Status.OK, scores, -np.inf)

    @property
    def tests(self) -> HeldOutTests:
        """Results on held-out tasks; none unless the run was begun with ``test_every``."""
        return HeldOutTests.of(self._records.tests, len(self.weights), self.space.size)

    # -- evaluations --------------------------------------------------------------------------

    def entry(self, number: int) -> Entry:
        """Return the evaluation with a given id."""
        row = int(np.searchsorted(self.id, number))
        if row == len(self) or self.id[row] != number:
            raise L2LError(f"{self.path} has no evaluation {number}; it has {len(self)}")
        return self._entry({name: self.column(name)[row] for name in self._of_entry})

    @property
    def _of_entry(self) -> list[str]:
        """Names of the columns that an entry shows."""
        seen = ("parameters", "observation")
        return [n for n in self.names if n in FIELDS or n in seen or n.startswith("metrics/")]

    def _entry(self, record: dict[str, Any]) -> Entry:
        """Return the entry of one row."""
        status, fitness = Status(record["status"]), record["fitness"]
        ok = status is Status.OK
        return Entry(
            **{name: int(record[name]) for name in ("id", "generation", "index", "seed")},
            individual=self.space.unflatten(record["parameters"]),
            fitness=fitness,
            score=float(fitness @ np.asarray(self.weights)) if ok else float("-inf"),
            status=status,
            duration=float(record["duration"]),
            observation=record.get("observation"),
            metrics={n[8:]: float(v) for n, v in record.items() if n.startswith("metrics/")},
        )

    @property
    def best(self) -> Entry:
        """The best evaluation of all (the first of equals)."""
        best = self._records.tally.best
        if best is None:
            raise L2LError(f"no evaluation of {self.path} has ended ok yet")
        row = self._records.columns(self._of_entry, best.row, best.row + 1)  # not all of them
        return self._entry({name: column[0] for name, column in row.items()})

    def in_generation(self, number: int) -> list[Entry]:
        """Return the evaluations of one generation, by place."""
        return [self.entry(int(i)) for i in self.id[self.generation == number]]

    def __iter__(self) -> Iterator[Entry]:
        return (self.entry(int(i)) for i in self.id)

    def failures(self) -> list[Failure]:
        """Return what is kept of all attempts that did not end ok."""
        return list(self._records.failures())

    # -- summaries ----------------------------------------------------------------------------

    def best_so_far(self) -> Floats:
        """Return ``(n,)`` the best score up to each evaluation."""
        return np.maximum.accumulate(self.score)

    def generations(self, metric: str | None = None) -> dict[str, NDArray[Any]]:
        """Return one array a quantity, with one row a generation.

        ``generation``, ``n``, ``ok`` (numbers of evaluations), and of the fitness of those that
        ended ok ``best``, ``mean``, ``std``, each ``(g, m)``; NaN where none did.

        Args:
            metric: Of this metric in place of fitness, each ``(g, 1)``; ``best`` is that of the
                individual with the best fitness.
        """
        values = self.fitness if metric is None else self._metric(metric)[:, None]
        numbers, inverse, n = np.unique(self.generation, return_inverse=True, return_counts=True)
        good = (self.status == Status.OK) & np.isfinite(values).all(axis=1)
        ok = np.bincount(inverse[good], minlength=len(numbers))
        shape = (len(numbers), values.shape[1])
        best, total, squares = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
        np.add.at(total, inverse[good], values[good])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / ok[:, None]
            np.add.at(squares, inverse[good], (values[good] - mean[inverse[good]]) ** 2)
            std = np.sqrt(squares / ok[:, None])
        order = np.lexsort((self.score, inverse))  # the best of each generation comes last
        last = order[np.cumsum(n) - 1]
        best[ok > 0] = values[last][ok > 0]
        return {"generation": numbers, "n": n, "ok": ok, "best": best, "mean": mean, "std": std}

    def _metric(self, name: str) -> Floats:
        """Return a metric ``(n,)``."""
        if name not in (known := self.metrics):
            raise L2LError(f"the run has no metric {name!r}; {nearest(name, known)}")
        return known[name]

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row an evaluation, and the columns of ``l2l export``."""
        from l2l.store.export import table_columns

        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas") from None
        columns = table_columns(self._records)
        table = {column.name: column.values(self.column(column.source)) for column in columns}
        return pd.DataFrame(table).set_index("id")

    def digest(self, tests: bool = True) -> str:
        """Return a SHA-256 of all that the same run must reproduce, independent of timing.

        Args:
            tests: Whether tests on held-out tasks count, but for the extra ones at the end. Without
                them the digest is that of the same run untested.
        """
        return str(self._records.digest(tests))


def load(path: str | PathLike[str]) -> Trajectory:
    """Return the trajectory of the run in folder ``path``."""
    return Trajectory(path)
