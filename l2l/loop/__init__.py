"""The outer loop: ask -> evaluate -> tell -> record.

``generational`` waits for each generation, ``asynchronous`` for nobody. What they share is in
``base`` (criteria), ``landing`` (retries, losses, stops) and ``points`` (what is asked and told).
"""

from __future__ import annotations

from l2l.loop.base import Bounding, OuterLoop, Progress, Stop, counted

__all__ = ["Bounding", "OuterLoop", "Progress", "Stop", "counted", "loop_class"]


def loop_class(mode: str) -> type[OuterLoop]:
    """Return the loop of a mode, ``generational`` or ``async``."""
    if mode == "async":
        from l2l.loop.asynchronous import AsynchronousLoop

        return AsynchronousLoop
    from l2l.loop.generational import GenerationalLoop

    return GenerationalLoop
