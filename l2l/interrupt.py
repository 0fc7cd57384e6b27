"""Requests to stop: signals and the time budget."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from types import FrameType
from typing import Any, Self

#: What announces that the wall-time of the job is near; to be sent as often as anybody likes.
NEAR_THE_END = signal.SIGUSR1
#: What ends a run gently the first time it comes.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, NEAR_THE_END)


class StopRequest:
    """Turns the first signal, or the end of the time budget, into a reason to stop.

    Used as a context manager around the loop. A second SIGINT or SIGTERM raises KeyboardInterrupt
    at once. Outside the main thread, where Python delivers no signals, only the budget counts.

    Attributes:
        signal: The first signal that came, or None; where that was NEAR_THE_END, which leaves the
            time that the job has, the next one takes its place.
    """

    def __init__(self, time_budget: float | None = None) -> None:
        self.signal: signal.Signals | None = None
        self._budget = time_budget
        self._begun = time.monotonic()
        self._before: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> str | None:
        """Why the run shall stop, or None."""
        if self.signal is not None:
            return f"stopped by {self.signal.name}"
        if self._budget is not None and time.monotonic() - self._begun >= self._budget:
            return f"time budget of {self._budget:g} s"
        return None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            with contextlib.suppress(TypeError):  # a handler that was not set from Python
                signal.signal(number, handler)
        self._before.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal in (None, NEAR_THE_END):
            self.signal = signal.Signals(number)
        elif number not in (signal.SIGHUP, NEAR_THE_END):
            raise KeyboardInterrupt
