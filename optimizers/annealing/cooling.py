"""Cooling: temperature by generation, in the schedules that annealing and tempering share.

Names as in upstream L2L, its spelling of "additive" included. Sources: Kirkpatrick, Gelatt &
Vecchi (1983), Optimization by simulated annealing, Science 220 (geometric); Aarts & Korst (1989),
Simulated annealing and Boltzmann machines (logarithmic); the multiplicative and additive families
after B. T. Luke, Simulated annealing cooling schedules (2002, btluke.com/simanf1.html) and
Fernandez Ledesma, Avina Cervantes & Sanchez Garcia (2008), Practical considerations for simulated
annealing implementation, in: Tan (ed.), Simulated annealing, InTech.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest

#: Factor of one generation in EXPONENTIAL (Kirkpatrick 1983: 0.8 to 0.9).
EXPONENTIAL_FACTOR = 0.85
#: Half of the logistic's range in EXPONENTIAL_ADDAPTIVE; Luke's tanh(10 k / n - 5) has 10.
STEEPNESS = 10.0
#: No temperature is lower, so that a schedule may end at 0.
COLDEST = 1e-250


class AvailableCoolingSchedules(enum.StrEnum):
    """How the temperature T falls from T_0 to T_end, in k = 0, 1, ... n generations."""

    #: T_0 a^k, with a the parameters' ``temp_decay``
    DEFAULT = "DEFAULT"
    #: T_0 / (1 + ln(1 + k))
    LOGARITHMIC = "LOGARITHMIC"
    #: T_0 0.85^k
    EXPONENTIAL = "EXPONENTIAL"
    #: T_0 / (1 + k)
    LINEAR_MULTIPLICATIVE = "LINEAR_MULTIPLICATIVE"
    #: T_0 / (1 + k^2)
    QUADRATIC_MULTIPLICATIVE = "QUADRATIC_MULTIPLICATIVE"
    #: T_end + (T_0 - T_end) (n - k) / n
    LINEAR_ADDAPTIVE = "LINEAR_ADDAPTIVE"
    #: T_end + (T_0 - T_end) ((n - k) / n)^2
    QUADRATIC_ADDAPTIVE = "QUADRATIC_ADDAPTIVE"
    #: T_end + (T_0 - T_end) / (1 + exp(20 k / n - 10)), stretched to meet both ends
    EXPONENTIAL_ADDAPTIVE = "EXPONENTIAL_ADDAPTIVE"
    #: T_end + (T_0 - T_end) (1 + cos(pi k / n)) / 2
    TRIGONOMETRIC_ADDAPTIVE = "TRIGONOMETRIC_ADDAPTIVE"

    @property
    def additive(self) -> bool:
        """Whether it needs to know the number of generations, n."""
        return self in ADDITIVE

    @classmethod
    def of(cls, value: Any, where: str) -> AvailableCoolingSchedules:
        """Return the schedule that a member or its name, in any case, stands for.

        Raises:
            ConfigError: If there is none; ``where`` names the option.
        """
        name = value.upper() if isinstance(value, str) else str(value)
        if name not in cls.__members__:
            hint = nearest(name, list(cls.__members__))
            raise ConfigError(f"{where} can't be {value!r}; {hint}")
        return cls[name]


def _logistic(part: float) -> float:
    """Return a logistic function that falls from exactly 1 at 0 to exactly 0 at 1."""
    first, last = 1 / (1 + math.exp(-STEEPNESS)), 1 / (1 + math.exp(STEEPNESS))
    return (1 / (1 + math.exp(STEEPNESS * (2 * part - 1))) - last) / (first - last)


_Schedule = AvailableCoolingSchedules

#: T / T_0 in generation k, with the factor a of DEFAULT.
MULTIPLICATIVE: dict[_Schedule, Callable[[int, float], float]] = {
    _Schedule.DEFAULT: lambda k, a: a**k,
    _Schedule.LOGARITHMIC: lambda k, a: 1 / (1 + math.log1p(k)),
    _Schedule.EXPONENTIAL: lambda k, a: EXPONENTIAL_FACTOR**k,
    _Schedule.LINEAR_MULTIPLICATIVE: lambda k, a: 1 / (1 + k),
    _Schedule.QUADRATIC_MULTIPLICATIVE: lambda k, a: 1 / (1 + k * k),
}
#: (T - T_end) / (T_0 - T_end) at the part k / n of the way.
ADDITIVE: dict[_Schedule, Callable[[float], float]] = {
    _Schedule.LINEAR_ADDAPTIVE: lambda part: 1 - part,
    _Schedule.QUADRATIC_ADDAPTIVE: lambda part: (1 - part) ** 2,
    _Schedule.EXPONENTIAL_ADDAPTIVE: _logistic,
    _Schedule.TRIGONOMETRIC_ADDAPTIVE: lambda part: 0.5 * (1 + math.cos(math.pi * part)),
}


def temperature(
    schedule: AvailableCoolingSchedules,
    k: int,
    first: float,
    last: float = 0.0,
    n: int | None = None,
    decay: float = 0.99,
) -> float:
    """Return the temperature of generation ``k``; greater than 0, and never below ``last``.

    Args:
        schedule: Which.
        k: Number of the generation, from 0.
        first: Temperature T_0 of generation 0.
        last: Temperature T_end; the multiplicative schedules, which never end, stop there, the
            additive ones reach it in generation ``n``.
        n: Number of generations; the additive schedules need it.
        decay: Factor of one generation, in DEFAULT.

    Raises:
        ConfigError: If an additive schedule does not know ``n``.
    """
    if schedule.additive:
        if not n:
            raise ConfigError(need_of_n(schedule))
        value = last + (first - last) * ADDITIVE[schedule](min(k / n, 1.0))
    else:
        value = first * MULTIPLICATIVE[schedule](k, decay)
    return float(np.clip(value, max(last, COLDEST), max(first, COLDEST)))


def need_of_n(schedule: AvailableCoolingSchedules) -> str:
    """Return what to say if an additive schedule is to be used without a number of generations."""
    return (
        f"the schedule {schedule.name} reaches its end in a known number of generations: expected "
        "n_iteration >= 1; give it, or choose a schedule without an end, such as DEFAULT"
    )


def initial_temperature(losses: Any, acceptance: float) -> float:
    """Return the temperature at which steps that lose ``losses`` are accepted at a given rate.

    Solves mean(exp(-loss / T)) = acceptance by Ben-Ameur's (2004, Computing the initial
    temperature of simulated annealing, Comput. Optim. Appl. 29) recursion, eq. 7 with p = 1.

    Args:
        losses: Losses of score; those that are not finite and greater than 0 do not count.
        acceptance: Rate, 0..1 exclusive.

    Returns:
        The temperature; 1 if no loss counts.
    """
    values = np.asarray(losses, np.float64)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 1.0
    t = float(values.mean()) / -math.log(acceptance)
    for _ in range(100):
        rate = float(np.exp(-values / t).mean())
        factor = math.log(rate) / math.log(acceptance) if 0 < rate < 1 else 1.0
        t = min(max(t * factor, COLDEST), 1e300)
        if abs(factor - 1) < 1e-3:
            break
    return t
