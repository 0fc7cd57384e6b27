"""A journal: the file that a run's only writer appends frames to."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from l2l.errors import StoreError
from l2l.store import frames as fr


class Journal:
    """A journal open for appending.

    Args:
        path: Its file, for messages.
        fd: An open descriptor, positioned behind the last good frame.

    Attributes:
        length: Offset behind the last frame written.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.length = os.lseek(fd, 0, os.SEEK_END)
        self._synced = self.length
        self._synced_at = time.monotonic()
        self._broken: str | None = None

    @property
    def broken(self) -> bool:
        """Whether it failed in a way after which it can't be written to."""
        return self._broken is not None

    def write(self, frames: Sequence[fr.Buffer]) -> None:
        """Append frames at once; after an error the file is as it was.

        Raises:
            StoreError: If they can't be written (disk full, quota, i/o error).
        """
        self._check()
        with self._undone_on_error():
            self.length += fr.write_all(self.fd, frames)

    def write_large(self, kind: bytes, payload: Sequence[fr.Buffer]) -> int:
        """Append one large frame as :meth:`write` does; return its length.

        The payload goes first, and the disk begins with it while its checksum is computed. Without
        its header, which comes last, it is nothing.
        """
        self._check()
        with self._undone_on_error():
            start = os.lseek(self.fd, self.length + fr.HEADER.size, os.SEEK_SET)
            size = fr.write_all(self.fd, payload)
            if hasattr(os, "posix_fadvise"):  # starts to write back what is dirty, keeps it cached
                os.posix_fadvise(self.fd, start, size, os.POSIX_FADV_DONTNEED)
            os.pwrite(self.fd, fr.header_of(kind, payload), self.length)
            self.length += fr.HEADER.size + size
        return fr.HEADER.size + size

    @contextlib.contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            try:
                os.ftruncate(self.fd, self.length)
                os.lseek(self.fd, self.length, os.SEEK_SET)
            except OSError:
                self._broken = str(error)
            if isinstance(error, OSError):
                raise StoreError(explain(error, self.path)) from error
            raise

    def sync(self, at_most_every: float = 0.0) -> bool:
        """Make what was written durable, unless that was done less than so many seconds ago.

        Returns:
            Whether anything had to be done.

        Raises:
            StoreError: If it fails. Nothing more is written then: after a failed fsync nobody
                can say what is on the disk, but a resume can, from the checksums.
        """
        self._check()
        if self._synced == self.length or time.monotonic() - self._synced_at < at_most_every:
            return False
        try:
            _fdatasync(self.fd)
        except OSError as error:
            self._broken = str(error)
            raise StoreError(explain(error, self.path)) from error
        self._synced, self._synced_at = self.length, time.monotonic()
        return True

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _check(self) -> None:
        if self.fd < 0:
            raise StoreError(f"{self.path} is closed; open the run again to write to it")
        if self._broken is not None:
            raise StoreError(f"{self.path} failed before ({self._broken}); resume the run")


def _fdatasync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)


def write_new(path: Path, buffers: Sequence[fr.Buffer]) -> int:
    """Make a file with some content, durable; return its descriptor, which can append."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        fr.write_all(fd, buffers)
        os.fsync(fd)
    except BaseException:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise
    return fd


def explain(error: OSError, path: Path) -> str:
    """Return what a failed write means and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        what = "the disk is full" if error.errno == errno.ENOSPC else "a quota or limit is reached"
        return (
            f"can't write {path}: {what} ({error.strerror}). Nothing acknowledged is lost: make "
            f"space on the disk that holds {path.parent}, then resume the run"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"can't write {path}: {error.strerror}. The run folder must be writable to run or "
            "resume; status, export and plot also work where it is not"
        )
    return f"can't write {path}: {error.strerror or error}"
