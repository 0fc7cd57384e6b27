"""Export: the history as one table for other programs, a row an evaluation."""

from __future__ import annotations

import contextlib
import csv
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, MissingExtra, StoreError, nearest
from l2l.evaluation import Status
from l2l.heldout import role_of
from l2l.space import Parameter
from l2l.store.blocks import MADE, WIDE, Block, dtype_of
from l2l.store.journal import explain
from l2l.store.reader import Records

_STATUS = np.array([status.name.lower() for status in Status], dtype=object)


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        name: Its name.
        kind: ``int``, ``float``, ``bool`` or ``str``.
        source: The column of the store that it is made from.
        values: Makes its values from that one.
    """

    name: str
    kind: str
    source: str
    values: Callable[[NDArray[Any]], NDArray[Any]]


def export(
    path: str | PathLike[str],
    to: str,
    out: str | PathLike[str] | None = None,
    *,
    tests: bool = False,
) -> Path:
    """Write the history of a run as one table, ordered by id.

    The columns are id, generation, index, each element of each parameter, fitness (``fitness[0]``
    and so on if there are many objectives), metrics, observation, status, draw, seed, started
    (Unix time, s), duration (s), worker. Categorical parameters and the status are written by
    name; NaN is an empty cell (csv) or NULL (sqlite).

    Args:
        path: Folder of the run.
        to: ``csv``, ``parquet`` or ``sqlite`` (a table ``evaluations`` or ``tests``).
        out: The file to write, replaced if it exists; ``evaluations.<to>`` or ``tests.<to>`` in
            the run folder if None.
        tests: The results on held-out tasks in place of the evaluations: ``role`` (0 best
            individual of the generation, 1 recommended one) and ``part`` are in place of index.

    Returns:
        The file that was written.

    Raises:
        ConfigError: If the format is unknown, or can't hold so many columns; or if there are no
            tests.
        MissingExtra: If ``parquet`` is asked for and pyarrow is not installed.
        StoreError: If the run can't be read, or the file can't be written.
    """
    writers = {"csv": _write_csv, "parquet": _write_parquet, "sqlite": _write_sqlite}
    if to not in writers:
        raise ConfigError(f"can't export to {to!r}; {nearest(str(to), writers)}")
    table = "tests" if tests else "evaluations"
    target = Path(out) if out is not None else Path(path) / f"{table}.{to}"
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with Records(path) as records:
        columns = columns_of_tests(records) if tests else table_columns(records)
        rows = _all_tests(records, columns) if tests else _batches(records, columns)
        try:
            writers[to](temporary, columns, rows, table)
            os.replace(temporary, target)
        except OSError as error:
            raise StoreError(_text(error, target)) from error
        except sqlite3.OperationalError as error:
            raise StoreError(f"can't write {target}: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return target


def _text(error: OSError, target: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"can't write {target}: the folder {target.parent} does not exist"
    return explain(error, target).partition(".")[0]


# -- the table ------------------------------------------------------------------------------------


def table_columns(records: Records) -> list[Column]:
    """Return the columns of the table of a run; no two names are equal, in any case."""
    names = records.names()
    columns = [_plain(name) for name in ("id", "generation", "index")]
    columns += _outcome_columns(records, names)
    for name in WIDE:
        if name in names:
            columns += _flat(name, records.width(name), always=True)
    columns += [_plain(name) for name in MADE if name in names]
    return _distinct([*columns, *_end_columns()])


def columns_of_tests(records: Records) -> list[Column]:
    """Return the columns of the table of a run's tests on held-out tasks.

    Raises:
        ConfigError: If there are none.
    """
    if not records.tests:
        raise ConfigError(
            f"{records.path} has no tests on held-out tasks; a run has them that was begun with "
            "test_every"
        )
    columns = [_plain("id"), _plain("generation"), _plain("role"), _plain("index", "part")]
    columns += _outcome_columns(records, list(records.tests))
    return _distinct([*columns, *_end_columns()])


def _outcome_columns(records: Records, names: Sequence[str]) -> list[Column]:
    """Return columns of parameters, fitness, and those metrics that are among the names."""
    columns = []
    at = 0
    for parameter in records.space.parameters:
        for place, name in enumerate(parameter.column_names):
            columns.append(_of_parameter(parameter, name, at + place))
        at += parameter.size
    columns += _flat("fitness", len(records.tally.weights), always=False)
    return columns + [_plain(name, name[8:]) for name in names if name.startswith("metrics/")]


def _end_columns() -> list[Column]:
    """Return the columns with which a table ends."""
    status = Column("status", "str", "status", lambda status: _STATUS[status])
    return [status, *map(_plain, ("draw", "seed", "started", "duration", "worker"))]


def _plain(source: str, name: str | None = None) -> Column:
    kind = "float" if dtype_of(source).kind == "f" else "int"
    return Column(name or source, kind, source, lambda values: values)


def _flat(source: str, width: int, always: bool) -> list[Column]:
    """Return a column for each place of a wide one."""
    if width == 1 and not always:
        return [Column(source, "float", source, lambda values: values[:, 0])]
    return [
        Column(f"{source}[{i}]", "float", source, lambda values, i=i: values[:, i])  # type: ignore[misc]
        for i in range(width)
    ]


def _of_parameter(parameter: Parameter, name: str, at: int) -> Column:
    if parameter.kind == "float":
        return Column(name, "float", "parameters", lambda values: values[:, at])
    if parameter.kind == "int":
        return Column(name, "int", "parameters", lambda values: values[:, at].astype(np.int64))
    types = {type(choice) for choice in parameter.choices}
    plain = len(types) == 1 and types <= {bool, int, float}
    choices = np.array([c if plain else str(c) for c in parameter.choices], dtype=object)
    kind = types.pop().__name__ if plain else "str"
    return Column(name, kind, "parameters", lambda values: choices[values[:, at].astype(int)])


def _distinct(columns: list[Column]) -> list[Column]:
    """Give a column whose name is taken (by a field of the record, say) its store's name too."""
    taken = {c.name.lower() for c in columns if c.name == c.source}
    found = []
    for column in columns:
        name = column.name
        if column.name != column.source:
            if name.lower() in taken:
                name = f"{column.source.partition('/')[0]}/{name}"
            stem, number = name, 2
            while name.lower() in taken:
                name, number = f"{stem}_{number}", number + 1
            taken.add(name.lower())
        found.append(Column(name, column.kind, column.source, column.values))
    return found


