"""Functions compiled by Numba. Importing this module imports Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(signature: Any = None) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function, at once if its signature is given.

    The machine code is kept in Numba's cache, so that only the first worker of all compiles.
    Where no folder can be written to, each process compiles for itself, a few seconds.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(signature, cache=True)(function)
        except (RuntimeError, OSError):  # no folder for the cache, or no room in it
            return numba.njit(signature)(function)

    return compile_
