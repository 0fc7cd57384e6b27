"""Options that are a number for all coordinates, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from l2l.errors import ConfigError


def numbers(owner: str, name: str, value: Any, above: float | None = None) -> Any:
    """Return an option that is a number or an array of them as plain data; None stays None.

    Raises:
        ConfigError: If it is not, or is not finite, or not greater than ``above``.
    """
    if value is None:
        return None
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    valid = array.ndim <= 1 and array.size and np.isfinite(array).all()
    if not valid or (above is not None and (array <= above).any()):
        limit = "" if above is None else f" greater than {above:g}"
        raise ConfigError(
            f"{owner}.{name} must be a number{limit}, or a list with one a coordinate, "
            f"got {value!r}"
        )
    return array.tolist()


def fitting(name: str, value: Any, d: int) -> Any:
    """Return a number or an array ``(d,)`` of an option; None stays None.

    Raises:
        ConfigError: If it has another length.
    """
    if value is not None and np.shape(value) not in ((), (d,)):
        raise ConfigError(f"{name} must be a number or have {d} entries, got {len(value)}")
    return value
