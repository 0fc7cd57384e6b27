"""Numbers, times and individuals as short texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from l2l.evaluation import Status


def number(value: float) -> str:
    """Return a number with four significant digits; ``-`` for NaN and infinity."""
    return f"{value:.4g}" if math.isfinite(value) else "-"


def numbers(values: Any) -> str:
    """Return one number, or several as ``(1, 2)``."""
    parts = [number(float(value)) for value in values]
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def clock(seconds: float) -> str:
    """Return a duration as ``M:SS``, ``H:MM:SS`` or ``2d 03:04:05``; ``-`` if it is unknown."""
    if not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        days, hours = divmod(hours, 24)
        return f"{days}d {hours:02}:{minutes:02}:{rest:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(n: int, noun: str) -> str:
    """Return ``1 evaluation``, ``2 evaluations``, ``5,120 evaluations``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def per_second(rate: float) -> str:
    """Return a rate of evaluations; below one a second as one in so many s."""
    if not math.isfinite(rate) or rate <= 0:
        return "- evaluations/s"
    if rate >= 0.1:
        return f"{rate:,.0f} evaluations/s" if rate >= 100 else f"{rate:.3g} evaluations/s"
    return f"an evaluation in {clock(1 / rate)}"


def individual(values: Mapping[str, Any]) -> list[str]:
    """Return a line a parameter; of an array its size and range."""
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if not hasattr(value, "shape") or not value.shape:
        return str(value)
    if value.size <= 8 or value.dtype.kind not in "fiu":
        shown = ", ".join(_value(entry) for entry in value.ravel()[:8].tolist())
        return f"[{shown}{', ...' if value.size > 8 else ''}]"
    shape = " x ".join(map(str, value.shape))
    return f"{shape} numbers, {value.min():.4g} .. {value.max():.4g}, mean {value.mean():.4g}"


def class_name(name: str) -> str:
    """Return the class of a reference, or a registered name as it is."""
    return name.rpartition(":")[2]


def by_status(tally: Any) -> dict[str, int]:
    """Return the number of evaluations of each status that occurred, by its name."""
    return {Status(status).name.lower(): int(n) for status, n in tally.by_status.items() if n}


def failures(by_status: Mapping[str, int]) -> str:
    """Return ``3 failed (2 timeout, 1 crashed)`` of numbers by status; empty if there are none."""
    bad = {name: n for name, n in by_status.items() if n and name != "ok"}
    if not bad:
        return ""
    total = sum(bad.values())
    if set(bad) == {"failed"}:
        return f"{total:,} failed"
    return f"{total:,} failed ({', '.join(f'{n:,} {name}' for name, n in bad.items())})"
