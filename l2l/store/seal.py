"""Sealing: writing a new history from the old one and the journals, in little memory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError
from l2l.evaluation import Failure
from l2l.heldout import role_of
from l2l.store import frames as fr
from l2l.store import schema
from l2l.store.blocks import ASKS, REPAIRS, Block, decode_block, decode_failures, dtype_of, pad
from l2l.store.contents import Contents
from l2l.store.state import Snapshot, decode_state, flatten, stands, usable
from l2l.store.target import Target

#: Results are moved in pieces of about so many bytes and rows.
_BYTES, _ROWS = 32 << 20, 16384


def write_history(
    contents: Contents,
    target: Path,
    root: Mapping[str, Any],
    complete: int,
    in_order: bool = False,
) -> None:
    """Write to ``target`` a history of everything that a run holds, and make it durable.

    Args:
        contents: The run.
        target: The file to make.
        root: Attributes of the file.
        complete: All smaller ids are recorded: a state that had been told more is of no use.
        in_order: Whether results are told in order of landing; then the rows say that.
    """
    if contents.history is not None:
        shutil.copyfile(contents.history.path, target)
    else:
        target.touch()
    with contextlib.closing(Target(target)) as out:
        mode = "w" if contents.history is None else "r+"
        # The format of HDF5 1.10 has checksums on all that is not data, too.
        with h5py.File(out, mode, libver=("v110", "v110")) as file:
            _write_all(file, contents, root, (complete, in_order), out)
        out.check()
        out.sync()


def _write_all(
    file: Any,
    contents: Contents,
    root: Mapping[str, Any],
    recorded: tuple[int, bool],
    out: Target,
) -> None:
    rows = _Rows(file, contents.history.rows if contents.history else 0, root)
    tests: _Tests | None = None
    state = None
    for frame, payload, _ in contents.frames():
        if frame.kind == fr.BLOCK:
            rows.take(payload)
        elif frame.kind == fr.TEST:
            tests = tests or _Tests(file, root)
            tests.take(payload)
        elif frame.kind == fr.FAILURES:
            rows.failures += decode_failures(payload)
        elif frame.kind == fr.NOTE:
            rows.events.append(bytes(payload))
        elif frame.kind == fr.STATE and usable(stands(payload)[1], rows.taken, *recorded):
            state = payload
        out.check()
    for table in (rows, tests) if tests else (rows,):
        table.write()
        out.check()
        table.finish()
    if rows.n != root["tally"]["n"]:
        raise StoreError(f"{root['tally']['n']} evaluations are counted, {rows.n} were found")
    if state is not None:
        _write_state(file, decode_state(state))
    for name, value in root.items():
        file.attrs[name] = value if isinstance(value, (int, str)) else json.dumps(value)
    file.attrs["sealed_upto"] = rows.n


def check_space(path: Path, contents: Contents) -> None:
    """Raise StoreError if a seal is not going to fit."""
    history = contents.history.path.stat().st_size if contents.history else 0
    needed = history + int(1.1 * sum(part.end for part in contents.parts)) + (1 << 20)
    free = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
    if free < needed:
        raise StoreError(f"it needs {needed >> 20} MiB of disk, {free >> 20} MiB are free")


class _Rows:
    """Appends blocks to the datasets of a file or group, many at a time."""

    def __init__(self, file: Any, n: int, root: Mapping[str, Any]) -> None:
        self.file = file
        self.n = n
        self.root = root
        self.failures: list[Failure] = []
        self.events: list[bytes] = []
        self._blocks: list[Block] = []
        self._rows = self._bytes = 0

    @property
    def taken(self) -> int:
        """Number of rows so far, those of the old history included."""
        return self.n + self._rows

    def take(self, payload: memoryview) -> None:
        """Take the block in a frame."""
        self._blocks.append(self._decoded(payload))
        self._rows += len(self._blocks[-1]["id"])
        self._bytes += len(payload)
        if self._rows >= _ROWS or self._bytes >= _BYTES:
            self.write()

    def _decoded(self, payload: memoryview) -> Block:
        return decode_block(payload)

    def write(self) -> None:
        """Write what was taken."""
        blocks, self._blocks = self._blocks, []
        counts = [len(block["id"]) for block in blocks]
        for name in dict.fromkeys(name for block in blocks for name in block):
            columns = [block.get(name) for block in blocks]
            if name in REPAIRS:
                columns = [column for column in columns if column is not None]
                self._append(name, np.concatenate(columns))  # type: ignore[arg-type]
            elif name in ASKS:
                continue
            else:
                self._append(name, pad(columns, counts, name), at=self.n)
        self._write_asks([block for block in blocks if "ask_id" in block])
        self.n += self._rows
        self._rows = self._bytes = 0
        if sum(len(f.output) + len(f.traceback) for f in self.failures) > _BYTES:
            self._write_failures()

    def _write_asks(self, blocks: Sequence[Block]) -> None:
        """Write what was known at each ask, at the place of its id."""
        if not blocks:
            return
        ids = np.concatenate([block["ask_id"] for block in blocks])
        dataset = self.file.get("asks/known")
        if dataset is None:
            dataset = schema.create(self.file, "asks/known", dtype_of("ask_known"))
        first, last = int(ids.min()), max(len(dataset), int(ids.max()) + 1)
        first = min(first, len(dataset))
        known = np.full(last - first, -1, np.int64)
        known[: len(dataset) - first] = dataset[first:]
        known[ids - first] = np.concatenate([block["ask_known"] for block in blocks])
        dataset.resize(last, axis=0)
        dataset[first:] = known

    def _append(self, name: str, column: NDArray[Any], at: int | None = None) -> None:
        place = schema.place_of(name)
        dataset = self.file.get(place)
        if dataset is None:
            dataset = schema.create(self.file, place, dtype_of(name), column.shape[1:])
            if place == "parameters":
                _describe_parameters(dataset, self.root)
        start = len(dataset) if at is None else at
        tail = [max(a, b) for a, b in zip(dataset.shape[1:], column.shape[1:], strict=True)]
        dataset.resize((start + len(column), *tail))
        dataset[(slice(start, None), *map(slice, column.shape[1:]))] = column

    def finish(self) -> None:
        """Write failures and events; bring columns that had nothing lately to full length."""
        self._write_failures()
        if self.events:
            _write_events(self.file, self.events)
        for place in [*self.file, *(f"metrics/{name}" for name in self.file.get("metrics", ()))]:
            dataset = self.file[place]
            if isinstance(dataset, h5py.Dataset) and place != "events" and len(dataset) < self.n:
                dataset.resize(self.n, axis=0)

    def _write_failures(self) -> None:
        if not self.failures:
            return
        text = self.file.get("failures/text")
        if text is None:
            text = schema.create(self.file, "failures/text", np.uint8)
            for name, dtype in schema.FAILURES.items():
                schema.create(self.file, f"failures/{name}", dtype)
        columns, whole = _failure_columns(self.failures, len(text))
        for name, values in columns.items():
            dataset = self.file[f"failures/{name}"]
            dataset.resize(len(dataset) + len(values), axis=0)
            dataset[-len(values) :] = np.array(values, schema.FAILURES[name])
        if whole:
            text.resize(len(text) + len(whole), axis=0)
            text[-len(whole) :] = np.frombuffer(whole, np.uint8)
        self.failures = []


class _Tests(_Rows):
    """The same for results on held-out tasks, which have a group of their own."""

    def __init__(self, file: Any, root: Mapping[str, Any]) -> None:
        group = file.require_group("test")
        super().__init__(group, len(group["id"]) if "id" in group else 0, root)

    def _decoded(self, payload: memoryview) -> Block:
        block = decode_block(payload)
        return {**block, "role": role_of(block["id"])}


def _failure_columns(failures: Sequence[Failure], at: int) -> tuple[dict[str, list[Any]], bytes]:
    """Return the columns of failures, whose text begins at ``at``, and that text."""
    columns: dict[str, list[Any]] = {name: [] for name in schema.FAILURES}
    parts = []
    for failure in failures:
        texts = [
            text.encode("utf-8", "surrogatepass")
            for text in (failure.message, failure.traceback, failure.output)
        ]
        parts += texts
        ends = (at + np.cumsum([len(text) for text in texts])).tolist()
        at = ends[-1]
        short = failure.message.encode("utf-8", "replace")[:200].decode("utf-8", "ignore").encode()
        row = (failure.id, failure.draw, int(failure.status), short, *ends)
        for values, value in zip(columns.values(), row, strict=True):
            values.append(value)
    return columns, b"".join(parts)


def _describe_parameters(dataset: Any, root: Mapping[str, Any]) -> None:
    """Name the columns of the parameters, one name and unit a parameter where they are many."""
    parameters = (root.get("space") or {}).get("parameters", [])
    dataset.attrs["names"] = json.dumps([p["name"] for p in parameters])
    dataset.attrs["units"] = json.dumps([p.get("unit", "") for p in parameters])
    dataset.attrs["shapes"] = json.dumps([list(p.get("shape", ())) for p in parameters])


def _write_events(file: Any, events: list[bytes]) -> None:
    """Add events; there are few, so the dataset is made anew."""
    if "events" in file:
        events = [*file["events"][:], *events]
        del file["events"]
    schema.describe(schema.store_array(file, "events", np.array(events, dtype="S")), "events")


def _write_state(file: Any, snapshot: Snapshot) -> None:
    """Write a state as JSON and one dataset an array, under the names that it has there."""
    if "state" in file:
        del file["state"]
    arrays: list[tuple[str, NDArray[Any]]] = []
    tree = flatten(snapshot.state, arrays)
    group = file.create_group("state")
    group.attrs["description"] = "the optimizer's state at the start of a generation"
    group.attrs["generation"], group.attrs["told"] = snapshot.generation, snapshot.told
    listed = []
    for place, (name, array) in enumerate(arrays):
        name = name.replace("/", "%2F").strip(".") or str(place)
        if f"arrays/{name}" in group:
            name = f"{name}.{place}"
        plain = array.dtype.kind in "iuf" and array.dtype.itemsize <= 8
        if not plain:
            array = np.frombuffer(array.tobytes(), np.uint8)
        schema.describe(schema.store_array(group, f"arrays/{name}", array), "state/arrays/*")
        dtype, shape = arrays[place][1].dtype.str, arrays[place][1].shape
        listed.append([name, dtype, shape])
    text = np.array([json.dumps({"state": tree, "arrays": listed}).encode()])
    schema.describe(schema.store_array(group, "tree", text), "state/tree")
