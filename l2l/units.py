"""Durations as people write them."""

from __future__ import annotations

import math
import re

from l2l.errors import ConfigError

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
_CLOCK = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


def seconds(value: object) -> float:
    """Return a duration in s.

    Takes a number of seconds, ``"2h30m"``, ``"1d"``, ``"90s"``, or a clock as Slurm writes it:
    ``"MM:SS"``, ``"HH:MM:SS"``, ``"D-HH:MM:SS"``.

    Raises:
        ConfigError: If it is none of these, or not positive.
    """
    result = _seconds(value)
    if result is None or not 0 < result < math.inf:
        raise ConfigError(
            f"expected a duration such as 90 (s), '2h30m' or '00:30:00' (h:min:s), got {value!r}"
        )
    return result


def _seconds(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, rest = (float(part or 0) for part in clock.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + rest
    if text and _PART.sub("", text) == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return None
