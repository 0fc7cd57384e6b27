"""YAML 1.2 scalars on PyYAML: nodes that know their line, and the values of scalars."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import ConfigError, nearest

#: Scalars as YAML 1.2 reads them: 1e-3 is a number; yes, on and 12:30 are texts.
_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)
_TAG = "tag:yaml.org,2002:"


def read_text(path: Path) -> str:
    """Return the text of a file, or raise ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        found = [str(p) for p in (*path.parent.glob("*.yaml"), *path.parent.glob("*.yml"))]
        hint = nearest(str(path), found) if found else "there is no YAML file in its folder either"
        raise ConfigError(f"there is no file {path}; {hint}") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{path} is a folder; give a file, as in {path / 'config.yaml'}"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from None


def compose(text: str, label: str, many_lines: bool = True) -> yaml.Node | None:
    """Return the nodes of a YAML text; None if it is empty. Raise ConfigError if it is no YAML."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_loader())
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark if many_lines else None
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{label}{line}: no valid YAML: {error.problem}{_hint(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{label}: no valid YAML: {error}") from None


def _hint(error: yaml.MarkedYAMLError) -> str:
    """Return what to do where a text was taken for something else."""
    signs = ("mapping values", "expected key", "expected ','", "unknown escape", "alphabetic")
    if not any(sign in str(error.problem) for sign in signs):
        return ""
    return ". A text with : { } [ ] # & * or \\ in it belongs into single quotes: 'text'"


@functools.cache
def _loader() -> Any:
    """Return libyaml's loader where there is one, else Python's, with the scalars of YAML 1.2."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012

    for tag, pattern, firsts in _SCALARS:
        Loader.add_implicit_resolver(_TAG + tag, re.compile(f"^(?:{pattern})$"), firsts)
    return Loader


def scalar(node: yaml.Node) -> Any:
    """Return the value of a scalar node; raise ValueError for a tag that is not supported."""
    text, tag = node.value, node.tag.removeprefix(_TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag in ("int", "float"):
        special = text.lower().lstrip("+-")
        if special in (".inf", ".nan"):
            return float(text.replace(".", ""))
        return int(text) if tag == "int" else float(text)
    if tag == "str":
        return text
    raise ValueError(f"the tag {node.tag!r} is not supported")
