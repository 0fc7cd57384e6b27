"""Pace: how long evaluations take, those that have not ended yet included."""

from __future__ import annotations

import time
from collections.abc import Sequence


class Pace:
    """Knows what an evaluation costs, from chunks that are away and those that have come back.

    The quick ones come back first. To look at them alone would say that all are quick, and send
    many long ones out together; so the time for which chunks have been away counts, too: all work
    that is known of, divided by the evaluations that have ended.

    Attributes:
        largest: Evaluations of the largest chunk that has come back; 1 before there is any.
    """

    def __init__(self) -> None:
        self.largest = 1
        self._work = self._ended = 0.0  # of the latest chunks: time in s, evaluations
        self._away = 0
        self._since = 0.0  # sum over the chunks that are away, on the monotonic clock in s

    def leave(self) -> float:
        """Take note of a chunk that is sent; return when that is, on the monotonic clock in s."""
        now = time.monotonic()
        self._away += 1
        self._since += now
        return now

    def end(self, since: float, durations: Sequence[float] = ()) -> None:
        """Take note of a chunk that is not away any more.

        Args:
            since: When it was sent.
            durations: Of its evaluations, in s; none if it was lost or has to be sent again.
        """
        self._away -= 1
        self._since = self._since - since if self._away else 0.0
        if durations:
            # About four times as many chunks are remembered as are away.
            keep = 1.0 - 1.0 / (8.0 + 4.0 * self._away)
            self._work = keep * self._work + sum(durations)
            self._ended = keep * self._ended + len(durations)
            self.largest = max(self.largest, len(durations))

    def cost(self, slots: int) -> float | None:
        """Return what an evaluation costs, in s; None before one has ended.

        Args:
            slots: Supervisors. Where more chunks are away, the others wait, and don't count.
        """
        if not self._ended:
            return None
        away = time.monotonic() * self._away - self._since
        return (self._work + away * min(1.0, slots / max(1, self._away))) / self._ended
