"""Signals, and what must be done whole."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enums, which cost 40 us a call
import threading
from typing import Any


class uninterrupted:  # noqa: N801 - used like a function
    """Holds SIGINT and SIGTERM back until the block is done, where Python code handles them.

    Their handlers are then called, and may raise.
    """

    def __enter__(self) -> None:
        self._before: dict[int, Any] = {}
        self._came: list[tuple[int, Any]] = []
        if threading.current_thread() is threading.main_thread():  # others get no signals
            for number in (_signal.SIGINT, _signal.SIGTERM):
                handler = _signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    _signal.signal(number, self._note)

    def _note(self, number: int, frame: Any) -> None:
        self._came.append((number, frame))

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            _signal.signal(number, handler)
        for number, frame in self._came:
            self._before[number](number, frame)
