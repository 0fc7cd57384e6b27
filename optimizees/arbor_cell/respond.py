"""Responses of a cell with given parameters, as CSV files; importing this imports Arbor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.arbor_cell.checks import resolve
from l2l.optimizees.arbor_cell.description import Description
from l2l.optimizees.arbor_cell.model import responses
from l2l.optimizees.arbor_cell.reference import write_response


def write_responses(description: Description, folder: Path) -> list[Path]:
    """Simulate a cell with its true parameters, and write its responses into ``folder``.

    Returns:
        The files, which have the names that the description gives them.

    Raises:
        ConfigError: If the description knows no truth, or has a stimulus without response.
    """
    setup = resolve(description)
    names = [target.name for target in setup.unknown]
    missing = [name for name in names if name not in description.truth]
    if missing:
        raise ConfigError(f"{description.path}: truth lacks {', '.join(missing)}")
    paths = []
    for clamp in description.stimuli:
        if clamp.response is None:
            raise ConfigError(f"{description.path}: stimulus {clamp.name!r} has no response: FILE")
        paths.append(folder / clamp.response)
    values = np.array([[float(description.truth[name]) for name in names]])
    for path, voltage in zip(paths, responses(setup, values)[0], strict=True):
        write_response(path, setup.times, voltage)
    return paths
