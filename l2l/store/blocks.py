"""Blocks: results as columns, and how one lies in a frame.

The payload of a frame of results is a short JSON head with the sizes, filled up with blanks to a
multiple of 8 bytes and preceded by its length (uint32), and then the columns of :data:`LAYOUT`
one after the other, little endian, without gaps.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l2l.errors import StoreError
from l2l.evaluation import Failure, Status
from l2l.store.frames import Buffer, view

Block = dict[str, NDArray[Any]]

#: Columns of one row an evaluation that every block has: name -> type.
COLUMNS: dict[str, str] = {
    "id": "<i8",
    "started": "<f8",
    "duration": "<f8",
    "parameters": "<f8",
    "fitness": "<f8",
    "generation": "<i4",
    "index": "<i4",
    "worker": "<i4",
    "seed": "<u4",
    "draw": "<u2",
    "status": "|u1",
}
#: One row an element whose evaluated value differs from the one that was asked for.
REPAIRS: dict[str, str] = {"repair_id": "<i8", "repair_asked": "<f8", "repair_column": "<i4"}
#: One row a point of an asynchronous run, with the number of results that were told before.
ASKS: dict[str, str] = {"ask_id": "<i8", "ask_known": "<i8"}
#: Columns whose rows are no evaluations.
SIDE: dict[str, str] = {**REPAIRS, **ASKS}

#: Columns that a reader makes from others: how many results had been told when the point was asked
#: for (asynchronous runs only), and the place in the order of landing.
MADE: dict[str, str] = {"known": "<i8", "landed": "<i8"}

#: A column of results on held-out tasks, made from their ids.
ROLE: dict[str, str] = {"role": "|u1"}

#: Wide columns that a block may have -> the name of their width in its head.
WIDE: dict[str, str] = {"observation": "k", "gradient": "g"}

_FIRST = ("id", "started", "duration", "parameters", "fitness")
_LAST = ("generation", "index", "worker", "seed")
_BYTES = ("draw", "status")


@functools.cache
def dtype_of(name: str) -> np.dtype[Any]:
    """Return the type of a column."""
    return np.dtype({**COLUMNS, **SIDE, **MADE, **ROLE}.get(name, "<f8"))


class _Column(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int
    at: int


@functools.lru_cache(maxsize=256)
def _layout(head: bytes) -> tuple[int, tuple[_Column, ...]]:
    """Return number of rows of a block, and where each column lies."""
    sizes = json.loads(head)
    n, repairs, asks = sizes["n"], sizes.get("repairs", 0), sizes.get("asks", 0)
    wide = {"parameters": sizes["d"], "fitness": sizes["m"]}
    wide |= {name: sizes[key] for name, key in WIDE.items() if key in sizes}
    names = [*_FIRST, *(name for name in WIDE if name in wide)]
    names += [f"metrics/{name}" for name in sizes.get("metrics", ())]
    names += ["repair_id", "repair_asked"] if repairs else []
    names += list(ASKS) if asks else []
    names += [*_LAST, *(["repair_column"] if repairs else []), *_BYTES]
    columns, at = [], 4 + len(head)
    for name in names:
        rows = repairs if name in REPAIRS else asks if name in ASKS else n
        shape = (rows, wide[name]) if name in wide else (rows,)
        column = _Column(name, dtype_of(name), shape, math.prod(shape), at)
        columns.append(column)
        at += column.size * column.dtype.itemsize
    return n, tuple(columns)


def encode_block(block: Mapping[str, NDArray[Any]]) -> list[Buffer]:
    """Return a block as the payload of a frame.

    Raises:
        StoreError: If a column is missing or does not fit the others.
    """
    missing = [name for name in COLUMNS if name not in block]
    if missing:
        raise StoreError(f"a block of results needs the columns {', '.join(missing)}")
    n, d = block["parameters"].shape
    widths = tuple((key, block[name].shape[1]) for name, key in WIDE.items() if name in block)
    head = _head(
        n,
        d,
        block["fitness"].shape[1],
        widths,
        tuple(name[8:] for name in block if name.startswith("metrics/")),
        len(block.get("repair_id", ())),
        len(block.get("ask_id", ())),
    )
    buffers: list[Buffer] = [struct.pack("<I", len(head)), head]
    for name, dtype, shape, _, _ in _layout(head)[1]:
        column = np.ascontiguousarray(block[name], dtype)
        if column.shape != shape:
            raise StoreError(f"column {name!r} must have shape {shape}, got {column.shape}")
        buffers.append(view(column) if column.nbytes > 4096 else column.tobytes())
    return buffers


@functools.lru_cache(maxsize=256)
def _head(
    n: int,
    d: int,
    m: int,
    widths: tuple[tuple[str, int], ...],
    metrics: tuple[str, ...],
    repairs: int,
    asks: int,
) -> bytes:
    """Return the JSON head of a block."""
    sizes: dict[str, Any] = {"n": n, "d": d, "m": m}
    sizes |= dict(widths)
    sizes |= {"metrics": metrics} if metrics else {}
    sizes |= {"repairs": repairs} if repairs else {}
    sizes |= {"asks": asks} if asks else {}
    text = json.dumps(sizes, separators=(",", ":")).encode()
    return text + b" " * (-(4 + len(text)) % 8)


def head_of(payload: memoryview) -> bytes:
    """Return the JSON head of a block."""
    (length,) = struct.unpack_from("<I", payload)
    return bytes(payload[4 : 4 + length])


def decode_block(payload: memoryview, names: Sequence[str] | None = None) -> Block:
    """Return a block, or some of its columns, as read-only views of the payload."""
    return {
        name: np.frombuffer(payload, dtype, size, at).reshape(shape)
        for name, dtype, shape, size, at in _layout(head_of(payload))[1]
        if names is None or name in names
    }


def shape_of(payload: memoryview) -> tuple[int, dict[str, tuple[int, ...]]]:
    """Return the number of rows of a block, and the shape of one row of each column."""
    return _shapes(head_of(payload))


@functools.lru_cache(maxsize=256)
def _shapes(head: bytes) -> tuple[int, dict[str, tuple[int, ...]]]:
    n, columns = _layout(head)
    return n, {column.name: column.shape[1:] for column in columns}


def encode_failures(failures: Sequence[Failure]) -> list[Buffer]:
    """Return failures as the payload of a frame: JSON."""
    rows = [
        [f.id, f.draw, int(f.status), f.message, f.traceback, f.output[-65536:]] for f in failures
    ]
    # Plain ASCII: a lone surrogate, which broken output decodes to, comes back as it was.
    return [json.dumps(rows, separators=(",", ":")).encode("ascii")]


def decode_failures(payload: memoryview) -> list[Failure]:
    """Return the failures of a frame."""
    return [
        Failure(number, draw, Status(status), *texts)
        for number, draw, status, *texts in json.loads(bytes(payload))
    ]


def pad(columns: Sequence[NDArray[Any] | None], rows: Sequence[int], name: str) -> NDArray[Any]:
    """Return parts of one column as one array; NaN where a part is missing or too narrow."""
    there = [column for column in columns if column is not None]
    if len(there) == len(columns) and len({column.shape[1:] for column in there}) == 1:
        return there[0] if len(there) == 1 else np.concatenate(there)
    tail = max((column.shape[1:] for column in there), default=())
    dtype = dtype_of(name)
    whole = np.full((sum(rows), *tail), np.nan if dtype.kind == "f" else 0, dtype)
    at = 0
    for column, n in zip(columns, rows, strict=True):
        if column is not None:
            whole[(slice(at, at + n), *map(slice, column.shape[1:]))] = column
        at += n
    return whole


def rows_of(block: Block, mask: NDArray[np.bool_]) -> Block:
    """Return the rows of a block that a mask selects, with their repairs, and all asks."""
    kept = {name: column[mask] for name, column in block.items() if name not in SIDE}
    kept |= {name: block[name] for name in ASKS if name in block}
    if "repair_id" in block:
        theirs = np.isin(block["repair_id"], kept["id"])
        kept |= {name: block[name][theirs] for name in REPAIRS}
    return kept


def repairs_from(piece: Block, first_id: int) -> Block:
    """Return the repairs of ids from ``first_id`` on."""
    mask = piece["repair_id"] >= first_id
    return {name: piece[name][mask] for name in REPAIRS}
