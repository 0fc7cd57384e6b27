"""How good a simulation is: metrics of ``whole_brain.analysis``, or a user's own function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from l2l.errors import SimulationFailed, about
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
