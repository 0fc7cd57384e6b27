"""Placeholders: ``{tau}``, ``{tau:.3f}``, ``{w[2]}`` in texts, and what stands in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizee import Individual
from l2l.space import ParameterSpace

#: Names that are there beside the parameters.
OWN = ("seed", "generation", "index", "workdir", "template")
#: Largest seed that programs get: it fits a signed integer of 32 bits.
MAX_SEED = 2**31 - 1

_NAME = r"[A-Za-z_][\w.?%-]*"
_PLACEHOLDER = re.compile(
    rf"\{{\{{(?P<literal>{_NAME}[^{{}}]*)\}}\}}"
    rf"|(?<!\$)\{{(?P<name>{_NAME})(?:\[(?P<at>[\d,\s]+)\])?(?::(?P<format>[^{{}}]*))?\}}"
)


def values_of(individual: Individual, workdir: str, template: str) -> dict[str, Any]:
    """Return all that can stand in place of a placeholder, by name."""
    return {
        **individual.params,
        "seed": 1 + (individual.seed - 1) % MAX_SEED,
        "generation": individual.generation,
        "index": individual.ind_idx,
        "workdir": workdir,
        "template": template,
    }


def example(space: ParameterSpace, sets: int | None = None) -> dict[str, Any]:
    """Return values to try placeholders with: the middle of the parameters' ranges.

    Args:
        space: The parameters.
        sets: Parameter sets of one start of the program; None where it takes one.
    """
    (params,) = space.decode(np.full((1, space.size), 0.5))
    individual = Individual(params if sets is None else repeated(params, sets))
    return values_of(individual, "workdir", "template")


def repeated(params: Mapping[str, Any], sets: int) -> dict[str, Any]:
    """Return one parameter set so many times: arrays ``(sets, ...)``."""
    return {name: np.array([value] * sets) for name, value in params.items()}


def used(text: str) -> set[str]:
    """Return the names of the placeholders in a text."""
    return {match["name"] for match in _PLACEHOLDER.finditer(text) if match["name"]}


def fill(text: str, values: Mapping[str, Any], quote: Callable[[str], str] = str) -> str:
    """Return a text with its placeholders replaced; ``{{tau}}`` becomes ``{tau}``.

    Raises:
        ConfigError: At a placeholder that has no value, or not in that format.
    """

    def one(match: re.Match[str]) -> str:
        if match["literal"]:
            return f"{{{match['literal']}}}"
        return quote(_value(match, values))

    return _PLACEHOLDER.sub(one, text)


def _value(match: re.Match[str], values: Mapping[str, Any]) -> str:
    name, at, form = match["name"], match["at"], match["format"]
    if name not in values:
        raise ConfigError(
            f"nothing is known of the placeholder {match[0]}; {nearest(name, values)} "
            f"(If it is no placeholder, write {{{match[0]}}})"
        )
    value = values[name]
    if at is not None:
        value = _part(value, at, match[0])
    if form is None:
        return as_text(value)
    try:
        return ",".join(format(part, form) for part in np.ravel(np.asarray(value, dtype=object)))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the placeholder {match[0]} can't write {value!r}: {error}. "
            "Formats are those of Python, such as {tau:.3f} or {n:04d}"
        ) from None


def _part(value: Any, at: str, placeholder: str) -> Any:
    shape = np.shape(value)
    try:
        return np.asarray(value, dtype=object)[tuple(int(i) for i in at.split(",") if i.strip())]
    except (IndexError, ValueError):
        what = f"has the shape {shape}" if shape else "is a single value"
        raise ConfigError(
            f"the placeholder {placeholder} takes a part that is not there: "
            f"the parameter {what}, and its parts are counted from 0"
        ) from None


def as_word(value: Any, where: str) -> str:
    """Return a text or a number of the configuration as a text; raise ConfigError on others."""
    if isinstance(value, Mapping):
        name = next(iter(value), "tau")
        raise ConfigError(
            f"{where}: expected a text, got {value!r}. Braces without quotes are a mapping in "
            f"YAML: write '{{{name}}}'"
        )
    if not isinstance(value, (str, int, float)):
        raise ConfigError(f"{where}: expected a text or a number, got {value!r}")
    return as_text(value)


def as_text(value: Any) -> str:
    """Return a value as programs read it: all digits, ``true``/``false``, arrays with commas."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (np.ndarray, list, tuple)):
        return ",".join(as_text(part) for part in np.ravel(np.asarray(value, dtype=object)))
    return str(value)
