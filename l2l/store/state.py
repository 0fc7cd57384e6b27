"""States: an optimizer's dict of arrays and scalars as JSON and raw arrays, bit for bit.

JSON holds the tree; what JSON can't hold exactly is written as a dict of one key: ``$array`` (its
place in the list of arrays), ``$scalar`` (the same for a numpy scalar), ``$tuple``, ``$float``
(one that is not finite, as hexadecimal bytes), ``$bytes`` and ``$dict`` (a dict whose keys could
be taken for these). No pickle: reading a state never runs code.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError
from l2l.store.frames import Buffer, view


@dataclass(frozen=True)
class Snapshot:
    """An optimizer's state at the start of a generation.

    Attributes:
        state: Arrays and scalars under names.
        generation: Number of the next generation.
        told: All evaluations with a smaller id had been told; in an asynchronous run: so many.
    """

    state: dict[str, Any]
    generation: int
    told: int


_STANDS = struct.Struct("<qqI")

Arrays = list[tuple[str, NDArray[Any]]]


def flatten(value: Any, arrays: Arrays, name: str = "") -> Any:
    """Return a value as JSON data; its arrays are appended to ``arrays`` with their names."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.hasobject or array.dtype.names:
            raise StoreError(f"state[{name!r}] is an array of {array.dtype}; numbers are expected")
        arrays.append((name, array))
        return {"$scalar" if isinstance(value, np.generic) else "$array": len(arrays) - 1}
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": struct.pack("<d", value).hex()}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        items = [flatten(item, arrays, f"{name}.{i}") for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        tree = {k: flatten(v, arrays, f"{name}.{k}" if name else k) for k, v in value.items()}
        return {"$dict": tree} if any(key.startswith("$") for key in tree) else tree
    raise StoreError(
        f"state[{name!r}] is a {type(value).__name__}; a state holds arrays, numbers, texts, None, "
        "and lists and dicts (with texts as keys) of these"
    )


def unflatten(tree: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return the value that :func:`flatten` flattened."""
    if isinstance(tree, list):
        return [unflatten(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((key, value),) = tree.items()
        if key == "$array":
            return arrays[value]
        if key == "$scalar":
            return arrays[value][()]
        if key == "$tuple":
            return tuple(unflatten(item, arrays) for item in value)
        if key == "$float":
            return struct.unpack("<d", bytes.fromhex(value))[0]
        if key == "$bytes":
            return bytes.fromhex(value)
        if key == "$dict":
            return {k: unflatten(v, arrays) for k, v in value.items()}
    return {k: unflatten(v, arrays) for k, v in tree.items()}


def encode_state(state: dict[str, Any], generation: int, told: int) -> list[Buffer]:
    """Return a snapshot as the payload of a frame.

    It is generation, told (int64 each), the length of the JSON part (uint32), the JSON part, and
    the arrays one after the other.

    Raises:
        StoreError: If the state holds something else than arrays and scalars.
    """
    arrays: Arrays = []
    tree = flatten(state, arrays)
    listed = [[name, array.dtype.str, array.shape] for name, array in arrays]
    text = json.dumps({"state": tree, "arrays": listed}, separators=(",", ":")).encode()
    return [_STANDS.pack(generation, told, len(text)), text, *(view(a) for _, a in arrays)]


def decode_state(payload: memoryview) -> Snapshot:
    """Return the snapshot of a frame."""
    generation, told, length = _STANDS.unpack_from(payload)
    at = _STANDS.size + length
    head = json.loads(bytes(payload[_STANDS.size : at]))
    arrays = []
    for _, dtype, shape in head["arrays"]:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        arrays.append(np.frombuffer(bytes(payload[at : at + size]), dtype).reshape(shape).copy())
        at += size
    return Snapshot(unflatten(head["state"], arrays), generation, told)


def usable(told: int, rows: int, complete: int | None, in_order: bool) -> bool:
    """Return whether all results that a state has been told are recorded.

    Args:
        told: All evaluations with a smaller id had been told; in an asynchronous run, so many had
            been told, in order of landing.
        rows: So many rows come before the state.
        complete: All smaller ids are recorded; None if that does not matter.
        in_order: Whether results are told in order of landing.
    """
    if in_order:
        return told == rows
    return complete is None or told <= complete


def stands(payload: memoryview) -> tuple[int, int]:
    """Return generation and ``told`` of a state frame, without decoding the state."""
    generation, told, _ = _STANDS.unpack_from(payload)
    return generation, told
