"""Simulated annealing with parallel chains.

Kirkpatrick, Gelatt & Vecchi (1983), Optimization by simulated annealing, Science 220; steps as in
Corana et al. (1987), ACM TOMS 13, and ter Braak (2006), Stat. Comput. 16; see ``chains.py``.
"""

from __future__ import annotations

import math
from typing import Any

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters
from l2l.optimizers.annealing.cooling import AvailableCoolingSchedules, need_of_n, temperature
from l2l.optimizers.annealing.frame import RESTARTS
from l2l.optimizers.annealing.walkers import Walkers
from l2l.options import option

#: The slowest automatic cooling is that of so many dimensions.
SLOWEST = 50


class SimulatedAnnealingParameters(OptimizerParameters):
    """Parameters of :class:`SimulatedAnnealing`; the first seven are those of upstream L2L."""

    n_parallel_runs: int = option(10, "chains, that is individuals of a generation", low=1)
    noisy_step: float | None = option(
        None, "first standard deviation of a step, in search coordinates; from the space if none",
        above=0,
    )  # fmt: skip
    temp_decay: float | None = option(
        None, "schedule DEFAULT: factor of the temperature in a generation; exp(-1/d) if none",
        above=0, high=1,
    )  # fmt: skip
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    cooling_schedule: Any = option(
        "DEFAULT", "name of one of AvailableCoolingSchedules; the ADDAPTIVE ones need n_iteration"
    )
    initial_temperature: float | None = option(
        None, "temperature of the first steps, in units of the score; measured if none", above=0
    )
    final_temperature: float = option(0.0, "temperature at which cooling ends", low=0)
    initial_acceptance: float = option(
        0.8, "share of worsening first steps that the measured temperature accepts",
        above=0, high=0.99,
    )  # fmt: skip
    n_adapt: int | None = option(
        None, "generations in which steps adapt; always if none (samples need an end of it)", low=0
    )
    restarts: str = option(
        "restart",
        "when frozen: restart elsewhere, reheat where the chains are, or none (which ends)",
        choices=RESTARTS,
    )

    def check(self) -> None:
        """Make the schedule a name; refuse what does not fit together."""
        schedule = AvailableCoolingSchedules.of(self.cooling_schedule, "cooling_schedule")
        object.__setattr__(self, "cooling_schedule", schedule.name)
        if schedule.additive and self.n_iteration is None:
            raise ConfigError(need_of_n(schedule))
        first = self.initial_temperature
        if first is not None and first < self.final_temperature:
            raise ConfigError(
                f"final_temperature must not be above initial_temperature ({first}), got "
                f"{self.final_temperature}"
            )


class SimulatedAnnealing(Walkers):
    """Walks that accept what is better always, and what is worse the less the colder it gets.

    A step from score s to s' is accepted with probability min(1, exp((s' - s) / T)) (Metropolis et
    al. 1953). All chains share one temperature and what they learn about steps. T_0 is such that
    80 % of the worsening first steps are accepted (Johnson et al. 1989, Oper. Res. 37; Ben-Ameur
    2004). Whatever the chains do, the best point is kept. Evaluations that did not end ok are
    steps not taken.

    Attributes:
        temperature: Of the next steps; None before it is known.

    Raises:
        ConfigError: If the space has no bounds and no first points are given.
    """

    Parameters = SimulatedAnnealingParameters

    def _given_temperature(self) -> float | None:
        first = self.parameters.initial_temperature
        return None if first is None else float(first)

    @property
    def temperature(self) -> float | None:
        """Temperature of the next steps; None before it is known."""
        return None if self.first_temperature is None else self._temperatures()

    def _temperatures(self, cooled: int | None = None) -> float:
        p, d = self.parameters, min(self.space.size, SLOWEST)
        assert self.first_temperature is not None
        return temperature(
            AvailableCoolingSchedules[p.cooling_schedule],
            self.cooled if cooled is None else cooled,
            self.first_temperature,
            min(p.final_temperature, self.first_temperature),
            # the first generation only starts the chains, the last one is the coldest
            None if p.n_iteration is None else max(1, p.n_iteration - 2),
            math.exp(-1 / d) if p.temp_decay is None else p.temp_decay,
        )

    def _cold(self) -> bool:
        """Return whether the chains may be frozen; a schedule with an end goes on to it."""
        schedule = AvailableCoolingSchedules[self.parameters.cooling_schedule]
        return not schedule.additive and super()._cold()


SimulatedAnnealingOptimizer = classic_optimizer(SimulatedAnnealing)
