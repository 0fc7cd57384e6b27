"""Outcomes as columns: the blocks in which results go to the store and come back.

A block is a dict of arrays. All have one row an evaluation, except the ``repair_*`` columns, one
row an element whose evaluated value differs from the one the optimizer asked for, and the ``ask_*``
columns of asynchronous runs, one row a point that was asked for since the last block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Floats, Outcome, Row

Block = dict[str, NDArray[Any]]

REPAIRS = ("repair_id", "repair_column", "repair_asked")
ASKS = ("ask_id", "ask_known")
#: Columns whose rows are no evaluations.
SIDE = (*REPAIRS, *ASKS)


def block_of(outcomes: Sequence[Outcome], asked: Floats, objectives: int) -> Block:
    """Return outcomes as a block.

    Args:
        outcomes: In any order.
        asked: ``(n, d)`` values that the optimizer asked for, in the same order.
        objectives: Number of fitness values of each.
    """
    jobs = [o.job for o in outcomes]
    nothing = (np.nan,) * objectives
    block: Block = {
        "id": np.array([j.id for j in jobs], np.int64),
        "generation": np.array([j.generation for j in jobs], np.int32),
        "index": np.array([j.index for j in jobs], np.int32),
        "parameters": np.array([j.values for j in jobs], np.float64).reshape(-1, asked.shape[1]),
        "fitness": np.array(
            [nothing if o.fitness is None else o.fitness for o in outcomes], np.float64
        ).reshape(-1, objectives),
        "status": np.array([o.status for o in outcomes], np.uint8),
        "draw": np.array([j.draw for j in jobs], np.uint16),
        "seed": np.array([j.seed for j in jobs], np.uint32),
        "started": np.array([o.started for o in outcomes], np.float64),
        "duration": np.array([o.duration for o in outcomes], np.float64),
        "worker": np.array([o.worker for o in outcomes], np.int32),
    }
    _add_rows(block, "observation", [o.observation for o in outcomes])
    _add_rows(block, "gradient", [o.gradient for o in outcomes])
    _add_metrics(block, [o.metrics for o in outcomes])
    _add_repairs(block, asked)
    return block


def _add_metrics(block: Block, rows: Sequence[Mapping[str, float]]) -> None:
    """Add a column a metric, NaN where a row lacks it."""
    names = list(rows[0]) if rows else []
    if any(list(row) != names for row in rows):
        names = list({name: None for row in rows for name in row})
        rows = [{name: row.get(name, np.nan) for name in names} for row in rows]
    parts = [row.numbers if isinstance(row, Row) else [*row.values()] for row in rows]
    table = np.array(parts, np.float64).reshape(len(rows), len(names))
    columns = dict(zip(names, np.ascontiguousarray(table.T), strict=True))
    block.update({f"metrics/{name}": columns[name] for name in sorted(columns)})


def _add_rows(block: Block, name: str, parts: Sequence[Floats | None]) -> None:
    """Add a wide column, NaN where a part is missing or shorter; none if there is no part."""
    widths = {len(part) for part in parts if part is not None}
    if not widths:
        return
    rows = np.full((len(parts), max(widths)), np.nan)
    for row, part in zip(rows, parts, strict=True):
        if part is not None:
            row[: len(part)] = part
    block[name] = rows


def _add_repairs(block: Block, asked: Floats) -> None:
    rows, columns = np.nonzero(block["parameters"] != asked)
    if len(rows):
        block["repair_id"] = block["id"][rows]
        block["repair_column"] = columns.astype(np.int32)
        block["repair_asked"] = asked[rows, columns]


def select(block: Block, rows: NDArray[Any] | slice) -> Block:
    """Return the rows of a block, without its side columns; ``rows`` as numpy takes them."""
    return {name: column[rows] for name, column in block.items() if name not in SIDE}


def merge(blocks: Sequence[Block]) -> Block:
    """Return blocks as one, ordered by id, without their side columns.

    A column that a block lacks is NaN there.
    """
    names = list(dict.fromkeys(n for block in blocks for n in block if n not in SIDE))
    whole = {name: np.concatenate(_aligned(name, blocks)) for name in names}
    return select(whole, np.argsort(whole["id"], kind="stable"))


def _aligned(name: str, blocks: Sequence[Block]) -> list[NDArray[Any]]:
    """Return one column of each block, made to fit together."""
    columns = [block.get(name) for block in blocks]
    shape = max((c.shape[1:] for c in columns if c is not None), default=())
    parts = []
    for column, block in zip(columns, blocks, strict=True):
        if column is None or column.shape[1:] != shape:
            wide = np.full((len(block["id"]), *shape), np.nan)
            if column is not None:
                wide[:, : column.shape[1]] = column
            column = wide
        parts.append(column)
    return parts
