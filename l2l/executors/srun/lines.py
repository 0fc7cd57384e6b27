"""What a job step says to the outer loop: short lines on the standard output of ``srun``.

``srun`` merges what all ranks print. Lines of up to 1 KiB stay whole, so what a rank has to say
goes as base64 in pieces of that size; whatever else is printed is told apart by a token.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from enum import StrEnum

_PIECE = 690  # bytes, 920 as base64: a line stays below 1000


class Kind(StrEnum):
    """What a rank says."""

    HELLO = "hello"  #: node and name of its step
    BEAT = "beat"  #: it is alive
    DONE = "done"  #: what came of the jobs
    BROKEN = "broken"  #: why it can't do its work


class Speaker:
    """Says lines.

    Args:
        descriptor: Where to.
        token: Tells them from other output.
        rank: Of this process in its step.
    """

    def __init__(self, descriptor: int, token: str, rank: int) -> None:
        self.descriptor = descriptor
        self.head = f"{token} {rank}"

    def say(self, kind: Kind, data: bytes = b"") -> None:
        """Say something; blocks until it is on its way.

        Raises:
            OSError: If nobody listens.
        """
        pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)] or [b""]
        for number, piece in enumerate(pieces):
            more = "+" if number < len(pieces) - 1 else "."
            text = base64.b64encode(piece).decode()
            line = f"{self.head} {kind} {more}{text}\n".encode()
            while line:
                line = line[os.write(self.descriptor, line) :]


class Listener:
    """Takes the output of ``srun`` as it arrives, and gives back what ranks say."""

    def __init__(self, token: str) -> None:
        self.token = token.encode()
        self._rest = b""
        self._parts: dict[bytes, bytearray] = {}

    def feed(self, data: bytes) -> Iterator[tuple[int, Kind, bytes]]:
        """Take more bytes; yield rank, kind and data of what is complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            fields = line.split(b" ")
            if len(fields) != 4 or fields[0] != self.token:
                continue
            _, rank, kind, piece = fields
            part = self._parts.setdefault(rank, bytearray())
            part += base64.b64decode(piece[1:])
            if piece[:1] == b".":
                yield int(rank), Kind(kind.decode()), bytes(part)
                part.clear()
