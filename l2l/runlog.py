"""The log of a run: a file in its folder, which may be out of reach for a while."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from pathlib import Path

_MOST = 1000  # records that wait for the folder to come back


class RunLog(logging.FileHandler):
    """Appends to a file that is made when there is something to say.

    What is said while its folder can't be reached is written when it can be again.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._waiting: deque[logging.LogRecord] = deque(maxlen=_MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep it for later."""
        self._waiting.append(record)
        self._write()

    def close(self) -> None:
        """Write what is left, if that can be done, and close the file."""
        if self._waiting:
            self._write()
        super().close()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            if self.stream is None:
                self.stream = self._open()
            while self._waiting:
                super().emit(self._waiting.popleft())
