"""Values as plain data, which YAML and JSON can write and l2l can read again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_plain(value: Any) -> Any:
    """Return a value as dicts, lists, numbers, texts and None; all else by its ``repr``."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [as_plain(entry) for entry in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return as_plain(value.tolist())
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))  # an address means nothing elsewhere
