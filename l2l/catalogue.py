"""Catalogue: what is registered, with a line and the parameters of each, for ``l2l list``."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

from l2l.references import told
from l2l.registry import Kind, arguments_of, entry_points, load, options_of, package_of

#: Stands for "no default": a value has to be given.
REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Field:
    """One parameter of a registered class; ``default`` is REQUIRED where there is none."""

    name: str
    default: Any
    doc: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Entry:
    """One registered class, or what is wrong with it.

    Attributes:
        name: As a configuration gives it.
        reference: ``module:Class``.
        package: The installed package that registers it.
        summary: First line of its docstring.
        fields: Its parameters.
        error: Why it can't be loaded; empty if it can.
    """

    name: str
    reference: str
    package: str
    summary: str = ""
    fields: tuple[Field, ...] = ()
    error: str = ""


def describe(kind: Kind) -> list[Entry]:
    """Return all that is registered of one kind, by name; what can't be loaded says why."""
    entries = []
    for name, point in sorted(entry_points(kind).items()):
        entry = Entry(name, point.value, package_of(point))
        try:
            cls = load(kind, name)
            summary = (inspect.getdoc(cls) or "").partition("\n")[0].rstrip(".")
            entry = dataclasses.replace(entry, summary=summary, fields=fields_of(cls))
        except Exception as error:  # a broken plug-in must not hide the others
            entry = dataclasses.replace(entry, error=told(error.__cause__ or error))
        entries.append(entry)
    return entries


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the parameters of a class: its options, else its constructor's arguments."""
    options = options_of(cls)
    if options is None:
        arguments = arguments_of(cls).values()
        return tuple(Field(a.name, a.default) for a in arguments if a.name != "traj")
    return tuple(
        Field(
            field.name,
            REQUIRED if field.default is dataclasses.MISSING else field.default,
            str(field.metadata.get("doc", "")),
            str(field.metadata.get("unit", "")),
        )
        for field in dataclasses.fields(options)
    )
