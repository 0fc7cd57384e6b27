"""How good a simulation is: metrics of ``whole_brain.analysis``, or a user's own function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l2l.errors import ConfigError, SimulationFailed, about
from l2l.optimizee import Result
from l2l.optimizees.whole_brain.analysis import Context, check, evaluate, flat, metrics

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judge:
    """What is computed from the series of a simulation.

    Attributes:
        fitness: Name of a metric, or ``module:function`` of a function of ``Signals``.
        further: Names of the metrics that are recorded beside it.
        context: What they need to know: period, weights, lengths, target.
    """

    fitness: str
    further: Sequence[str]
    context: Context

    @property
    def names(self) -> list[str]:
        """The names of all, the fitness first, each once."""
        return list(dict.fromkeys([self.fitness, *self.further]))

    def check(self, samples: int, regions: int) -> None:
        """Raise ConfigError if a metric is not there, or lacks something."""
        for where, some in (("fitness", [self.fitness]), ("metrics", list(self.further))):
            with about(where):
                check(metrics(some), self.context, samples, regions)

    def result(self, series: Floats) -> Result:
        """Return fitness and metrics of a series ``(samples, regions)``.

        Raises:
            SimulationFailed: If the fitness is no number.
        """
        columns = evaluate(self.names, {"": series[None]}, self.context)
        key = self.fitness.rpartition(":")[2]
        values = columns[key][0]
        if np.ndim(values):
            raise SimulationFailed(
                f"fitness: expected one number, and {key} gives {np.size(values)}"
            )
        if not np.isfinite(values):
            still = np.count_nonzero(np.ptp(series, axis=0) == 0)
            hint = f": {still} of {series.shape[1]} regions do not change" if still else ""
            raise SimulationFailed(f"the fitness {key} is {values}{hint}")
        found = {name: float(v[0]) for name, v in flat(columns).items() if name != key}
        return Result(float(values), metrics=found)


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
