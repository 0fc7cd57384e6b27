"""Numbers in texts and in JSON."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from l2l.errors import SimulationFailed, nearest
from l2l.optimizees.command.folder import listing

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?|[-+]?(?:inf(?:inity)?|nan)\b"
_ANY_NUMBER = re.compile(rf"(?<![\w.])(?:{_NUMBER})(?!\w)", re.IGNORECASE)
_ANY_KEY = re.compile(rf"([\w.%-]+)[\"']?[ \t]*[=:][ \t]*(?:{_NUMBER})", re.IGNORECASE)
_COMMA = (
    ". If the comma is a decimal point, set `environment: {LC_ALL: C}`; for several numbers use "
    "csv or regex"
)


def in_text(text: str, source: str, key: str | None) -> list[float]:
    """Return the last number of a text, or the last one behind ``key=`` or ``key:``."""
    if key is None:
        end = deque(_ANY_NUMBER.finditer(text), maxlen=1)
        if not end:
            raise SimulationFailed(f"{source}: expected a number, got {_shown(text)}")
        last = end[0]
        if re.search(r"\d,$", text[: last.start()][-2:]):
            word = text[: last.end()].split()[-1]
            raise SimulationFailed(f"{source}: expected a number, got {_shown(word)}{_COMMA}")
        return [number(last[0])]
    pattern = rf"(?<![\w.%-]){re.escape(key)}[\"']?[ \t]*[=:][ \t]*(\S*)"
    found = re.findall(pattern, text, re.IGNORECASE)
    if not found:
        keys = sorted(set(_ANY_KEY.findall(text)))
        hint = nearest(key, keys) if keys else f"got {_shown(text)}"
        raise SimulationFailed(f"{source}: expected a line such as `{key}=0.5`; {hint}")
    start = re.match(_NUMBER, found[-1], re.IGNORECASE)
    comma = start and re.match(r",\d", found[-1][start.end() :])
    if start is None or comma:
        raise SimulationFailed(
            f"{source}: expected a number behind the last `{key}=`, got {_shown(found[-1])}"
            f"{_COMMA if comma else ''}"
        )
    return [number(start[0])]


def in_regex(text: str, source: str, pattern: str) -> list[float]:
    """Return the groups of the last match of a regular expression."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if not found:
        raise SimulationFailed(
            f"{source}: nothing in it matches the regular expression {pattern!r}; it is "
            f"{_shown(text)}"
        )
    parts = [part for part in found[-1].groups() if part is not None]
    try:
        return [number(part) for part in parts]
    except ValueError:
        raise SimulationFailed(
            f"{source}: the groups of {pattern!r} must match numbers, and matched {parts}"
        ) from None


def in_json(text: str, source: str, key: Any) -> list[float]:
    """Return the number, or the list of numbers, at a place in JSON."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1 : error.lineno]
        got = f"line {error.lineno} is {line[0][:80]!r}" if line else f"it is {_shown(text)}"
        raise SimulationFailed(f"{source}: expected JSON: {error}; {got}") from None
    way: list[Any] = []
    for part in [] if key is None else way_of(key, value):
        value = _step(value, part, source, way)
        way.append(part)
    where = f"{source}, at {_way(way)}"
    if isinstance(value, Mapping):
        raise SimulationFailed(
            f"{where}: expected a number, got an object with the keys {listing(sorted(value))}; "
            f"say which one with `key:`"
        )
    try:
        return _numbers(value)
    except (TypeError, ValueError):
        raise SimulationFailed(f"{where}: expected a number, got {_shown(repr(value))}") from None


def way_of(key: Any, value: Any = None) -> list[Any]:
    """Return ``a.b[0]`` as its steps; a key that is there as a whole is one step."""
    if isinstance(key, list):
        return key
    if isinstance(value, Mapping) and str(key) in value:
        return [str(key)]
    return [part for part in re.split(r"[.\[\]]+", str(key)) if part]


def _step(value: Any, part: Any, source: str, way: list[Any]) -> Any:
    where = f"{source}, at {_way(way)}"
    if isinstance(value, Mapping):
        if str(part) in value:
            return value[str(part)]
        raise SimulationFailed(f"{where}: there is no key {part!r}; {nearest(str(part), value)}")
    if isinstance(value, list):
        try:
            return value[int(part)]
        except (ValueError, IndexError):
            raise SimulationFailed(
                f"{where}: a list of {len(value)} entries (counted from 0), and no {part!r} in it"
            ) from None
    raise SimulationFailed(
        f"{where}: expected more below, with {part!r}; got {_shown(repr(value))}"
    )


def _way(way: list[Any]) -> str:
    return ".".join(map(str, way)) or "the top"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, list):
        return [n for part in value for n in _numbers(part)]
    if value is None:
        return [float("nan")]  # as R and others write it
    return [number(value) if isinstance(value, str) else float(value)]


def number(text: str) -> float:
    """Return the number that a text is; Fortran's ``1.5D-3`` too."""
    return float(re.sub(r"(?<=[\d.])[dD](?=[-+\d])", "e", text.strip()))


def _shown(text: str) -> str:
    text = text.strip()
    if not text:
        return "nothing (it is empty)"
    return repr(text if len(text) <= 120 else f"...{text[-120:]}")
