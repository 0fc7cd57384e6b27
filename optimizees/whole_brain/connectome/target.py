"""Measured functional connectivity from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome.connectome import Floats


def read_target(path: str, n_regions: int) -> Floats:
    """Return the functional connectivity in a file: ``.npy``, or text with blanks or commas.

    Raises:
        ConfigError: If it is not there, or not ``(n, n)`` finite numbers.
    """
    if not isinstance(path, (str, Path)):
        raise ConfigError(f"target: expected the name of a file, got {path!r}")
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"target: there is no file {file}")
    try:
        if file.suffix == ".npy":
            found: Any = np.load(file, allow_pickle=False)
        else:
            found = np.loadtxt(file.read_text().replace(",", " ").splitlines(), ndmin=2)
        if found.dtype.kind not in "iuf":
            raise ValueError(f"it has {found.dtype}")
    except (ValueError, OSError) as error:
        raise ConfigError(f"target: {file} holds no matrix of numbers: {error}") from None
    if found.shape != (n_regions, n_regions) or not np.isfinite(found).all():
        raise ConfigError(
            f"target: expected ({n_regions}, {n_regions}) finite numbers, for the regions of the "
            f"connectome; got the shape {found.shape} in {file}"
        )
    return np.asarray(found, dtype=np.float64)
