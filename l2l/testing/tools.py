"""What the contract suites share."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def check(condition: object, text: str) -> None:
    """Raise an AssertionError with a text unless a condition holds (with ``python -O`` too)."""
    if not condition:
        raise AssertionError(text)


@contextlib.contextmanager
def during(what: str) -> Iterator[None]:
    """Say in every error of the block what was being checked."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error
    except Exception as error:
        error.add_note(f"while l2l.testing checked: {what}")
        raise


@contextlib.contextmanager
def global_random(seed: int) -> Iterator[None]:
    """Seed ``random`` and ``np.random`` for a while; afterwards they are as they were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def global_state() -> list[Any]:
    """Return the states of ``random`` and ``np.random``, comparable with ``==``."""
    _, words, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return [random.getstate(), np.asarray(words).tolist(), rest]


def stored(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state as a store would give it back: arrays through npy, the rest through JSON."""
    return {name: _stored(name, value) for name, value in state.items()}


def _stored(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        file = io.BytesIO()
        check(value.dtype.kind in "biuf", f"state[{name!r}] is an array of {value.dtype}")
        np.save(file, value, allow_pickle=False)
        return np.load(io.BytesIO(file.getvalue()), allow_pickle=False)
    plain = value is None or type(value) in (bool, int, float, str)
    check(
        plain,
        f"state[{name!r}] must be an array of numbers, a bool, int, float, str or None, "
        f"got {type(value).__name__}",
    )
    return json.loads(json.dumps(value))


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states are equal to the last bit."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        like = isinstance(other, np.ndarray) and one.dtype == other.dtype
        return like and one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and repr(one) == repr(other)
