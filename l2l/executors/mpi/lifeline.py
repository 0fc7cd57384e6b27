"""The lifeline: by which the ranks of an MPI program know that the others live.

A future of mpi4py whose rank has gone never ends, and a rank without rank 0 would wait for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SILENCE = 30.0  #: a rank that has said nothing for so long has gone, in s
TICK = 0.05  #: how often the lifeline is to be looked at, in s
_BEAT = 3.0  # a rank says so often that it lives, in s


class Lifeline:
    """What a thread of every rank sends and hears beside the work.

    Args:
        comm: A communicator of its own.
        others: Ranks on the other side.
        hear: Called with rank and words of whatever is said, in the thread.
    """

    def __init__(
        self, comm: Any, others: list[int], hear: Callable[[int, tuple[str, str]], None]
    ) -> None:
        self.comm = comm
        self._hear = hear
        self._silence = dict.fromkeys(others, 0.0)
        self._sending: dict[int, list[Any]] = {rank: [] for rank in others}
        self._farewells: list[Any] = []
        self._last_tick = time.monotonic()
        self._next_beat = 0.0

    def tick(self) -> None:
        """Hear what was said, and say that this rank lives if it is time to."""
        now = time.monotonic()
        # A rank that was stopped itself has heard nothing, which says nothing about the others.
        passed, self._last_tick = min(1.0, now - self._last_tick), now
        for rank in self._silence:
            self._silence[rank] += passed
        while (message := self.comm.improbe()) is not None:
            self._listen(message)
        if now >= self._next_beat:
            self._next_beat = now + _BEAT
            for rank, sending in self._sending.items():
                sending[:] = [request for request in sending if not request.test()[0]]
                if not sending:
                    self.say(rank, "alive")

    def _listen(self, message: Any) -> None:
        rank, *words = message.recv()
        if rank in self._silence:
            self._silence[rank] = 0.0
            self._hear(rank, (words[0], words[1]))

    def say(self, rank: int, what: str, of: str = "") -> None:
        """Send words to a rank."""
        self._sending[rank].append(self.comm.isend((self.comm.rank, what, of), rank))

    def say_bye(self, rank: int) -> None:
        """Send the last words to a rank."""
        self.say(rank, "bye")
        self._farewells += self._sending.pop(rank)

    def let_go(self, rank: int) -> None:
        """Expect nothing more of a rank."""
        del self._silence[rank]

    @property
    def others(self) -> list[int]:
        """The ranks of which something is expected."""
        return list(self._silence)

    @property
    def silent(self) -> list[int]:
        """The ranks that have said nothing for too long."""
        return [rank for rank, silence in self._silence.items() if silence > SILENCE]

    def flush(self) -> None:
        """Wait until everything has been sent."""
        for request in self._farewells:
            while not request.test()[0]:
                time.sleep(TICK)
