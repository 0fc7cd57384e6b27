"""The parameters of an individual, as a configuration declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from l2l.errors import ConfigError, about
from l2l.optimizee import RESERVED
from l2l.optimizees.command.placeholders import OWN
from l2l.space import Parameter, ParameterSpace

_EXAMPLE = "parameters: {tau: {low: 1.0, high: 50.0, scale: log}, n: [1, 5]}"


def space_from(declared: Any) -> ParameterSpace:
    """Return the space that ``{tau: {low: 1, high: 50}, n: [1, 5], model: [iaf, hh]}`` declares.

    A list of two numbers is a range (of whole numbers, if both are), any other list are choices.

    Raises:
        ConfigError: If it can't be understood.
    """
    if not isinstance(declared, Mapping) or not declared:
        raise ConfigError(
            f"parameters: expected at least one, with its range, as in `{_EXAMPLE}`; "
            f"got {declared!r}"
        )
    if bad := [name for name in declared if not isinstance(name, str)]:
        raise ConfigError(f"parameters: a name is a text, got {bad[0]!r}; put it in quotes")
    if taken := sorted((RESERVED | set(OWN)) & set(declared)):
        raise ConfigError(
            f"parameters can't be named {', '.join(taken)}: placeholders and individuals have "
            "these for themselves. Choose another name"
        )
    return ParameterSpace([_parameter(name, spec) for name, spec in declared.items()])


def _parameter(name: str, declared: Any) -> Parameter:
    with about("parameters", name):
        (found,) = ParameterSpace({name: _spec(name, declared)}).parameters
        if found.low is None and not found.choices:
            raise ConfigError(f"parameter {name!r} needs low and high, as in `{_EXAMPLE}`")
        return found


def _spec(name: str, spec: Any) -> Any:
    if isinstance(spec, list) and len(spec) == 2 and all(map(_is_number, spec)):
        return tuple(spec)
    if isinstance(spec, list):
        if len(spec) < 2:
            raise ConfigError(f"parameter {name!r}: expected [low, high] or choices, got {spec!r}")
        return spec
    if isinstance(spec, Mapping):
        spec = {**spec, "shape": _shape(spec["shape"])} if "shape" in spec else dict(spec)
        for end in ("low", "high"):
            if isinstance(spec.get(end), str):
                raise ConfigError(
                    f"parameter {name!r}: {end} must be a number, got {spec[end]!r}"
                    + ("; write 1.0e-3" if re.match(r"\d+e", spec[end]) else "")
                )
        if spec.get("kind") == "int" and not all(_whole(spec.get(end)) for end in ("low", "high")):
            raise ConfigError(
                f"parameter {name!r}: bounds of whole numbers are whole, "
                f"got {spec.get('low')!r} and {spec.get('high')!r}"
            )
        return spec
    raise ConfigError(
        f"parameter {name!r}: expected [low, high], a list of choices, or parts such as "
        f"{{low: 1.0, high: 50.0, scale: log, unit: ms}}; got {spec!r}"
    )


def _shape(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return not isinstance(value, float) or value.is_integer()
