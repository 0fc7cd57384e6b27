"""Store: the run folder as its one writer sees it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from l2l.errors import RunExists, RunLocked, StoreError
from l2l.evaluation import Failure, Status
from l2l.store import claims, files, owner, takeover
from l2l.store import frames as fr
from l2l.store.blocks import (
    Block,
    encode_block,
    encode_failures,
    rows_of,
)
from l2l.store.contents import Contents, open_contents
from l2l.store.journal import Journal, explain
from l2l.store.seal import check_space, write_history
from l2l.store.state import Snapshot, encode_state
from l2l.store.survey import Survey
from l2l.store.tally import IdSet, Tally

log = logging.getLogger("l2l")

#: Results of fewer bytes than this are not worth a seal while the run goes on.
SEAL_FROM = 4 << 20

#: A block of so many bytes is written in two steps, of which the first keeps the disk busy.
LARGE = 1 << 20

#: A take-over that finds so many journals seals them: each takes a file descriptor to read.
MANY_PARTS = 16


class Store:
    """The one writer of a run; made by :meth:`create` or :meth:`open`. A context manager.

    Attributes:
        path: The run folder.
        config: What ``run.yaml`` holds.
        tally: Running counts of all that is recorded.
        first_failure: The first attempt that did not end ok, or None.
        damage: What could not be read when the run was opened, in words.
        tested: Ids of all recorded tests on held-out tasks.
    """

    def __init__(
        self, path: Path, config: dict[str, Any], fd: int, head: dict[str, Any], survey: Survey
    ) -> None:
        self.path = path
        self.config = config
        self.tally: Tally = survey.tally
        self.first_failure: Failure | None = next(survey.all_failures(), None)
        self.damage = list(survey.contents.damage)
        self._ids = IdSet(survey.ids())
        self.tested = survey.test_ids()
        self._shapes = survey.shapes
        self._adopt(fd, head)
        self._since_state = 0
        unsealed = survey.blocks + survey.failures + survey.tests
        self._results = sum(place.frame.length for place in unsealed)
        self._last_state = survey.snapshot(self._ids.complete)
        self._state_print = _print(self._last_state)
        self._unsealed = bool(unsealed or survey.states)
        self._seal_from = SEAL_FROM
        self._lost: RunLocked | None = None
        self._key = takeover.key(path)
        takeover.held.add(self._key)

    def _adopt(self, fd: int, head: dict[str, Any]) -> None:
        """Go on with a journal that this process has claimed."""
        self._head = head
        self._number = int(head["epoch"])
        self._journal = Journal(self.path / f"journal-{self._number}", fd)
        owner.lock(fd)

    # -- making and opening -------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | PathLike[str], config: Mapping[str, Any]) -> Self:
        """Make a run folder, all or nothing.

        Raises:
            RunExists: If there is one already, or another file or folder that is not empty.
            StoreError: If it can't be written.
        """
        path = Path(path).absolute()
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise RunExists(f"{path} exists already; resume it, or choose another folder")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = takeover.temporary_folder(path)
            try:
                takeover.fill(new, dict(config))
                os.rename(new, path)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            claims.fsync_folder(path.parent)
            fd = os.open(path / "journal-1", os.O_RDWR)
        except OSError as error:
            if path.exists() and any(path.iterdir()):
                raise RunExists(f"{path} has just been made by another process") from error
            raise StoreError(explain(error, path)) from error
        with open_contents(path) as contents:
            survey = _survey(contents, dict(config))
            return cls(path, dict(config), fd, contents.header, survey)

    @classmethod
    def open(cls, path: str | PathLike[str], *, force: bool = False) -> Self:
        """Take over a run, in order to go on with it.

        Args:
            path: Its folder.
            force: Take it over although its holder lives, or can't be asked; what the holder
                writes from now on is ignored, and it stops when it notices.

        Raises:
            RunLocked: If its holder lives; the text says who it is.
            StoreError: If it is no run, can't be read, or can't be written.
        """
        path = Path(path).absolute()
        with open_contents(path) as contents:
            takeover.check_free(contents, force)
            config = files.read_config(path)
            survey = _survey(contents, config)
            try:
                fd, head = takeover.take_over(contents, files.schema_of(config))
            except OSError as error:
                raise StoreError(explain(error, path)) from error
            store = cls(path, config, fd, head, survey)
            try:
                store._tell_of_damage(contents, survey)
                takeover.add_provenance(path)
                if len(head["previous"]) >= MANY_PARTS:
                    store.seal()
            except BaseException:
                store.close(seal=False)
                raise
            return store

    def _tell_of_damage(self, contents: Contents, survey: Survey) -> None:
        """Record that a run was not closed, and what could not be read of it."""
        known = {text for event in survey.events for text in event.get("dropped", ())}
        dropped = [text for text in self.damage if text not in known]
        for text in dropped:
            log.warning("%s: %s", self.path, text)
        if dropped or not contents.released:
            holder = contents.header["owner"]
            note = {"event": "taken over", "time": time.time(), "from": holder}
            self.note({**note, "dropped": dropped})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update_config(self, config: Mapping[str, Any]) -> None:
        """Write ``run.yaml`` anew, all or nothing."""
        self._check_fence()
        try:
            files.write_config(self.path, dict(config))
        except OSError as error:
            raise StoreError(explain(error, self.path / "run.yaml")) from error
        self.config = dict(config)

    # -- writing ------------------------------------------------------------------------------

    def append(self, block: Block, failures: Sequence[Failure] = ()) -> None:
        """Write results, at once, but not yet durable (see :meth:`sync`).

        Args:
            block: Columns of equal length, see :data:`l2l.store.blocks.COLUMNS`. Rows whose id is
                recorded already are dropped.
            failures: What is kept of attempts that did not end ok.

        Raises:
            StoreError: If the block is malformed or can't be written; then nothing has changed.
        """
        frames = fr.pack(fr.FAILURES, encode_failures(failures)) if failures else []
        if len(block["id"]):
            fresh = self._ids.new(block["id"])
            block = block if fresh is None else rows_of(block, fresh)
        size = 0
        if len(block["id"]):
            self._check_shape(block)
            payload = encode_block(block)
            if sum(map(len, payload)) < LARGE:
                frames += fr.pack(fr.BLOCK, payload)
            else:
                size = self._write_large(frames, payload)
                frames = []
        if frames:
            self._write(frames)
        size += sum(map(len, frames))
        if not size:
            return
        self._since_state += size
        self._results += size
        self._unsealed = True
        if failures and self.first_failure is None:
            self.first_failure = failures[0]
        if len(block["id"]):
            self._ids.add(block["id"])
            self._last_state = None  # it may not have been the last one that is of use
            self.tally.add(block)

    def append_tests(self, block: Block, failures: Sequence[Failure] = ()) -> None:
        """Write results on held-out tasks, which count nowhere else; otherwise as :meth:`append`.

        Args:
            block: Columns of equal length; ids are negative, ``index`` is the part of the tasks.
            failures: What is kept of attempts that did not end ok.
        """
        frames = fr.pack(fr.FAILURES, encode_failures(failures)) if failures else []
        fresh = [int(number) not in self.tested for number in block["id"]]
        if any(fresh):
            block = rows_of(block, np.array(fresh))
            frames += fr.pack(fr.TEST, encode_block(block))
        if frames:
            self._write(frames)
            self._results += sum(map(len, frames))
            self._unsealed = True
            self.tested.update(block["id"].tolist())

    def _write_large(self, before: list[fr.Buffer], payload: list[fr.Buffer]) -> int:
        """Write a large block, after something else; return the number of bytes of both."""
        if before:
            self._write(before)
        elif self._lost is not None:
            raise self._lost
        return sum(map(len, before)) + self._journal.write_large(fr.BLOCK, payload)

    def _check_shape(self, block: Block) -> None:
        for name in ("parameters", "fitness"):
            shape = self._shapes.setdefault(name, block[name].shape[1:])
            if block[name].shape[1:] != shape:
                raise StoreError(
                    f"column {name!r} must have {shape[0]} values a row as in the rest of the run, "
                    f"got {block[name].shape}"
                )

    def sync(self, at_most_every: float = 0.0) -> None:
        """Make everything durable, unless that was done less than so many seconds ago.

        Raises:
            RunLocked: If another process has taken over the run.
            StoreError: If it fails.
        """
        if self._lost is not None:
            raise self._lost
        if self._journal.sync(at_most_every):
            self._check_fence()

    def snapshot(
        self, state: dict[str, Any], generation: int, told: int, *, force: bool = False
    ) -> bool:
        """Write the optimizer's state, if the results since the last one outweigh it.

        Args:
            state: A dict of arrays and scalars (and lists and dicts of these).
            generation: Number of the next generation.
            told: All evaluations with a smaller id have been told; in an asynchronous run: so
                many, in order of landing.
            force: Write it anyway, unless it is the one that is there.

        Returns:
            Whether it was written.
        """
        payload = encode_state(state, generation, told)
        if not force and self._since_state < sum(map(len, payload)):
            return False
        frame = fr.pack(fr.STATE, payload)
        fingerprint = bytes(frame[0][: fr.HEADER.size])  # it holds length and checksum
        if not self._since_state and fingerprint == self._state_print:
            return False
        self._write(frame)
        self._since_state, self._state_print = 0, fingerprint
        self._last_state = None
        self._unsealed = True
        return True

    def note(self, event: Mapping[str, Any]) -> None:
        """Write what has happened to the run: ``event``, ``time`` and what belongs to it."""
        self._write(fr.pack(fr.NOTE, [json.dumps(dict(event), default=str).encode()]))

    def _write(self, frames: Sequence[fr.Buffer]) -> None:
        if self._lost is not None:
            raise self._lost
        self._journal.write(frames)

    # -- reading back -------------------------------------------------------------------------

    def last_snapshot(self) -> Snapshot | None:
        """Return the state that a resume goes on from, or None if there is none."""
        if self._last_state is None:
            with self._read() as survey:
                self._last_state = survey.snapshot(self._ids.complete)
        return self._last_state

    def since(self, first_id: int) -> Block:
        """Return all records whose id is at least ``first_id``, ordered by id."""
        with self._read() as survey:
            return survey.since(first_id, {**self._wide, **self._shapes})

    def generation(self, number: int) -> Block:
        """Return all records of one generation, ordered by id."""
        with self._read() as survey:
            return survey.generation(number, {**self._wide, **self._shapes})

    def tests(self) -> Block:
        """Return all results on held-out tasks, as they were due; empty where there are none."""
        with self._read() as survey:
            return survey.all_tests()

    @property
    def _wide(self) -> dict[str, tuple[int, ...]]:
        """Shape of one row of the wide columns, for a run that has no row yet."""
        m = len(self.tally.weights)
        return {"parameters": (files.width_of(self.config),), "fitness": (m,)}

    def landed(self, first_row: int) -> Block:
        """Return all records from a row on, in order of landing, with the repairs of all."""
        with self._read() as survey:
            return survey.landed(first_row, {**self._wide, **self._shapes})

    def run_times(self, most: int) -> list[float]:
        """Return the durations of those of the last ``most`` evaluations that ended ok, in s."""
        last = self.tally.n
        with self._read() as survey:
            pieces = list(survey.pieces(["duration", "status"], max(0, last - most), last))
        return [t for p in pieces for t in p["duration"][p["status"] == Status.OK].tolist()]

    def known(self) -> NDArray[np.int64]:
        """Return how many results had been told at each ask that is recorded, by id."""
        with self._read() as survey:
            return survey.known()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Survey]:
        with open_contents(self.path) as contents:
            if contents.number != self._number:
                raise self._taken_over()
            in_order = files.told_in_order(self.config)
            yield Survey(contents, self.tally.weights, count=False, in_order=in_order)

    # -- sealing ------------------------------------------------------------------------------

    def maybe_seal(self) -> None:
        """Seal when the results in the journals have grown as large as the history."""
        if self._results < self._seal_from:
            return
        history = self.path / "history.h5"
        if self._results >= (history.stat().st_size if history.exists() else 0):
            self.seal()

    def seal(self) -> None:
        """Move what the journals hold to a new ``history.h5``.

        Where that is not possible (disk full, quota) it is a warning, and the journal goes on.

        Raises:
            RunLocked: If another process has taken over the run.
        """
        self.sync()
        self._check_fence()
        number, now = self._number + 1, self._head
        head = claims.new_header(number, number, [], now["owner"], now["schema"])
        try:
            self._write_pending(head["epoch"])
            fd = claims.claim(self.path, head)
        except BaseException as error:
            claimed = claims.claimed(self.path, head)  # an interrupt may come after the claim
            if claimed is None:
                self._give_up_seal(head["epoch"], error)
                return
            self._go_on(claimed, head)
            if not isinstance(error, OSError):
                raise
        else:
            self._go_on(fd, head)

    def _go_on(self, fd: int, head: dict[str, Any]) -> None:
        """Go on with the journal that follows a seal."""
        self._journal.close()
        self._adopt(fd, head)
        self._unsealed, self._results = False, 0
        self._seal_from = SEAL_FROM
        with contextlib.suppress(OSError):  # the next take-over does it
            claims.complete_seal(self.path, self._number)
            claims.tidy(self.path, keep=set())

    def _give_up_seal(self, number: int, error: BaseException) -> None:
        """Clean up after a seal that did not succeed; raise if the run can't go on."""
        with contextlib.suppress(OSError):
            claims.pending_history(self.path, number).unlink(missing_ok=True)
        if isinstance(error, RunLocked):
            raise self._taken_over() from None
        if not isinstance(error, (OSError, RuntimeError, StoreError)):
            raise error
        self._seal_from = 2 * self._results
        log.warning("%s can't be sealed now (%s); its journal goes on", self.path, error)

    def _write_pending(self, number: int) -> None:
        """Write the history that is going to be sealed, under its temporary name."""
        with open_contents(self.path) as contents:
            if contents.number != self._number:
                raise RunLocked
            check_space(self.path, contents)
            root = {
                "description": "a run of l2l; its schema is described in docs/store.md",
                "schema_version": self._head["schema"],
                "epoch": number,
                "tally": self.tally.describe(),
                "weights": list(self.tally.weights),
                "space": self.config.get("space"),
            }
            pending = claims.pending_history(self.path, number)
            in_order = files.told_in_order(self.config)
            write_history(contents, pending, root, self._ids.complete, in_order)
            claims.fsync_folder(self.path)

    # -- the end ------------------------------------------------------------------------------

    def close(self, *, seal: bool = True) -> None:
        """Release the run; does nothing the second time, and is safe after an error.

        Args:
            seal: Whether to seal what the journal holds before.

        Raises:
            RunLocked: If it turns out only now that another process has taken over the run.
        """
        if self._journal.fd < 0:
            return
        try:
            if not self._journal.broken:
                self.sync()
                if seal and self._unsealed:
                    self.seal()
                self._write(fr.pack(fr.CLOSED, []))
                self._journal.sync()
        except RunLocked:
            raise
        except StoreError as error:
            log.warning("%s", error)
        finally:
            self._journal.close()
            takeover.held.discard(self._key)

    def _check_fence(self) -> None:
        """Raise RunLocked if another process has claimed the next journal, or has gone beyond."""
        fd = self._journal.fd
        if fd < 0:
            raise self._lost or StoreError(f"{self.path} is closed; open it again to write to it")
        following = self.path / f"journal-{self._number + 1}"
        if following.exists() or os.fstat(fd).st_nlink == 0:
            raise self._taken_over()

    def _taken_over(self) -> RunLocked:
        self._journal.close()
        takeover.held.discard(self._key)
        try:
            with open_contents(self.path) as contents:
                holder = contents.header["owner"]
        except StoreError:
            holder = None
        by = owner.describe(holder) if holder else "another process"
        self._lost = RunLocked(
            f"the run {self.path} was taken over by {by}. This process has stopped; what it had "
            "recorded before the take-over is part of the run"
        )
        return self._lost


def _survey(contents: Contents, config: dict[str, Any]) -> Survey:
    return Survey(contents, files.weights_of(config), in_order=files.told_in_order(config))


def _print(snapshot: Snapshot | None) -> bytes | None:
    """Return what tells the frame of a snapshot from others: its header, with the checksum."""
    if snapshot is None:
        return None
    payload = encode_state(snapshot.state, snapshot.generation, snapshot.told)
    return bytes(fr.pack(fr.STATE, payload)[0][: fr.HEADER.size])
