"""Configuration: a YAML file, checked whole, as the plain data that a run is made of.

All errors are found before anything starts; each names its line, the value and the nearest valid
name. What :func:`load` returns is what ``run.yaml`` holds, and can be loaded again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from l2l import registry
from l2l.config.document import Document, Override
from l2l.config.parameters import check_arguments, check_options, names_of
from l2l.errors import ConfigError, nearest
from l2l.heldout import check_every
from l2l.loop import Stop
from l2l.options import Options, option
from l2l.plan import MODES, check_mode
from l2l.registry import Kind

#: Sections that name a class and hold its parameters.
CLASSES: dict[str, Kind] = {
    "optimizee": "optimizees",
    "optimizer": "optimizers",
    "executor": "executors",
}
#: What a run adds to its ``run.yaml``; not read from there.
RECORDED = ("schema", "source", "space")

#: Names that a configuration may give at the top.
NAMES = ("name", "run", "mode", "test_every", "seed", "weights", *CLASSES, "stop", "from")


class Basics(Options):
    """What a configuration says beside its sections."""

    name: str = option("run", "name of the run; that of its folder if none")
    run: str = option("results/run", "folder of the run")
    mode: str = option("generational", "generational, or async: nobody waits", choices=MODES)
    test_every: int | None = option(None, "test on held-out tasks after N generations", low=1)
    seed: int = option(1, "of all randomness of the run", low=0)


def load(path: str | PathLike[str], overrides: Sequence[str | Override] = ()) -> dict[str, Any]:
    """Return the resolved configuration in a YAML file.

    Args:
        path: The file.
        overrides: ``section.name=value`` each, in place of what the file says.

    Returns:
        ``name``, ``run``, ``mode``, ``test_every``, ``seed``, ``weights``, ``optimizee``,
        ``optimizer``, ``executor``, ``stop`` and ``from``, with all defaults filled in.

    Raises:
        ConfigError: With all errors that were found.
    """
    document = _read(path, overrides)
    source = document.data.get("source")
    is_record = isinstance(source, dict) and "by_value" in source
    for key in document.data:
        if key not in NAMES and not (is_record and key in RECORDED):
            document.problem((key,), f"there is no section {key!r}; {nearest(key, NAMES)}")
    if is_record and document.data["source"]["by_value"]:
        document.problem(
            ("source",), "this run was begun by a script, and only it has the optimizee"
        )
    resolved = {**_basics(document), "weights": _weights(document)}
    for section in CLASSES:
        resolved[section] = _class_section(document, section)
    resolved["stop"] = check_options(document, ("stop",), Stop, _mapping(document, "stop"))
    _check_ends(document, resolved)
    _check_mode(document, resolved)
    resolved["from"] = _start(document)
    document.raise_problems()
    return resolved


@contextlib.contextmanager
def located(path: str | PathLike[str], overrides: Sequence[str | Override] = ()) -> Iterator[None]:
    """Give a ConfigError of a constructor the line of what it is about; arguments as of load."""
    try:
        yield
    except ConfigError as error:
        if not error.at:
            raise
        document = _read(path, overrides)
        document.refuse(error)
        document.raise_problems()


def _read(path: str | PathLike[str], overrides: Sequence[str | Override]) -> Document:
    """Return a file with what the command line changes in it."""
    changes = [Override.parse(o) if isinstance(o, str) else o for o in overrides]
    document = Document.read(Path(path))
    _spell_out_names(document)
    document.override(changes)
    _spell_out_names(document)
    return document


def _spell_out_names(document: Document) -> None:
    """Turn ``optimizer: grid_search`` into ``optimizer: {name: grid_search}``."""
    for section in CLASSES:
        if isinstance(name := document.data.get(section), str):
            document.data[section] = {"name": name}
            if (section,) in document.lines:
                document.lines[section, "name"] = document.lines[(section,)]
            if (section,) in document.labels:
                document.labels[section, "name"] = document.labels[(section,)]


# -- the parts --------------------------------------------------------------------------------


def _basics(document: Document) -> dict[str, Any]:
    path = document.path.absolute()
    given: dict[str, Any] = {
        field.name: document.data[field.name]
        for field in dataclasses.fields(Basics)
        if field.name in document.data
    }
    given = {key: value for key, value in given.items() if value not in (None, "")}
    given.setdefault("name", _name(path, given.get("run")))
    given.setdefault("run", f"results/{given['name']}")
    basics = check_options(document, (), Basics, given)
    if isinstance(basics.get("run"), str):
        basics["run"] = str(Path(basics["run"]).expanduser())
    return basics


def _name(path: Path, run: Any) -> str:
    """Return the name of a run that has none: that of its folder, or of its file."""
    if isinstance(run, str) and Path(run).name:
        return Path(run).name
    return path.parent.name if path.stem == "config" else path.stem


def _weights(document: Document) -> list[float]:
    weights = document.data.get("weights", [1.0])
    numbers = weights if isinstance(weights, list) else [weights]
    good = [
        isinstance(w, (int, float)) and not isinstance(w, bool) and abs(w) < float("inf")
        for w in numbers
    ]
    if not all(good) or not any(numbers):
        document.problem(
            ("weights",),
            "weights must be finite numbers, one an objective (-1 minimises), not all of them 0, "
            f"got {weights!r}",
        )
        return [1.0]
    return [float(w) for w in numbers]


def _start(document: Document) -> Any:
    """Return what the run begins with: the folder of an earlier run, individuals, or None."""
    start = document.data.get("from")
    individuals = isinstance(start, list) and all(isinstance(entry, dict) for entry in start)
    if start is not None and not (isinstance(start, str) or (individuals and start)):
        document.problem(
            ("from",),
            f"from takes the folder of an earlier run, or a list of individuals, got {start!r}",
        )
    return start


def _mapping(document: Document, section: str) -> dict[str, Any]:
    """Return a section, or an empty one where there is none or it is none."""
    value = document.data.get(section)
    if value is None:
        return {}
    if not isinstance(value, dict):
        document.problem((section,), f"{section} must have parts ('name: value'), got {value!r}")
        return {}
    return value


def _class_section(document: Document, section: str) -> dict[str, Any]:
    """Return a section that names a class, with all parameters of that class."""
    kind, known = CLASSES[section], len(document.problems)
    given = dict(_mapping(document, section))
    name = given.pop("name", "local" if section == "executor" else None)
    if not isinstance(name, str):
        if len(document.problems) == known:
            document.problem((section, "name"), _nameless(section, name))
        return {}
    keys = (section, "name")
    base = None if document.overridden(keys) else document.path.absolute().parent
    try:
        cls = registry.load(kind, name, base)
    except ConfigError as error:
        document.problem(keys, str(error))
        return {}
    if ":" in name:
        name = registry.reference(kind, name, base)
    if document.overridden(keys):  # another class than the file names: only what both have counts
        takes = names_of(cls)
        given = {k: v for k, v in given.items() if k in takes or document.overridden((section, k))}
    options = registry.options_of(cls)
    if options is None:
        return {"name": name, **check_arguments(document, section, cls, given)}
    return {"name": name, **check_options(document, (section,), options, given)}


def _nameless(section: str, name: Any) -> str:
    if name is not None:
        return f"{section}.name must be a text, got {name!r}"
    return f"{section} has no name; {nearest('', registry.names(CLASSES[section]))}"


def _check_mode(document: Document, resolved: dict[str, Any]) -> None:
    """Note an error if the optimizer can't do what the mode asks, or the mode has no tests."""
    if document.problems:
        return
    try:
        check_mode(resolved["mode"], registry.load("optimizers", resolved["optimizer"]["name"]))
    except ConfigError as error:
        document.problem(("mode",), str(error))
    try:
        if resolved["test_every"] is not None:
            check_every(resolved["test_every"], resolved["mode"])
    except ConfigError as error:
        document.problem(("test_every",), str(error))


def _check_ends(document: Document, resolved: dict[str, Any]) -> None:
    """Note an error if nothing ever ends the run."""
    if document.problems or any(value is not None for value in resolved["stop"].values()):
        return
    optimizer = registry.load("optimizers", resolved["optimizer"]["name"])
    finite = getattr(optimizer, "finite", False)
    if not finite and resolved["optimizer"].get("n_iteration") is None:
        names = ", ".join(field.name for field in dataclasses.fields(Stop))
        document.problem(("stop",), f"nothing ends the run; give at least one of stop's {names}")
