"""Reference responses: CSV files of time and voltage."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.arbor_cell.setup import Floats

HEADER = "time (ms),voltage (mV)"


def read_response(path: Path, times: Floats) -> Floats:
    """Return the voltage (mV) at ``times`` (ms), linearly interpolated.

    Args:
        path: A CSV with the columns time (ms) and voltage (mV), with or without a header.
        times: ``(samples,)``, as they are simulated.

    Raises:
        ConfigError: If it is no such file, or ends before the simulation does.
    """
    if not path.is_file():
        raise ConfigError(
            f"there is no response {path}; paths are from the folder of the cell's file"
        )
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    try:
        rows = rows[1:] if rows and not _is_number(rows[0][0]) else rows
        table = np.array([[float(cell) for cell in row[:2]] for row in rows])
    except ValueError as error:
        raise ConfigError(f"{path}: expected numbers: {error}") from None
    if table.ndim != 2 or table.shape[1:] != (2,) or len(table) < 2:
        raise ConfigError(f"{path}: expected two columns, time (ms) and voltage (mV)")
    time, voltage = table.T
    if not (np.isfinite(table).all() and (np.diff(time) > 0).all()):
        raise ConfigError(f"{path}: times must rise, and all numbers must be finite")
    step = times[1] - times[0]
    if time[0] > times[0] + step or time[-1] < times[-1] - step:
        raise ConfigError(
            f"{path} has {time[0]:g} to {time[-1]:g} ms, and the simulation takes 0 to "
            f"{times[-1]:g} ms: give a longer response, or a shorter simulation.length"
        )
    sampled: Floats = np.interp(times, time, voltage)
    return sampled


def write_response(path: Path, times: Floats, voltage: Floats) -> None:
    """Write a response, the voltage to 0.001 mV."""
    lines = [HEADER, *(f"{t:.10g},{v:.3f}" for t, v in zip(times, voltage, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