def _batches(records: Records, columns: list[Column]) -> Iterator[list[NDArray[Any]]]:
    """Yield the columns' values, a few MB at a time."""
    sources = list(dict.fromkeys(column.source for column in columns))
    for block in records.iter_by_id(sources):
        yield [_values(column, block) for column in columns]


def _all_tests(records: Records, columns: list[Column]) -> Iterator[list[NDArray[Any]]]:
    """Yield the columns' values of all tests, in one piece."""
    block = {**records.tests, "role": role_of(records.tests["id"])}
    yield [_values(column, block) for column in columns]


def _values(column: Column, block: Block) -> NDArray[Any]:
    return column.values(block[column.source])


# -- the formats ----------------------------------------------------------------------------------


def _rows(batch: list[NDArray[Any]]) -> Iterator[tuple[Any, ...]]:
    """Return the rows of a batch as Python values; None where there is no number."""
    lists = []
    for values in batch:
        plain = values.tolist()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            plain = [None if value != value else value for value in plain]
        lists.append(plain)
    return zip(*lists, strict=True)


def _write_csv(target: Path, columns: list[Column], batches: Iterator[Any], _table: str) -> None:
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for batch in batches:
            writer.writerows(_rows(batch))


def _write_sqlite(target: Path, columns: list[Column], batches: Iterator[Any], table: str) -> None:
    types = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL", "str": "TEXT"}
    names = ['"' + column.name.replace('"', '""') + '"' for column in columns]
    spec = ", ".join(f"{n} {types[c.kind]}" for n, c in zip(names, columns, strict=True))
    database = sqlite3.connect(target)
    try:
        most = database.getlimit(sqlite3.SQLITE_LIMIT_COLUMN)
        if len(columns) > most:
            raise ConfigError(
                f"a table of sqlite holds at most {most} columns, the run has {len(columns)}; "
                "export to parquet or csv"
            )
        with database:
            database.execute(f"CREATE TABLE {table} ({spec}, PRIMARY KEY (id))")
            insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"
            for batch in batches:
                database.executemany(insert, _rows(batch))
    finally:
        database.close()


def _write_parquet(
    target: Path, columns: list[Column], batches: Iterator[Any], _table: str
) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("pyarrow", "parquet") from None
    names = {"int": pa.int64(), "bool": pa.bool_(), "float": pa.float64(), "str": pa.string()}
    types = [
        names[c.kind] if c.source == "parameters" or c.kind == "str" else pa.from_numpy_dtype(
            dtype_of(c.source)
        )
        for c in columns
    ]  # fmt: skip
    schema = pa.schema([(c.name, t) for c, t in zip(columns, types, strict=True)])
    few = [c.name for c in columns if c.kind != "float"]  # measured numbers hardly ever repeat
    with pq.ParquetWriter(target, schema, use_dictionary=few) as writer:
        for batch in batches:
            arrays = [pa.array(values, t) for values, t in zip(batch, types, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
