"""What a worker prints, and which call printed it."""

from __future__ import annotations

import os
import time
from collections import deque

from l2l import wire
from l2l.evaluate import KEPT


class Tail:
    """The last bytes that came through a pipe.

    Args:
        descriptor: Of the pipe's end to read from.
        most: How many bytes are kept, at least.

    Attributes:
        cut: Whether the beginning is missing.
    """

    def __init__(self, descriptor: int, most: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.most = most
        self.cut = False
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0

    def drain(self, most: int = 32) -> bool:
        """Take what has been printed (at most 32 pipes full of it); False at the end of it."""
        for _ in range(most):
            try:
                data = os.read(self.descriptor, 1 << 16)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self._pieces.append((time.monotonic(), data))
            self._size += len(data)
            while self._size - len(self._pieces[0][1]) >= self.most:
                self._size -= len(self._pieces.popleft()[1])
                self.cut = True
        return True

    def content(self, since: float = 0.0) -> bytes:
        """Return what is kept of what was read from ``since`` on, on the monotonic clock."""
        return b"".join(data for read, data in self._pieces if read >= since)


class Output(Tail):
    """The end of what a worker printed, by call.

    Calls that printed something are told apart by the marks that the worker prints behind them,
    and by when the guard read it.
    """

    def __init__(self, descriptor: int, token: str) -> None:
        super().__init__(descriptor, 2 * KEPT)
        self.token = token

    def of_call(self, call: int, since: float) -> str:
        """Return the end of what was printed by a call that began at ``since``, by its number."""
        text = self.content(since)
        end = text.find(wire.output_mark(self.token, call))
        if end >= 0:
            text = text[:end]
        start = text.rfind(wire.output_mark(self.token))
        if start >= 0:
            text = text[text.find(b"\0", start + 1) + 1 :]
        return text[-KEPT:].decode(errors="replace")

    def before_calls(self) -> str:
        """Return the end of what was printed before the first call ended."""
        text, _, _ = self.content().partition(wire.output_mark(self.token))
        return text[-KEPT:].decode(errors="replace")

    def text(self) -> str:
        """Return the end of all that was printed."""
        return self.content()[-KEPT:].decode(errors="replace")

    def close(self) -> None:
        """Close the pipe."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
