"""Numbers in a table: CSV, or columns with other separators."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from l2l.errors import ConfigError, SimulationFailed, nearest
from l2l.optimizees.command.extraction import number
from l2l.optimizees.command.folder import listing

if TYPE_CHECKING:
    from l2l.optimizees.command.readers import Reader

_NAMED = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";"}


def check_separator(given: Any, where: str) -> str:
    """Return a separator as one character; a space stands for any number of blanks."""
    separator = _NAMED.get(given, given) if isinstance(given, str) else ""
    if len(separator) != 1:
        raise ConfigError(
            f"{where}: separator is one character, or {', '.join(_NAMED)}; got {given!r}"
        )
    return separator


def rows_of(text: str, separator: str, skip: int = 0) -> list[list[str]]:
    """Return the rows of a table; empty lines are none."""
    lines = text.splitlines()[skip:]
    if separator == " ":
        lines = [" ".join(line.split()) for line in lines]
    file = io.StringIO("\n".join(lines))
    rows = csv.reader(file, delimiter=separator, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows if any(map(str.strip, row))]


def in_csv(text: str, reader: Reader) -> list[float]:
    """Return the numbers that a reader asks for; raise SimulationFailed where there are none."""
    rows = rows_of(text, reader.separator, reader.skip)
    names = rows.pop(0) if reader.header and rows else []
    if reader.header and not names:
        raise SimulationFailed(f"{reader.source}: expected a table, and it is empty")
    column = _column(reader, names, rows)
    if not rows:
        raise SimulationFailed(
            f"{reader.source}: expected rows below the names, and there are none"
        )
    if isinstance(reader.row, int):
        try:
            chosen = [(reader.row, rows[reader.row])]
        except IndexError:
            raise SimulationFailed(
                f"{reader.source}: there is no row {reader.row}; it has {len(rows)} (counted "
                "from 0, without the names)"
            ) from None
    else:
        chosen = list(enumerate(rows))
    for place, row in chosen if names else ():
        if not len(_filled(row)) <= len(_filled(names)) <= len(row):
            raise SimulationFailed(
                f"{reader.source}, row {place}: expected {len(names)} cells, as many as the line "
                f"of names has, got {len(row)}: {listing(row)}. (Decimal commas? Row names that R "
                "wrote? A # before the names?)"
            )
    values = [_cell(row, column, place, reader) for place, row in chosen]
    return [sum(values) / len(values)] if reader.row == "mean" else values


def _column(reader: Reader, names: list[str], rows: list[list[str]]) -> int:
    if isinstance(reader.column, int):
        width = max(map(len, rows or [names]), default=0)
        if not -width <= reader.column < width:
            raise SimulationFailed(
                f"{reader.source}: there is no column {reader.column}; it has {width} (counted "
                "from 0)" + _other_separator(names or (rows or [[]])[0])
            )
        return reader.column
    if reader.column not in names:
        raise SimulationFailed(
            f"{reader.source}: there is no column {reader.column!r}; "
            f"its columns: {listing(names)}. {_mean(reader.column, names)}"
            f"{_other_separator(names)}"
        )
    return names.index(reader.column)


def _filled(row: list[str]) -> list[str]:
    """Return a row without the empty cells at its end."""
    return row[: max((place for place, cell in enumerate(row, 1) if cell), default=0)]


def _mean(name: str, names: list[str]) -> str:
    hint = nearest(name, names)
    return hint if hint.startswith("did you mean") else ""


def _other_separator(names: list[str]) -> str:
    for word, character in (("semicolon", ";"), ("tab", "\t"), ("space", " "), ("comma", ",")):
        if len(names) == 1 and character in names[0]:
            return f" (only one column: is it `separator: {word}`?)"
    return ""


def _cell(row: list[str], column: int, place: int, reader: Reader) -> float:
    try:
        return number(row[column])
    except (ValueError, IndexError):
        got = repr(row[column]) if -len(row) <= column < len(row) else f"only {len(row)} cells"
        hint = " (is it the line of names? `header: true`)" if place == 0 else ""
        raise SimulationFailed(
            f"{reader.source}, row {place}, column {reader.column!r}: expected a number, got {got}"
            f"{hint if not reader.header else ''}"
        ) from None
