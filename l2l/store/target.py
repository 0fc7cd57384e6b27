"""A file for HDF5 to write to, which never fails while HDF5 looks.

HDF5 does not survive a failed write: its tables keep objects of a file that can't be closed, and
the process crashes later (tried with HDF5 2.0: a segmentation fault after a quota was reached).
So errors are kept back here, what can't be written is kept in memory for HDF5 to read again, and
the caller asks, often, whether all is well.
"""

from __future__ import annotations

import io
import os
from pathlib import Path


class Target:
    """A file object that h5py can use, with its errors kept back.

    Args:
        path: The file, which must exist.

    Attributes:
        error: The first error, or None. What was written from then on is not in the file.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR)
        self._at = 0
        self._end = os.fstat(self._fd).st_size
        self._kept: list[tuple[int, bytes]] = []
        self.error: BaseException | None = None

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self.error is not None:
            raise self.error

    def sync(self) -> None:
        """Make the file durable."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    # -- what h5py calls ----------------------------------------------------------------------

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return what lies at the offset."""
        data = bytearray(max(0, self._end - self._at) if size < 0 else size)
        return bytes(data[: self.readinto(memoryview(data))])

    def readinto(self, buffer: memoryview) -> int:
        """Read what lies at the offset; what was never written reads as zeros."""
        size = max(0, min(len(buffer), self._end - self._at))
        done = os.preadv(self._fd, [buffer[:size]], self._at)
        buffer[done:size] = bytes(size - done)
        for start, data in self._kept:
            first, last = max(start, self._at), min(start + len(data), self._at + size)
            if first < last:
                buffer[first - self._at : last - self._at] = data[first - start : last - start]
        self._at += size
        return size

    def write(self, data: memoryview) -> int:
        """Write at the offset."""
        try:
            self.check()
            left, at = memoryview(data), self._at
            while left:
                done = os.pwrite(self._fd, left, at)
                left, at = left[done:], at + done
        except BaseException as error:  # an interrupt must not reach HDF5 either
            self.error = error
            self._kept.append((self._at, bytes(data)))
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        self._end = self._at if size is None else size
        try:
            self.check()
            os.ftruncate(self._fd, self._end)
        except BaseException as error:
            self.error = error
        return self._end

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""
