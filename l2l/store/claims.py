"""Claims: how the number of a journal is taken by exactly one process, and what goes with it.

Journals are numbered, and each number is claimed by exactly one process, with ``link``, which
fails where the name exists. The journal with the highest number says what counts: the history
whose epoch is its ``base`` (0: none), the given lengths of the journals that it names as
``previous``, and itself. Claiming a number is therefore all it takes to seal a run or to take it
over, and a process that was cut off can't change what counts any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from l2l.errors import RunLocked, StoreError
from l2l.store import frames as fr
from l2l.store.journal import write_new

#: Version of the format of run folders; of those of asynchronous runs, whose blocks have the
#: columns of asks, too; and of those with tests on held-out tasks. A reader refuses any other.
SCHEMA, SCHEMA_IN_ORDER, SCHEMA_WITH_TESTS = 1, 2, 3

_JOURNAL = re.compile(r"journal-(\d+)")
_TEMPORARY = re.compile(r"(journal-\d+\.\d+|history-\d+|run\.yaml|provenance\.json)\.tmp")


def journal_numbers(path: Path) -> list[int]:
    """Return the numbers of all journals, in order."""
    found = (_JOURNAL.fullmatch(name) for name in os.listdir(path))
    return sorted(int(match[1]) for match in found if match)


def pending_history(path: Path, epoch: int) -> Path:
    """Return the name that a history has until its seal is complete."""
    return path / f"history-{epoch}.tmp"


def check_schema(version: Any, name: str) -> None:
    """Raise StoreError if a file has a format that is not known here."""
    if version not in (SCHEMA, SCHEMA_IN_ORDER, SCHEMA_WITH_TESTS):
        raise StoreError(
            f"{name} has schema version {version}, this l2l reads versions {SCHEMA} to "
            f"{SCHEMA_WITH_TESTS}; install the version of l2l that wrote the run (see "
            "provenance.json)"
        )


def new_header(
    number: int, base: int, previous: list[list[int]], owner: Any, schema: int
) -> dict[str, Any]:
    """Return the header of a new journal."""
    return {
        "schema": schema,
        "epoch": number,
        "base": base,
        "previous": previous,
        "owner": owner,
        "started": time.time(),
    }


def claim(path: Path, head: dict[str, Any]) -> int:
    """Make the journal that ``head`` describes; return its descriptor.

    Raises:
        RunLocked: If another process has claimed its number, or a higher one.
    """
    number = head["epoch"]
    name, temporary = path / f"journal-{number}", path / f"journal-{number}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    frame = fr.pack(fr.HEAD, [json.dumps(head).encode()])
    fd = write_new(temporary, [*frame, *frame])  # twice, as all else depends on it
    try:
        os.link(temporary, name)
        if journal_numbers(path)[-1] != number:
            name.unlink()
            raise FileExistsError
        temporary.unlink()
        fsync_folder(path)
    except (FileExistsError, FileNotFoundError) as error:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        raise RunLocked(f"another process has just taken over the run {path}") from error
    except BaseException:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        raise
    return fd


def claimed(path: Path, head: dict[str, Any]) -> int | None:
    """Return a descriptor of the journal that ``head`` describes, if it was claimed with it."""
    try:
        fd = os.open(path / f"journal-{head['epoch']}", os.O_RDWR)
    except FileNotFoundError:
        return None
    if header_in(fr.Source(fd), os.fstat(fd).st_size) == head:
        return fd
    os.close(fd)
    return None


def complete_seal(path: Path, epoch: int) -> None:
    """Give a sealed history its name; whoever comes second finds it done."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(pending_history(path, epoch), path / "history.h5")
    fsync_folder(path)


def tidy(path: Path, keep: set[int]) -> None:
    """Remove journals that do not count any more, and what was left half-made."""
    top = journal_numbers(path)[-1]
    for entry in os.listdir(path):
        journal, temporary = _JOURNAL.fullmatch(entry), _TEMPORARY.fullmatch(entry)
        if (journal and int(journal[1]) < top and int(journal[1]) not in keep) or temporary:
            with contextlib.suppress(OSError):
                os.unlink(path / entry)


def header_in(source: fr.Source, end: int) -> dict[str, Any] | None:
    """Return the header of a journal: of its two copies the first that is good."""
    for found in fr.scan(source, end):
        if not isinstance(found, fr.Gap):
            frame, payload = found
            return json.loads(bytes(payload)) if frame.kind == fr.HEAD else None
    return None


def fsync_folder(path: Path) -> None:
    """Make renames and links in a folder durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
