"""The schema of history.h5: what each dataset means, and how it is laid out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

STATUS_TEXT = "0 ok, 1 failed, 2 crashed, 3 timeout, 4 memory, 5 lost, 6 invalid"

#: Unit and description of each dataset; a metric has those of ``metrics/*``.
MEANING: dict[str, tuple[str, str]] = {
    "id": ("1", "number of the evaluation in the run, from 0"),
    "generation": ("1", "number of the generation, from 0"),
    "index": ("1", "place of the individual in its generation, from 0"),
    "parameters": ("see attribute units", "parameters as they were evaluated, in their own units"),
    "fitness": ("1", "fitness as returned, one column an objective; NaN where status is not 0"),
    "status": ("1", f"how the evaluation ended: {STATUS_TEXT}"),
    "draw": ("1", "0, and one more for each retry after a failure"),
    "seed": ("1", "seed of all randomness of the evaluation"),
    "started": ("s", "Unix time at which the evaluation began"),
    "duration": ("s", "how long the evaluation ran"),
    "worker": ("1", "number of the worker that ran the evaluation"),
    "observation": ("1", "what an observing optimizer learns from; NaN where there is none"),
    "gradient": (
        "fitness per unit of the parameter",
        "of each objective by each column of parameters; NaN where there is none",
    ),
    "metrics/*": ("1", "further number that the optimizee returned; NaN where there is none"),
    "repairs/id": ("1", "evaluation of which an element was changed before it was run"),
    "repairs/column": ("1", "column of parameters that was changed"),
    "repairs/asked": ("as the parameter", "value that the optimizer had asked for there"),
    "asks/known": (
        "1",
        "how many results had been told when a point was asked for; row i is evaluation i; -1 if "
        "that is not known (asynchronous runs only)",
    ),
    "test/id": ("1", "number of the test in the run, from -1 downwards"),
    "test/role": ("1", "what was tested: 0 best individual of the generation, 1 recommended one"),
    "test/index": ("1", "which part of the held-out tasks it faced, from 0"),
    "failures/id": ("1", "evaluation of which this attempt did not end ok"),
    "failures/draw": ("1", "which attempt it was, from 0"),
    "failures/status": ("1", f"how it ended: {STATUS_TEXT}"),
    "failures/message": ("text", "what went wrong, cut to 200 bytes"),
    "failures/message_end": ("bytes", "end of the whole message in failures/text"),
    "failures/traceback_end": ("bytes", "end of the traceback; it begins where the message ends"),
    "failures/output_end": ("bytes", "end of the output; it begins where the traceback ends"),
    "failures/text": ("UTF-8", "messages, tracebacks and last output (64 KiB) of all, in one"),
    "events": ("JSON", "starts, stops and take-overs of the run, in order"),
    "state/arrays/*": ("the optimizer's own", "an array of the optimizer's state"),
    "state/tree": ("JSON", "the optimizer's state; its arrays are in state/arrays"),
}

FAILURES: dict[str, str] = {
    "id": "<i8",
    "draw": "<u2",
    "status": "|u1",
    "message": "S200",
    "message_end": "<i8",
    "traceback_end": "<i8",
    "output_end": "<i8",
}

#: Whole numbers that compress well; the rest is stored as it is.
_COMPRESSED = {"id", "generation", "index", "status", "draw", "worker", "role"}
#: Rows of a chunk: many where chunks shrink, few where a small run would pay for empty rows.
_ROWS_COMPRESSED, _ROWS_RAW, _BYTES_RAW = 4096, 512, 1 << 15


def place_of(column: str) -> str:
    """Return the name of the dataset that holds a column of a block."""
    if column.startswith("repair_"):
        return f"repairs/{column.removeprefix('repair_')}"
    if column.startswith("ask_"):
        return f"asks/{column.removeprefix('ask_')}"
    if column.startswith("metrics/"):
        name = column.removeprefix("metrics/").replace("%", "%25").replace("/", "%2F")
        return f"metrics/{name.replace('.', '%2E') if set(name) <= {'.'} else name}"
    return column


def column_at(place: str) -> str:
    """Return the column whose dataset has a name: the reverse of :func:`place_of`."""
    if place.startswith("repairs/"):
        return f"repair_{place.removeprefix('repairs/')}"
    if place.startswith("metrics/"):
        return place.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
    return place


def describe(dataset: Any, place: str) -> None:
    """Give a dataset its unit and description; those of tests have the ones of evaluations."""
    if place not in MEANING:
        place = place.removeprefix("test/")
    key = "metrics/*" if place.startswith("metrics/") else place  # else one of MEANING
    dataset.attrs["unit"], dataset.attrs["description"] = MEANING[key]


def create(group: Any, place: str, dtype: Any, tail: tuple[int, ...] = ()) -> Any:
    """Return a new empty dataset of a file or group that can grow, with checksums."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize * int(np.prod(tail))
    if place in _COMPRESSED or place.startswith(("repairs/", "failures/", "asks/")):
        options: Mapping[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        rows = _ROWS_COMPRESSED if place != "failures/text" else 1 << 18
    else:
        options, rows = {}, max(1, min(_ROWS_RAW, _BYTES_RAW // max(1, size)))
    dataset = group.create_dataset(
        place,
        shape=(0, *tail),
        maxshape=(None,) * (1 + len(tail)) if place == "observation" else (None, *tail),
        chunks=(rows, *(max(1, n) for n in tail)),
        dtype=dtype,
        fillvalue=np.nan if dtype.kind == "f" else None,
        fletcher32=True,
        **options,
    )
    describe(dataset, f"{group.name.strip('/')}/{place}".strip("/"))
    return dataset


def store_array(group: Any, name: str, array: np.ndarray[Any, Any]) -> Any:
    """Return a dataset with a whole array in one checked chunk (or several, if it is large)."""
    if not array.size or not array.ndim:
        return group.create_dataset(name, data=array)
    rows = max(1, min(len(array), (1 << 20) // max(1, array.nbytes // len(array))))
    chunks = (rows, *array.shape[1:])
    return group.create_dataset(name, data=array, chunks=chunks, fletcher32=True)
