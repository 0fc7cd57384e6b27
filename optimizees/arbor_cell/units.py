"""Quantities such as ``0.1 nA``, in Arbor's own units."""

from __future__ import annotations

import math
import re
from typing import Any

from l2l.errors import ConfigError

#: Other spellings of Arbor's units, NMODL's among them.
ALIASES = {"K": "Kelvin", "degC": "Celsius", "mho": "S", "ohm": "Ohm", "Mohm": "MOhm", "sec": "s"}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
_FACTOR = re.compile(r"\s*([*/.]?)\s*(?:\(?)\s*([A-Za-z]+)\s*\^?([23]?)\s*(?:\)?)")


def unit(text: str, where: str) -> Any:
    """Return Arbor's unit of a text such as ``uF/cm2`` or ``Ohm*cm``.

    Raises:
        ConfigError: If Arbor has no such unit.
    """
    from arbor import units

    result, at = units.nil, 0
    text = text.strip()
    while at < len(text):
        match = _FACTOR.match(text, at)
        name = match and ALIASES.get(match[2], match[2])
        one = getattr(units, name, None) if name else None
        if match is None or one is None or name in ("quantity", "unit"):
            known = sorted(n for n in dir(units) if n[0] != "_" and n not in ("quantity", "unit"))
            raise ConfigError(
                f"{where}: {text!r} is no unit; it is made with * and / of {', '.join(known)}"
            )
        for _ in range(int(match[3] or 1)):
            result = result / one if match[1] == "/" else result * one
        at = match.end()
    return result


def number(value: Any, default: str, where: str) -> float:
    """Return ``value`` as a number of the unit ``default``.

    Args:
        value: A number, which is in that unit already, or a text with number and unit.
        default: A unit, of the same dimension.
        where: How an error names it.

    Raises:
        ConfigError: If it is no finite number, or in a unit of another dimension.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ConfigError(f"{where} must be a number{_of(default)}, got {value!r}")
    match = _NUMBER.fullmatch(str(value))
    if match is None or not math.isfinite(float(match[1])):
        raise ConfigError(f"{where} must be a number{_of(default)}, got {value!r}")
    amount, own = float(match[1]), match[2]
    return amount if not own else amount if own == default else convert(amount, own, default, where)


def convert(amount: float, own: str, wanted: str, where: str) -> float:
    """Return an amount of the unit ``own`` in the unit ``wanted``."""
    source, target = unit(own, where), unit(wanted, where)
    if _same(source, target):  # an exact conversion has no rounding
        return amount
    converted = float((amount * source).value_as(target))
    if not math.isfinite(converted):
        raise ConfigError(f"{where} is in {own!r}, expected {wanted or 'no unit'}, or as much")
    return converted


def _same(one: Any, other: Any) -> bool:
    return float((1.0 * one).value_as(other)) == 1.0 and float((0.0 * one).value_as(other)) == 0.0


def _of(unit_name: str) -> str:
    return f" (of {unit_name})" if unit_name else ""
