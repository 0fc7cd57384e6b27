"""Results: numbers read from what a program printed or wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, SimulationFailed, nearest
from l2l.optimizees.command.extraction import in_json, in_regex, in_text
from l2l.optimizees.command.folder import is_new, listing, written
from l2l.optimizees.command.inputs import check_inside
from l2l.optimizees.command.process import Finished
from l2l.optimizees.command.tables import check_separator, in_csv

#: Sources that are no files.
STREAMS = ("stdout", "stderr")
_KEYS = {
    "text": ("key",),
    "json": ("key",),
    "csv": ("column", "row", "separator", "header", "skip"),
    "regex": ("file",),
}
_FORMS = "`stdout`, {text: FILE}, {json: FILE}, {csv: FILE} or {regex: PATTERN, file: FILE}"


@dataclass(frozen=True)
class Outputs:
    """What a program left: a working folder, and what it printed.

    Attributes:
        folder: The working folder.
        done: What came of the process.
        inputs: Files that were written for it.
        given: Files that the template had.
    """

    folder: Path
    done: Finished
    inputs: Sequence[str] = ()
    given: Sequence[str] = ()

    def text(self, source: str) -> str:
        """Return the content of ``stdout``, ``stderr`` or a file.

        Raises:
            SimulationFailed: If the program did not write the file.
        """
        if source in STREAMS:
            return self.done.stdout if source == "stdout" else self.done.stderr
        path = self.folder / source
        old = source in self.given and not is_new(path, self.done.started)
        if path.is_file() and not old:
            return path.read_text(encoding="utf-8", errors="replace")
        fresh = [f for f in written(self.folder, self.done.started) if f not in self.inputs]
        own = ": what is there is the template folder's own" if path.is_file() else ""
        beside = f"; {nearest(source, fresh)}" if fresh else ""
        raise SimulationFailed(
            f"expected the result file {source}, and the command did not write it{own}. "
            f"It wrote: {listing(fresh)}{beside if 'mean' in beside else ''}"
        )


@dataclass(frozen=True)
class Reader:
    """One number, or several, in one output.

    Attributes:
        form: ``text``, ``json``, ``csv`` or ``regex``.
        source: ``stdout``, ``stderr`` or a file.
        key: Of text: the name before ``=`` or ``:``; of JSON: the way to the value.
        column: Of CSV: its name, or its number from 0.
        row: Of CSV: its number from 0 (-1 the last one), ``mean`` or ``all``.
        separator: Of CSV.
        header: Of CSV: whether the first line has the names of the columns.
        skip: Of CSV: lines before that.
        pattern: Of a regular expression.
    """

    form: str
    source: str = "stdout"
    key: Any = None
    column: str | int = 0
    row: int | str = -1
    separator: str = ","
    header: bool = False
    skip: int = 0
    pattern: str = ""

    def read(self, outputs: Outputs) -> list[float]:
        """Return the numbers; raise SimulationFailed where they are not there."""
        text = outputs.text(self.source)
        if self.source == "stdout" and outputs.done.cut and self.form in ("json", "csv"):
            raise SimulationFailed(
                f"{self.form} on stdout: the program printed so much that the beginning is not "
                "kept. Let it write a file"
            )
        if self.form == "json":
            return in_json(text, self.source, self.key)
        if self.form == "csv":
            return in_csv(text, self)
        if self.form == "regex":
            return in_regex(text, self.source, self.pattern)
        return in_text(text, self.source, self.key)


# -- from the configuration -------------------------------------------------------------------


def readers_from(declared: Any, where: str) -> tuple[Reader, ...]:
    """Return the readers that a result, or a list of them, stands for.

    Raises:
        ConfigError: If it can't be understood.
    """
    if isinstance(declared, list):
        return tuple(reader for part in declared for reader in readers_from(part, where))
    return (_reader(declared, where),)


def _reader(spec: Any, where: str) -> Reader:
    if isinstance(spec, str) and spec in STREAMS:
        return Reader("text", spec)
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where}: expected {_FORMS}, got {spec!r}")
    forms = [form for form in _KEYS if form in spec]
    if len(forms) != 1:
        hint = nearest(str(next(iter(spec), "")), _KEYS) if not forms else "give one of them"
        raise ConfigError(f"{where}: expected {_FORMS}, got {dict(spec)!r}; {hint}")
    form, parts = forms[0], dict(spec)
    first = parts.pop(form)
    for key in parts:
        if key not in _KEYS[form]:
            raise ConfigError(f"{where}: {form} has no {key!r}; {nearest(str(key), _KEYS[form])}")
    if not isinstance(first, str) or not first:
        raise ConfigError(f"{where}: {form}: expected a text, got {first!r}")
    source = str(parts.pop("file", "stdout")) if form == "regex" else first
    if source not in STREAMS:
        check_inside(source, where)
    if form == "regex":
        return Reader(form, source, pattern=_pattern(first, where))
    if form == "csv":
        return _csv_reader(source, parts, where)
    key = parts.get("key")
    if form == "text" and key is not None and not isinstance(key, str):
        raise ConfigError(f"{where}: key must be a text, got {key!r}")
    return Reader(form, source, key=key)


def _pattern(pattern: str, where: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ConfigError(f"{where}: {pattern!r} is no regular expression: {error}") from None
    if groups == 0:
        raise ConfigError(
            f"{where}: the regular expression {pattern!r} has no group; put ( ) around the number, "
            r"as in 'error = (\S+)'"
        )
    return pattern


def _csv_reader(source: str, parts: Mapping[str, Any], where: str) -> Reader:
    column, row = parts.get("column", 0), parts.get("row", -1)
    if isinstance(column, bool) or not isinstance(column, (int, str)):
        raise ConfigError(f"{where}: column is a name or a number from 0, got {column!r}")
    row = -1 if row == "last" else row
    if row not in ("mean", "all") and (isinstance(row, bool) or not isinstance(row, int)):
        raise ConfigError(f"{where}: row is a number from 0, last, mean or all; got {row!r}")
    header, skip = parts.get("header", isinstance(column, str)), parts.get("skip", 0)
    if not isinstance(header, bool) or (isinstance(column, str) and not header):
        raise ConfigError(
            f"{where}: header is true or false, and true where the column has a name; "
            f"got {header!r}"
        )
    if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
        raise ConfigError(f"{where}: skip is a number of lines, got {skip!r}")
    separator = check_separator(parts.get("separator", ","), where)
    return Reader(
        "csv", source, column=column, row=row, separator=separator, header=header, skip=skip
    )
