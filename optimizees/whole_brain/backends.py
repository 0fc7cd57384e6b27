"""The backends by name, each imported when first used."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from l2l.errors import need


def backend(name: str) -> Callable[..., Any]:
    """Return the ``run(simulation, batch, observers)`` of a backend.

    Args:
        name: ``numba``, ``numba-cuda``, ``numpy``; or ``auto``: a GPU where there is one, the CPU
            where Numba is installed, else NumPy.

    Raises:
        MissingExtra: If its packages are not installed.
    """
    chosen = available() if name == "auto" else name
    if chosen == "numpy":
        from l2l.optimizees.whole_brain.reference import run as run_in_numpy

        return run_in_numpy
    need("numba", "numba", "numba")
    if chosen == "numba":
        from l2l.optimizees.whole_brain.cpu.run import run as run_on_cpu

        return run_on_cpu
    need("numba_cuda", "numba-cuda", "cuda")
    from l2l.optimizees.whole_brain.gpu.run import run as run_on_gpu

    return run_on_gpu


def available() -> str:
    """Return the name of the fastest backend that this machine has."""
    if not importlib.util.find_spec("numba"):
        return "numpy"
    return "numba-cuda" if importlib.util.find_spec("numba_cuda") and _gpu() else "numba"


def _gpu() -> bool:
    """Return whether there is a GPU, or the simulator of one was asked for."""
    from numba import cuda

    return bool(cuda.is_available())
