"""Entries of the cell's file: each a list in the order of the fields, or a mapping."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from l2l.errors import ConfigError, nearest

T = TypeVar("T")


def read_records(kind: type[T], data: Any, where: str, *, empty: bool = False) -> list[T]:
    """Return the entries of a section, at least one of them if not ``empty``.

    Raises:
        ConfigError: If one has too many values, or lacks one, or has one of the wrong type.
    """
    if not isinstance(data, list) or not (data or empty):
        raise ConfigError(f"{where} must be a list of at least one entry, got {data!r}")
    return [read_record(kind, entry, f"{where}[{i}]") for i, entry in enumerate(data)]


def read_record(kind: type[T], entry: Any, where: str) -> T:
    """Return one entry; see :func:`read_records`."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = [f.name for f in fields]
    if isinstance(entry, list):
        if len(entry) > len(names):
            raise ConfigError(f"{where} has {len(entry)} values, it takes {', '.join(names)}")
        entry = dict(zip(names, entry, strict=False))
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} must have {', '.join(names)}, got {entry!r}")
    refuse_unknown(entry, names, where)
    mandatory = [
        f.name
        for f in fields
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in mandatory if entry.get(name) is None]
    if missing:
        raise ConfigError(f"{where} has no {', '.join(missing)}; got {dict(entry)!r}")
    for f in fields:
        if f.name in entry and f.type in ("str", "str | None") and entry[f.name] is not None:
            text_of(entry[f.name], f"{where}.{f.name}")
        if f.name in entry and str(f.type).startswith("Mapping"):
            mapping_of(entry[f.name], f"{where}.{f.name}")
    return kind(**{k: v for k, v in entry.items() if v is not None})


def refuse_unknown(entry: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Raise ConfigError for a name that is not one of ``names``."""
    names = list(names)
    for name in entry:
        if name not in names:
            raise ConfigError(f"{where} has no field {name!r}; {nearest(str(name), names)}")


def text_of(value: Any, where: str) -> str:
    """Return a text, or raise ConfigError."""
    if not isinstance(value, str):
        raise ConfigError(f"{where} must be a text, got {value!r}")
    return value


def mapping_of(value: Any, where: str) -> Mapping[str, Any]:
    """Return a mapping, or raise ConfigError."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be 'name: value' lines, got {value!r}")
    return value
