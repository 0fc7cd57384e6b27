"""Chunks of jobs as files: what the outer loop and a workpackage say to each other.

A submission has one folder. In it lie ``task`` (what all jobs have in common), ``<n>.jobs`` (the
jobs of chunk ``n``), ``<n>.results`` (one JSON object a line, appended as results come) and
``orders`` (what the outer loop wants of all chunks: nothing, or that they stop). Every file is
there before a package starts, and is opened anew for every look, so that a network file system
shows what is new. A line counts when it is whole.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l2l import wire
from l2l.evaluation import Floats, Job, Outcome, Status

_SYNC_EVERY = 0.2  # longest time that a record waits for other nodes to see it, in s

#: What ``orders`` may hold.
STOP, END = "stop", "end"


@dataclass(frozen=True)
class Layout:
    """How a submission is run.

    Attributes:
        tasks: Processes of one package; each has a chunk.
        workers: Of one chunk; None: as many as the CPUs of its allocation are good for.
        shared: Whether the outer loop is on another machine.
    """

    tasks: int
    workers: int | None
    shared: bool

    def write(self, folder: Path) -> None:
        """Write it into the folder of a submission."""
        (folder / "layout").write_text(json.dumps(vars(self)))

    @classmethod
    def read(cls, folder: Path) -> Layout:
        """Return that of a submission."""
        return cls(**json.loads((folder / "layout").read_text()))


def write_chunks(
    folder: Path, task: bytes, layout: Layout, chunks: Sequence[Sequence[Job]]
) -> None:
    """Write everything that packages read, into an empty folder."""
    (folder / "task").write_bytes(task)
    (folder / "orders").touch()
    for number, jobs in enumerate(chunks):
        (folder / f"{number}.jobs").write_bytes(wire.pack_call(jobs))
        results(folder, number).touch()
    layout.write(folder)


def read_jobs(folder: Path, number: int, size: int) -> list[Job]:
    """Return the jobs of a chunk; ``size`` is the number of values of each."""
    calls = wire.CallReader(size)
    calls.feed((folder / f"{number}.jobs").read_bytes())
    return calls.next() or []


def results(folder: Path, number: int) -> Path:
    """Return the path of a chunk's results."""
    return folder / f"{number}.results"


def give_orders(folder: Path, order: str) -> None:
    """Tell all chunks of a submission what to do."""
    (folder / "orders").write_text(order)


def orders(folder: Path) -> str:
    """Return what the outer loop wants; raise OSError where it can't be read."""
    return (folder / "orders").read_text()


# -- lines ------------------------------------------------------------------------------------


class LineWriter:
    """Appends JSON objects to a file, a line each.

    Args:
        path: Of the file, which exists.
        shared: Whether readers are on other machines, which see only what is synced.
    """

    def __init__(self, path: Path, shared: bool) -> None:
        self._shared = shared
        self._unsynced_since: float | None = None
        torn = path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        if torn:  # the chunk was begun before, and cut off
            os.write(self._descriptor, b"\n")

    def write(self, entries: Sequence[dict[str, Any]]) -> None:
        """Append entries in one piece."""
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()
        self.sync(_SYNC_EVERY)

    def sync(self, after: float = 0.0) -> None:
        """Let others see what has waited for so long, in s."""
        since = self._unsynced_since
        if self._shared and since is not None and time.monotonic() - since >= after:
            os.fsync(self._descriptor)
            self._unsynced_since = None

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        os.close(self._descriptor)


class LineReader:
    """Reads what is new in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the objects that have been appended since the last time, as far as they are whole.

        A file that can't be reached just now has nothing new.
        """
        try:
            if self.path.stat().st_size == self._at and not self._at:
                return
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        self._at += whole
        for line in data[:whole].splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the torn end of a chunk that was begun again
                continue
            if isinstance(entry, dict):
                yield entry


# -- outcomes ---------------------------------------------------------------------------------


def as_record(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data; numbers come out of JSON as they went in."""
    o = outcome
    return {
        "id": o.job.id, "draw": o.job.draw, "status": int(o.status), "fitness": o.fitness,
        "observation": _listed(o.observation), "metrics": dict(o.metrics), "started": o.started,
        "duration": o.duration, "worker": o.worker, "message": o.message,
        "traceback": o.traceback, "output": o.output, "gradient": _listed(o.gradient),
    }  # fmt: skip


def as_outcome(record: dict[str, Any], job: Job) -> Outcome:
    """Return the outcome of a job that a record tells."""
    r = dict(record)
    del r["id"], r["draw"]
    r["status"] = Status(r["status"])
    r["fitness"] = None if r["fitness"] is None else tuple(r["fitness"])
    for name in ("observation", "gradient"):
        if r[name] is not None:
            r[name] = np.array(r[name], dtype=np.float64)
    return Outcome(job, **r)


def _listed(values: Floats | None) -> list[float] | None:
    return None if values is None else np.asarray(values, dtype=np.float64).tolist()
