"""Fresh copies of an optimizee, and individuals as it gets them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l2l.evaluation import Floats
from l2l.space import ParameterSpace


def construct(reference: str, kwargs: Mapping[str, Any]) -> Any:
    """Return the optimizee that ``module:Class`` or ``path/to/file.py:Class`` names."""
    from l2l import registry
    from l2l.classic.tools import DummyTrajectory
    from l2l.references import load_reference

    return registry.construct(load_reference(reference), kwargs, DummyTrajectory())


def copier(optimizee: Any) -> Callable[[], Any] | None:
    """Return what makes fresh copies of an optimizee as it is now; None if it can't be copied.

    Copies share nothing that can change. Parameter spaces can't, and they are most of what there
    is to load of a small optimizee, so they are shared.
    """
    import cloudpickle

    spaces: list[ParameterSpace] = []

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, thing: Any) -> int | None:
            if type(thing) is not ParameterSpace:
                return None
            spaces.append(thing)
            return len(spaces) - 1

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> ParameterSpace:
            return spaces[number]

    try:
        file = io.BytesIO()
        Pickler(file, 5).dump(optimizee)
        data = file.getvalue()
        Unpickler(io.BytesIO(data)).load()
    except Exception:
        return None
    if not spaces:
        return lambda: pickle.loads(data)
    return lambda: Unpickler(io.BytesIO(data)).load()


def unflattener(space: ParameterSpace) -> Callable[[Floats], dict[str, Any]]:
    """Return ``space.unflatten``, or what gives the same faster where all are plain floats."""
    if any(p.kind != "float" or p.shape for p in space.parameters):
        return space.unflatten
    names = space.names
    return lambda row: dict(zip(names, row.tolist(), strict=True))


def columns(space: ParameterSpace, values: Floats) -> dict[str, Any]:
    """Return values ``(n, d)`` as arrays ``(n, *shape)`` under the parameters' names."""
    found: dict[str, Any] = {}
    for p in space.parameters:
        column = values[:, space.slice(p.name)].reshape(len(values), *p.shape)
        if p.kind == "float":
            found[p.name] = np.ascontiguousarray(column)
        elif p.kind == "int":
            found[p.name] = column.astype(np.int64)
        else:
            picked = np.empty(column.size, dtype=object)
            for i, choice in enumerate(column.flat):
                picked[i] = p.choices[int(choice)]
            found[p.name] = picked.reshape(column.shape)
    return found
