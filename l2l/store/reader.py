"""Records: the run folder as any number of readers see it, while the run goes on or after."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError, nearest
from l2l.evaluation import Failure, Status
from l2l.records import select
from l2l.space import ParameterSpace
from l2l.store import files, owner
from l2l.store.blocks import COLUMNS, MADE, SIDE, WIDE, Block, dtype_of, pad
from l2l.store.contents import open_contents
from l2l.store.frames import view
from l2l.store.state import Snapshot
from l2l.store.survey import Survey
from l2l.store.tally import Tally

#: Columns that the same run must reproduce, in the order in which the digest takes them.
CANONICAL = ("id", "generation", "index", "parameters", "fitness", "status", "draw", "seed")
#: Rows of a piece are chosen so that it has about so many bytes.
_PIECE = 16 << 20


class Records:
    """All that is recorded of a run at the moment of opening. A context manager.

    It never blocks the writer, and is not disturbed by it: the files that it has opened stay what
    they were.

    Args:
        path: The run folder.

    Raises:
        StoreError: If it is no run, or can't be read.

    Attributes:
        path: The run folder.
        tally: Counts of everything.
        events: What has happened to the run, a dict each.
        damage: What could not be read, in words.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._contents = open_contents(self.path)
        self.config: dict[str, Any] = files.read_config(self.path)
        self._survey = Survey(
            self._contents,
            files.weights_of(self.config),
            in_order=files.told_in_order(self.config),
        )
        self.tally: Tally = self._survey.tally
        self.events: list[dict[str, Any]] = self._survey.events
        self.damage: list[str] = self._contents.damage

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._contents.close()

    def __len__(self) -> int:
        return self.tally.n

    # -- what the run is ----------------------------------------------------------------------

    @functools.cached_property
    def provenance(self) -> dict[str, Any]:
        """What the run was started with; ``resumed`` says what was different later."""
        return files.read_provenance(self.path)

    @functools.cached_property
    def space(self) -> ParameterSpace:
        """The parameter space."""
        if "space" not in self.config:
            raise StoreError(f"{self.path / 'run.yaml'} names no space")
        return ParameterSpace.from_description(self.config["space"])

    @property
    def owner(self) -> dict[str, Any] | None:
        """Who holds the run, or None if nobody does (its last holder closed it, or is dead)."""
        holder: dict[str, Any] | None = self._contents.header["owner"]
        if self._contents.released or not holder:
            return None
        journal = self.path / f"journal-{self._contents.number}"
        return holder if owner.is_alive(holder, journal) else None

    @property
    def released(self) -> bool:
        """Whether the last writer closed the run; False while it runs and after a crash."""
        return self._contents.released

    @property
    def stands(self) -> tuple[int, int] | None:
        """Generation and ``told`` of the optimizer's last state, or None."""
        return self._survey.stands()

    def last_snapshot(self) -> Snapshot | None:
        """Return the optimizer's last state, or None."""
        return self._survey.snapshot()

    def failures(self) -> list[Failure]:
        """Return what is kept of all attempts that did not end ok, in order of landing.

        Of an attempt that was repeated because the run was cut off, the last report; but every
        loss with a node or job, for each of them was an attempt of its own.
        """
        found: dict[tuple[int, ...], Failure] = {}
        for place, failure in enumerate(self.iter_failures()):
            which = (place,) if failure.status is Status.LOST else (failure.id, failure.draw)
            found[which] = failure
        return list(found.values())

    def iter_failures(self) -> Iterator[Failure]:
        """Yield what :meth:`failures` returns; an attempt that was repeated may come twice."""
        return self._survey.all_failures()

    def lost(self) -> int:
        """Return how many evaluations were lost with their node or job and tried again."""
        ids = {number for number in self._survey.lost() if number >= 0}  # not those of tests
        if not ids:
            return 0
        status, numbers = self.column("status"), self.column("id")
        return len(ids.difference(numbers[status == Status.LOST].tolist()))

    # -- columns ------------------------------------------------------------------------------

    @property
    def in_order(self) -> bool:
        """Whether results were told in order of landing: whether the run is asynchronous."""
        return files.told_in_order(self.config)

    def known(self) -> NDArray[np.int64]:
        """Return how many results had been told when each point was asked for, by id.

        Of an asynchronous run; -1 where that is damaged.
        """
        return self._known

    @functools.cached_property
    def _known(self) -> NDArray[np.int64]:
        return self._survey.known()

    def landed(self, first_row: int = 0) -> Block:
        """Return all records from a row on, in order of landing, with the repairs of all."""
        names = ("parameters", "fitness")
        return self._survey.landed(first_row, {name: self._default_shape(name) for name in names})

    def names(self) -> list[str]:
        """Return the names of all columns with a row an evaluation."""
        found = [name for name in self._survey.shapes if name not in SIDE]
        made = MADE if self.in_order else ()
        return [*COLUMNS, *made, *sorted(name for name in found if name not in COLUMNS)]

    def width(self, name: str) -> int:
        """Return how many values a row of a wide column has."""
        return math.prod(self._survey.shapes.get(name, self._default_shape(name)))

    def column(self, name: str, first: int = 0, last: int | None = None) -> NDArray[Any]:
        """Return rows ``first`` to ``last`` of a column, in order of landing.

        Args:
            name: One of :meth:`names`.
            first: First row.
            last: Row behind the last one; all if None.

        Returns:
            ``(n,)``, or ``(n, d)`` parameters, ``(n, m)`` fitness, ``(n, k)`` observation,
            ``(n, m * d)`` gradient.
        """
        return self.columns([name], first, last)[name]

    def columns(self, names: list[str], first: int = 0, last: int | None = None) -> Block:
        """Return rows of several columns; reads the journal once for all of them."""
        known = self.names()
        if unknown := set(names).difference(known):
            name = min(unknown)
            raise StoreError(f"no column {name!r}; {nearest(name, known)}")
        last = self.tally.n if last is None else min(last, self.tally.n)
        stored = [name for name in names if name not in MADE]
        wanted = list(dict.fromkeys([*stored, "id"]))  # the ids say how many rows a piece has
        pieces = list(self._survey.pieces(wanted, first, last))
        counts = [len(piece["id"]) for piece in pieces]
        ids = [piece["id"] for piece in pieces]
        block = {name: self._joined(name, pieces, counts) for name in stored}
        return {n: block[n] if n in block else self._made(n, first, ids) for n in names}

    def _made(self, name: str, first: int, pieces: list[NDArray[np.int64]]) -> NDArray[Any]:
        """Return a column that is made from others, of the rows with these ids."""
        ids = np.concatenate([np.zeros(0, np.int64), *pieces])
        if name == "landed":
            return np.arange(first, first + len(ids))
        known = np.full(max(len(self._known), int(ids.max(initial=-1)) + 1), -1, np.int64)
        known[: len(self._known)] = self._known
        of_each: NDArray[np.int64] = known[ids]
        return of_each

    def _joined(self, name: str, pieces: list[Block], counts: list[int]) -> NDArray[Any]:
        shape = self._survey.shapes.get(name, self._default_shape(name))
        if not pieces:
            return np.zeros((0, *shape), dtype_of(name))
        column = pad([piece.pop(name, None) for piece in pieces], counts, name)
        if column.shape[1:] == shape:
            return column
        whole = np.full((len(column), *shape), np.nan)  # an observation that has grown wider
        if column.ndim == 2:
            whole[:, : column.shape[1]] = column
        return whole

    def _default_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one row of a column of which there are no rows yet."""
        if name == "fitness":
            return (len(self.tally.weights),)
        return (self.space.size,) if name == "parameters" else ()

    def asked(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        """Return the elements that were changed before they were run, ordered by id and column.

        Returns:
            id, column of ``parameters``, and the value that the optimizer had asked for; ``(k,)``
            each.
        """
        pieces = list(self._survey.repairs())
        ids, columns, values = (
            np.concatenate([np.zeros(0, dtype_of(name)), *(piece[name] for piece in pieces)])
            for name in ("repair_id", "repair_column", "repair_asked")
        )
        order = np.lexsort((columns, ids))
        return ids[order], columns[order], values[order]

    @functools.cached_property
    def tests(self) -> Block:
        """All results on held-out tasks, in the order in which they were due; empty if none.

        Their ids are negative, and ``index`` is the part of the tasks.
        """
        return self._survey.all_tests()

    # -- everything, in pieces ----------------------------------------------------------------

    def iter_by_id(self, names: list[str]) -> Iterator[Block]:
        """Yield some columns ordered by id, in pieces of a few MB."""
        ids = self._survey.ids()
        order = np.argsort(ids, kind="stable")
        widths = (self._survey.shapes.get(name, ()) for name in names)
        bytes_a_row = sum(8 * int(np.prod(shape)) for shape in widths)
        rows = max(1, min(65536, _PIECE // max(1, bytes_a_row)))
        for start in range(0, len(order), rows):
            yield self._gathered(names, order[start : start + rows])

    def _gathered(self, names: list[str], rows: NDArray[np.int64]) -> Block:
        """Return some rows of some columns, in the given order."""
        first, last = int(rows.min()), int(rows.max()) + 1
        if last - first <= 4 * len(rows):
            block = self.columns(names, first, last)
            return {name: column[rows - first] for name, column in block.items()}
        one_by_one = [self.columns(names, int(row), int(row) + 1) for row in rows]
        return {name: np.concatenate([b[name] for b in one_by_one]) for name in names}

    def digest(self, tests: bool = True) -> str:
        """Return a SHA-256 (hexadecimal) of all that the same run must reproduce.

        It takes the evaluations ordered by id, so neither the order in which they landed, nor
        what is sealed, nor times, hosts and workers change it. Of an asynchronous run the order in
        which they landed, and what was known when each was asked for, count too. Tests on held-out
        tasks count where there are any, but for an extra one at the end, which depends on when the
        run was told to stop.

        Args:
            tests: Whether tests count. Without them a run has the digest that it has untested.
        """
        evaluations = self._digest()
        every = files.test_every(self.config)
        if not tests or every is None or not self.tests:
            return evaluations
        total = hashlib.sha256(evaluations.encode())
        block = select(self.tests, self.tests["generation"] % every == 0)
        for name in [*CANONICAL, *sorted(n for n in block if n.startswith("metrics/"))]:
            total.update(f"{name} {block[name].dtype.str} {block[name].shape}\n".encode())
            total.update(_canonical(block[name]))
        return total.hexdigest()

    def _digest(self) -> str:
        """Return the digest of the evaluations."""
        extra = [n for n in self.names() if n in WIDE or n.startswith("metrics/") or n in MADE]
        names = [*CANONICAL, *extra]
        hashes = {name: hashlib.sha256() for name in names}
        for block in self.iter_by_id(names):
            for name in names:
                hashes[name].update(_canonical(block[name]))
        total = hashlib.sha256()
        for name in names:
            shape = self._survey.shapes.get(name, ())
            total.update(f"{name} {dtype_of(name).str} {shape} {self.tally.n}\n".encode())
            total.update(hashes[name].digest())
        for array in self.asked():
            total.update(_canonical(array))
        return total.hexdigest()


def _canonical(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array; all NaN have the same bits."""
    if array.dtype.kind == "f" and np.isnan(array).any():
        array = np.where(np.isnan(array), np.nan, array)
    return view(array)
