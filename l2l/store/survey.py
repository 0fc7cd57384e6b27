"""Survey: one pass over the journals that finds where things are, and counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError
from l2l.evaluation import Failure, Status
from l2l.records import merge, select
from l2l.store import frames as fr
from l2l.store.blocks import (
    ASKS,
    COLUMNS,
    REPAIRS,
    SIDE,
    Block,
    decode_block,
    decode_failures,
    dtype_of,
    pad,
    repairs_from,
    rows_of,
    shape_of,
)
from l2l.store.contents import Contents, Part
from l2l.store.history import History
from l2l.store.state import Snapshot, decode_state, stands, usable
from l2l.store.tally import Tally

#: Larger than any id.
_NO_ID = np.iinfo(np.int64).max
#: Rows that are counted at once.
_BATCH = 4096


@dataclass(slots=True)
class Place:
    """Where a frame lies, and how many rows it has (blocks only)."""

    part: Part
    frame: fr.Frame
    rows: int = 0

    def payload(self) -> memoryview:
        """Read the frame again."""
        return self.part.source.read(self.frame.start, self.frame.length)


class Survey:
    """What the history and the journals of a run hold together.

    Args:
        contents: The run.
        weights: One an objective, for the tally.
        count: Whether to count what is not sealed.
        in_order: Whether results are told in order of landing.

    Attributes:
        contents: The run.
        blocks: Where the blocks of results lie that are not sealed yet.
        failures: Where the failures lie that are not sealed yet.
        tests: Where the results on held-out tasks lie that are not sealed yet.
        states: Generation, ``told`` and place of the states that are not sealed yet, and the
            number of rows before each.
        events: What has happened to the run.
        tally: Counts of everything.
        shapes: Shape of one row of each column that exists.
    """

    def __init__(
        self,
        contents: Contents,
        weights: tuple[float, ...],
        count: bool = True,
        in_order: bool = False,
    ) -> None:
        self.contents = contents
        self.in_order = in_order
        self.blocks: list[Place] = []
        self.failures: list[Place] = []
        self.tests: list[Place] = []
        self.states: list[tuple[int, int, Place, int]] = []
        self.events: list[dict[str, Any]] = []
        self.tally = Tally(weights)
        self.shapes: dict[str, tuple[int, ...]] = {}
        history = contents.history
        if history is not None:
            self.events += history.events()
            self.shapes.update(history.shapes)
            self.tally = Tally.from_description(
                history.description("tally"),
                weights,
                self._best_values,
            )
        self._scan(count)

    def _best_values(self, row: int) -> NDArray[np.float64]:
        """Return the parameters of the best evaluation; a run must open without them, too."""
        history = self.contents.history
        assert history is not None
        try:
            values: NDArray[np.float64] = history.column("parameters", row, row + 1)[0]
        except StoreError as error:
            self.contents.damage.append(str(error))
            return np.full(history.shapes["parameters"], np.nan)
        return values

    def _scan(self, count: bool) -> None:
        waiting: list[Block] = []
        rows, last, before = 0, None, self.sealed
        for frame, payload, part in self.contents.frames():
            if frame.kind == fr.BLOCK:
                n, shapes = shape_of(payload)
                if shapes is not last:
                    last = shapes
                    for name, shape in shapes.items():
                        self.shapes[name] = max(self.shapes.get(name, ()), shape)
                self.blocks.append(Place(part, frame, n))
                waiting.append(decode_block(payload, Tally.NEEDS))
                rows += n
                before += n
                if rows >= _BATCH or len(payload) > fr.WINDOW:
                    self._count(waiting)
                    waiting, rows = [], 0
            elif frame.kind == fr.FAILURES:
                self.failures.append(Place(part, frame))
            elif frame.kind == fr.TEST:
                self.tests.append(Place(part, frame, shape_of(payload)[0]))
            elif frame.kind == fr.STATE:
                self.states.append((*stands(payload), Place(part, frame), before))
            elif frame.kind == fr.NOTE:
                self.events.append(json.loads(bytes(payload)))
        self._count(waiting)

    def _count(self, blocks: list[Block]) -> None:
        if blocks:
            self.tally.add({n: np.concatenate([b[n] for b in blocks]) for n in Tally.NEEDS})

    # -- reading ------------------------------------------------------------------------------

    @property
    def sealed(self) -> int:
        """Number of rows that are sealed."""
        return self.contents.history.rows if self.contents.history else 0

    @property
    def rows(self) -> int:
        """Number of rows of all, counted or not."""
        return self.sealed + sum(place.rows for place in self.blocks)

    def pieces(self, names: list[str], first: int, last: int) -> Iterator[Block]:
        """Yield rows ``first`` to ``last`` of some columns, in pieces, in order of landing.

        A column that a piece of the journal lacks is missing there.
        """
        history = self.contents.history
        if history is not None and first < self.sealed:
            end = min(last, self.sealed)
            yield {name: history.column(name, first, end) for name in names if name in history}
        begin = self.sealed
        for place in self.blocks:
            a, b = max(first - begin, 0), min(last - begin, place.rows)
            if a < b:
                block = decode_block(place.payload(), names)
                yield {name: column[a:b] for name, column in block.items()}
            begin += place.rows
            if begin >= last:
                return

    def ids(self) -> NDArray[np.int64]:
        """Return all recorded ids, in order of landing."""
        pieces = [piece["id"] for piece in self.pieces(["id"], 0, self.tally.n)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    def since(self, first_id: int, shapes: Mapping[str, tuple[int, ...]]) -> Block:
        """Return all records whose id is at least ``first_id``, ordered by id.

        Args:
            first_id: The smallest id.
            shapes: Shape of one row of each column, for one of which there is no row.
        """
        names = [*COLUMNS, *(n for n in self.shapes if n not in COLUMNS and n not in SIDE)]
        ids = self.ids()
        rows = np.flatnonzero(ids >= first_id)
        if not len(rows):
            return {n: np.zeros((0, *shapes.get(n, ())), dtype_of(n)) for n in names}
        order = np.argsort(ids[rows], kind="stable")
        pieces = [
            rows_of(piece, piece["id"] >= first_id)
            for piece in self.pieces(names, int(rows[0]), int(rows[-1]) + 1)
        ]
        counts = [len(piece["id"]) for piece in pieces]
        block = {}
        for name in names:
            block[name] = pad([piece.pop(name, None) for piece in pieces], counts, name)[order]
        repairs = [repairs_from(piece, first_id) for piece in self.repairs()]
        for name in REPAIRS:
            if any(len(piece[name]) for piece in repairs):
                block[name] = np.concatenate([piece[name] for piece in repairs])
        return block

    def landed(self, first: int, shapes: Mapping[str, tuple[int, ...]]) -> Block:
        """Return all records from row ``first`` on, in order of landing, with all repairs."""
        names = [*COLUMNS, *(n for n in self.shapes if n not in COLUMNS and n not in SIDE)]
        pieces = list(self.pieces(names, first, self.rows))
        if not pieces:
            return {n: np.zeros((0, *shapes.get(n, ())), dtype_of(n)) for n in names}
        counts = [len(piece["id"]) for piece in pieces]
        block = {n: pad([piece.get(n) for piece in pieces], counts, n) for n in names}
        repairs = list(self.repairs())
        return block | {
            name: np.concatenate([piece[name] for piece in repairs]) for name in REPAIRS if repairs
        }

    def known(self) -> NDArray[np.int64]:
        """Return how many results had been told when each point was asked for, by id.

        ``(n,)`` of an asynchronous run, up to the last one that is recorded; -1 where that was
        damaged. Of a generational run ``(0,)``.
        """
        history = self.contents.history
        parts = [np.zeros(0, np.int64) if history is None else history.known()]
        if "ask_id" in self.shapes:
            asks = [decode_block(place.payload(), list(ASKS)) for place in self.blocks]
            ids = np.concatenate([np.zeros(0, np.int64), *(b["ask_id"] for b in asks if b)])
            known = np.concatenate([np.zeros(0, np.int64), *(b["ask_known"] for b in asks if b)])
            whole = np.full(max(len(parts[0]), int(ids.max(initial=-1)) + 1), -1, np.int64)
            whole[: len(parts[0])] = parts[0]
            whole[ids] = known
            return whole
        return parts[0]

    def repairs(self) -> Iterator[Block]:
        """Yield the three columns of repairs, in pieces."""
        if self.contents.history is not None:
            yield self.contents.history.repairs()
        if "repair_id" in self.shapes:
            for place in self.blocks:
                block = decode_block(place.payload(), list(REPAIRS))
                if block:
                    yield block

    def all_failures(self) -> Iterator[Failure]:
        """Yield what is kept of all attempts that did not end ok, in order of landing."""
        history = self.contents.history
        if history is not None:
            for first in range(0, history.n_failures, 64):
                yield from history.failures(first, first + 64)
        for place in self.failures:
            yield from decode_failures(place.payload())

    def lost(self) -> set[int]:
        """Return the evaluations of which an attempt was lost with its node or job."""
        history = self.contents.history
        found = set() if history is None else history.lost()
        for place in self.failures:
            failures = decode_failures(place.payload())
            found |= {f.id for f in failures if f.status is Status.LOST}
        return found

    def generation(self, number: int, shapes: Mapping[str, tuple[int, ...]]) -> Block:
        """Return all records of one generation, ordered by id; ``shapes`` as for :meth:`since`."""
        pieces = list(self.pieces(["id", "generation"], 0, self.rows))
        firsts = [p["id"][p["generation"] == number].min(initial=_NO_ID) for p in pieces]
        block = self.since(min(map(int, firsts), default=0), shapes)
        return rows_of(block, block["generation"] == number)

    def test_ids(self) -> set[int]:
        """Return the ids of all recorded results on held-out tasks."""
        sealed = self._sealed_tests(lambda history: {"id": history.test_ids()})
        ids = set(sealed["id"].tolist()) if sealed else set()
        for place in self.tests:
            ids.update(decode_block(place.payload(), ["id"])["id"].tolist())
        return ids

    def all_tests(self) -> Block:
        """Return all results on held-out tasks, in the order in which they are due.

        Empty where there are none. Their ids are negative; ``index`` is the part of the tasks.
        """
        sealed = self._sealed_tests(lambda history: history.tests())
        pieces = [sealed] if sealed else []
        pieces += [decode_block(place.payload()) for place in self.tests]
        return select(merge(pieces), slice(None, None, -1)) if pieces else {}

    def _sealed_tests(self, read: Callable[[History], Block]) -> Block:
        """Return what is read of the sealed tests; a run must be of use without them, too."""
        try:
            return {} if self.contents.history is None else read(self.contents.history)
        except StoreError as error:
            if str(error) not in self.contents.damage:
                self.contents.damage.append(str(error))
            return {}

    def stands(self, complete: int | None = None) -> tuple[int, int] | None:
        """Return generation and ``told`` of the state that a resume goes on from."""
        state = self._state(complete)
        if state is not None:
            return state[:2]
        return self.contents.history.stands if self.contents.history else None

    def snapshot(self, complete: int | None = None) -> Snapshot | None:
        """Return the last state of which all results are recorded.

        Args:
            complete: All smaller ids are recorded. A state that has been told more rests on a
                result that was damaged; an older one leads to its being evaluated again.
        """
        state = self._state(complete)
        if state is not None:
            return decode_state(state[2].payload())
        return self.contents.history.snapshot() if self.contents.history else None

    def _state(self, complete: int | None) -> tuple[int, int, Place, int] | None:
        fit = [s for s in self.states if usable(s[1], s[3], complete, self.in_order)]
        return fit[-1] if fit else None
