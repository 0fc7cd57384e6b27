"""What a run folder holds at one moment: which files count, and their frames in order."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from l2l.errors import StoreError
from l2l.store import claims
from l2l.store import frames as fr
from l2l.store.history import History

#: A reader that finds files exchanged under its feet tries again so often.
_ATTEMPTS = 25


class _MovedError(Exception):
    """History and journals do not fit together, for now."""


@dataclass
class Part:
    """One journal, of which the first ``end`` bytes count."""

    name: str
    source: fr.Source
    end: int
    good: int = 0  #: offset behind the last good frame, once it has been scanned
    empty: bool = True  #: whether no frame but header and closing mark was found


class Contents:
    """A consistent view of a run folder; a context manager that keeps its files open.

    Attributes:
        number: Number of the journal that counts, 0 if there is none.
        header: Its header.
        history: What is sealed, or None.
        pending: Whether the history has not got its name yet (a seal was cut short).
        parts: The journals that count, in order.
        damage: What could not be read, in words; complete after :meth:`frames` has ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.header: dict[str, Any] = {"base": 0, "previous": [], "owner": None}
        self.history: History | None = None
        self.pending = False
        self.parts: list[Part] = []
        self.damage: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        if self.history is not None:
            self.history.close()
        for part in self.parts:
            os.close(part.source.fd)
        self.parts = []

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    @property
    def released(self) -> bool:
        """Whether the last writer has closed the run."""
        if not self.parts:
            return True
        last = self.parts[-1]
        tail = bytes(last.source.read(max(0, last.end - fr.HEADER.size), fr.HEADER.size))
        return tail == fr.pack(fr.CLOSED, [])[0]

    @property
    def next_number(self) -> int:
        """Number of the journal that a seal or a take-over claims."""
        return max(self.number, self.history.epoch if self.history else 0) + 1

    def frames(self) -> Iterator[tuple[fr.Frame, memoryview, Part]]:
        """Yield all good frames of the journals, in order; damage is noted."""
        for part in self.parts:
            for found in fr.scan(part.source, part.end):
                if isinstance(found, fr.Gap):
                    self._note(part, found)
                else:
                    frame, payload = found
                    part.good = frame.end
                    part.empty = part.empty and frame.kind in (fr.HEAD, fr.CLOSED)
                    yield frame, payload, part

    def _note(self, part: Part, gap: fr.Gap) -> None:
        text = f"{part.name}: {gap.end - gap.start} bytes at offset {gap.start} dropped: {gap.what}"
        if text not in self.damage:
            self.damage.append(text)


def open_contents(path: Path) -> Contents:
    """Return what a run folder holds now.

    Raises:
        StoreError: If it is no run folder, or its files do not fit together.
    """
    if not path.is_dir():
        raise StoreError(f"there is no run at {path}: the folder does not exist")
    why = ""
    for attempt in range(_ATTEMPTS):
        contents = Contents(path)
        try:
            _find(contents, patient=attempt < _ATTEMPTS - 1)
        except (_MovedError, FileNotFoundError) as error:
            contents.close()
            why = str(error)
            time.sleep(0.002 * attempt)
        except PermissionError as error:
            contents.close()
            raise StoreError(f"can't read the run {path}: {error}") from error
        except BaseException:
            contents.close()
            raise
        else:
            return contents
    raise StoreError(f"the files in {path} do not fit together: {why}. See: l2l doctor {path}")


def _find(contents: Contents, patient: bool) -> None:
    path = contents.path
    numbers = claims.journal_numbers(path)
    history = path / "history.h5"
    if not numbers and not history.exists():
        raise StoreError(f"{path} is no run folder: it has neither a journal nor a history.h5")
    contents.history = History(history) if history.exists() else None
    epoch = contents.history.epoch if contents.history else 0
    if not numbers or numbers[-1] < epoch:
        if patient:
            raise _MovedError("a newer history")
        contents.damage.append(f"journal-{epoch} is missing: what came after the last seal is lost")
        return
    contents.number = numbers[-1]
    top = _add_part(contents, contents.number)
    header = claims.header_in(top.source, top.end)
    if header is None:
        if patient and top.end == 0:
            raise _MovedError(f"{top.name} is empty")
        contents.damage.append(f"{top.name}: the header is unreadable; it is taken to go on")
        older = [n for n in numbers[:-1] if n >= epoch]
        header = {"base": epoch, "previous": [[n, None] for n in older], "owner": None}
    contents.header = header
    claims.check_schema(header.get("schema", claims.SCHEMA), top.name)
    _fit_history(contents, int(header["base"]), epoch)
    last = contents.parts.pop()
    for number, length in header["previous"]:
        part = _add_part(contents, number)
        part.end = part.end if length is None else min(length, part.end)
    contents.parts.append(last)


def _fit_history(contents: Contents, base: int, epoch: int) -> None:
    """Use the history that the journal goes on from."""
    if base == epoch:
        return
    pending = claims.pending_history(contents.path, base)
    if contents.history is not None:
        contents.history.close()
        contents.history = None
    if base == 0:
        return
    if not pending.exists():
        raise _MovedError(
            f"journal-{contents.number} goes on from a history.h5 of epoch {base}, "
            f"which is {f'of epoch {epoch}' if epoch else 'missing'}"
        )
    contents.history = History(pending)
    contents.pending = True


def _add_part(contents: Contents, number: int) -> Part:
    name = f"journal-{number}"
    fd = os.open(contents.path / name, os.O_RDONLY)
    part = Part(name, fr.Source(fd), os.fstat(fd).st_size)
    contents.parts.append(part)
    return part
