"""Functions compiled by Numba. Importing this module imports Numba."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numba

log = logging.getLogger("l2l")


def compiled(signature: Any = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function, at once if its signature is given.

    The machine code is kept in Numba's cache, so that only the first worker of all compiles.
    Where no folder can be written to, or there is no room, each process compiles for itself.

    Args:
        signature: Of the function; None compiles when it is first called, for what it is given.
        options: Of ``numba.njit``.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder for the cache
            dispatcher = numba.njit(**options)(function)
        if not hasattr(dispatcher, "_cache"):  # Numba is told to compile nothing
            return dispatcher
        _forgive(dispatcher)
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return compile_


def _forgive(dispatcher: Any) -> None:
    """Let a function run though its machine code can't be written to the disk."""
    cache = dispatcher._cache
    save = cache.save_overload

    def save_if_possible(signature: Any, data: Any) -> None:
        try:
            save(signature, data)
        except OSError as error:
            log.warning("compiled code is not kept for the next run: %s", error)

    cache.save_overload = save_if_possible
