"""The parameters in a section, checked against the class that they are for."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from l2l import registry, units
from l2l.config.document import Document, Keys
from l2l.errors import ConfigError, nearest
from l2l.executors.base import parse_size
from l2l.options import Options, _checked

#: How values with a unit may be written as a text.
_UNITS: dict[str, Callable[[str], float]] = {"s": units.seconds, "bytes": parse_size}


def names_of(cls: Any) -> set[str]:
    """Return the names of all parameters of a class."""
    options = registry.options_of(cls)
    if options is None:
        return set(registry.arguments_of(cls))
    return {field.name for field in dataclasses.fields(options)}


def check_arguments(
    document: Document, section: str, cls: Any, given: dict[str, Any]
) -> dict[str, Any]:
    """Check parameters by the constructor's signature, for a class without options."""
    known = len(document.problems)
    for name in given:
        try:
            registry.check_arguments(cls, [name], complete=False)
        except ConfigError as error:
            document.problem((section, name), str(error))
    try:
        registry.check_arguments(cls, given)
    except ConfigError as error:
        if len(document.problems) == known:
            document.problem((section,), str(error))
    return given


def check_options(
    document: Document, keys: Keys, options: type[Options], given: dict[str, Any]
) -> dict[str, Any]:
    """Return all options of a section, and note what is wrong with each that is given."""
    fields = {field.name: field for field in dataclasses.fields(options)}
    hints = typing.get_type_hints(options)
    values: dict[str, Any] = {}
    known = len(document.problems)
    for name, value in given.items():
        at = (*keys, name)
        if name not in fields:
            why = options.absent.get(name) or nearest(name, fields)
            document.problem(at, f"there is no {'.'.join(at)}; {why}")
            continue
        try:
            value = _without_unit(value, fields[name], at)
            value = _placed(value, fields[name].metadata.get("path"), document, at)
            values[name] = _checked(value, fields[name], hints[name], options)
        except ConfigError as error:
            document.problem(at, _from_user(str(error), options, keys))
    if len(document.problems) > known:
        return values
    try:
        return {k: plain(v) for k, v in options(**values)._asdict().items()}
    except ConfigError as error:
        error.at = (*keys, *error.at)
        document.refuse(error, _from_user(str(error), options, keys))
        return values


def _placed(value: Any, path: Any, document: Document, at: Keys) -> Any:
    """Return a value whose paths are absolute; see ``path`` of :func:`l2l.options.option`."""
    if path and isinstance(value, list):
        return [_placed(one, path, document, at) for one in value]
    if not path or not isinstance(value, str):
        return value
    file, _, rest = value.rpartition(":")
    if path == "reference":
        return f"{document.place(at, file)}:{rest}" if file.endswith(".py") else value
    return value if path == "or word:" and file else document.place(at, value)


def _without_unit(value: Any, field: dataclasses.Field[Any], keys: Keys) -> Any:
    """Return a value such as "2h30m" or "4GiB" as a number."""
    convert = _UNITS.get(field.metadata.get("unit", ""))
    if convert is None or not isinstance(value, str):
        return value
    try:
        return convert(value)
    except ConfigError as error:
        raise ConfigError(f"{'.'.join(keys)}: {error}") from None


def _from_user(message: str, options: type[Options], keys: Keys) -> str:
    """Return a message of an options class in the words of the file."""
    section = ".".join(keys)
    message = message.replace(f"{options.__name__}.", f"{section}." if section else "")
    return message.replace(f"{options.__name__} ", f"{section} ")


def plain(value: Any) -> Any:
    """Return options as YAML can write them: tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value
