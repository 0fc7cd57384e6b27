"""Parallel tempering: chains at several temperatures that exchange their states.

Swendsen & Wang (1986), Phys. Rev. Lett. 57; Geyer (1991), Markov chain Monte Carlo maximum
likelihood. Which neighbours try to swap alternates between even and odd pairs: Syed, Bouchard-Cote,
Deligiannidis & Doucet (2022), Non-reversible parallel tempering, J. R. Stat. Soc. B 84.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError
from l2l.optimizer import OptimizerParameters, State
from l2l.optimizers.annealing.chains import MANY, gains
from l2l.optimizers.annealing.cooling import (
    COLDEST,
    AvailableCoolingSchedules,
    need_of_n,
    temperature,
)
from l2l.optimizers.annealing.frame import RESTARTS
from l2l.optimizers.annealing.walkers import Walkers
from l2l.options import option
from l2l.space import Floats

#: The slowest automatic cooling is that of so many dimensions.
SLOWEST = 50
#: How fast the automatic ladder adapts, and the least and greatest ln(T_r+1 / T_r).
LADDER_RATE, GAPS = 0.1, (0.01, 5.0)
#: Factor of DEFAULT where temperatures are given and decay_parameters are not.
DECAY = 0.99


class ParallelTemperingParameters(OptimizerParameters):
    """Parameters of :class:`ParallelTempering`; the first eight are those of upstream L2L."""

    n_parallel_runs: int = option(10, "chains (rungs of the ladder of temperatures)", low=1)
    noisy_step: float | None = option(
        None, "first standard deviation of a step, in search coordinates; from the space if none",
        above=0,
    )  # fmt: skip
    n_iteration: int | None = option(None, "generations, where the run says no stop", low=0)
    stop_criterion: float | None = option(None, "score (fitness times weights) to reach")
    seed: int | None = option(None, "of its randomness; the run's seed if none", low=0)
    cooling_schedules: Any = option(
        None, "names of AvailableCoolingSchedules, one a chain; DEFAULT if none; needs bounds"
    )
    temperature_bounds: Any = option(
        None, "first and last temperature of each chain, (n, 2); an adaptive ladder if none"
    )
    decay_parameters: Any = option(
        None, "schedule DEFAULT: factor in a generation, one a chain, 0..1; 0.99 if none"
    )
    temp_decay: float | None = option(
        None, "adaptive ladder: factor of all temperatures in a generation; exp(-1/d) if none",
        above=0, high=1,
    )  # fmt: skip
    swap_rate: float = option(
        MANY, "adaptive ladder: rate of swaps between neighbours to adapt to", above=0, high=0.9
    )
    initial_acceptance: float = option(
        0.8, "share of worsening first steps that the hottest rung of an adaptive ladder accepts",
        above=0, high=0.99,
    )  # fmt: skip
    n_adapt: int | None = option(
        None, "generations in which steps and ladder adapt; always if none (samples need an end)",
        low=0,
    )  # fmt: skip
    restarts: str = option(
        "restart",
        "when frozen: restart elsewhere, reheat where the chains are, or none (which ends)",
        choices=RESTARTS,
    )

    def check(self) -> None:
        """Make arrays and schedules plain lists; refuse what does not fit together."""
        n = self.n_parallel_runs
        if self.temperature_bounds is None:
            for name in ("cooling_schedules", "decay_parameters"):
                if getattr(self, name) is not None:
                    raise ConfigError(
                        f"{name} needs temperature_bounds: expected an array ({n}, 2), got none; "
                        f"give it, or leave {name} out and the ladder adapts by itself"
                    )
            return
        bounds = _numbers("temperature_bounds", self.temperature_bounds, (n, 2))
        if (bounds < 0).any() or not (bounds.max(axis=1) > 0).all():
            raise ConfigError(
                "temperature_bounds must not be negative, and the first temperature of each chain "
                f"must be greater than 0, got {bounds.tolist()}"
            )
        object.__setattr__(self, "temperature_bounds", bounds.tolist())
        if self.decay_parameters is not None:
            decay = _numbers("decay_parameters", self.decay_parameters, (n,))
            if not ((decay > 0) & (decay <= 1)).all():
                raise ConfigError(f"decay_parameters must lie in (0, 1], got {decay.tolist()}")
            object.__setattr__(self, "decay_parameters", decay.tolist())
        if self.cooling_schedules is not None:
            object.__setattr__(self, "cooling_schedules", self._schedules())

    def _schedules(self) -> list[str]:
        given, n = self.cooling_schedules, self.n_parallel_runs
        if not isinstance(given, (list, tuple, np.ndarray)) or len(given) != n:
            raise ConfigError(
                f"cooling_schedules must be a list of {n} (n_parallel_runs) names, got {given!r}"
            )
        schedules = [AvailableCoolingSchedules.of(one, "cooling_schedules") for one in given]
        for schedule in schedules:
            if schedule.additive and self.n_iteration is None:
                raise ConfigError(need_of_n(schedule))
        return [schedule.name for schedule in schedules]


def _numbers(name: str, value: Any, shape: tuple[int, ...]) -> Floats:
    """Return a fresh array of finite numbers of a given shape."""
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ConfigError(
            f"{name} must be finite numbers of shape {shape}, as n_parallel_runs is {shape[0]}, "
            f"got {value!r}"
        )
    return numbers


class ParallelTempering(Walkers):
    """Chains on a ladder of temperatures; neighbours swap their states now and then.

    Each chain walks as in simulated annealing, with sizes of steps of its own. After each
    generation neighbours i and j swap with probability min(1, exp((1/T_i - 1/T_j) (s_j - s_i))),
    even pairs after even generations and odd ones after odd generations. Hot chains go far, and
    hand what they find down to cold ones.

    Without ``temperature_bounds`` the ladder adapts: the ratio of neighbours grows where they swap
    more often than ``swap_rate`` (Atchade, Roberts & Rosenthal 2011, Stat. Comput. 21), and the
    ladder as a whole cools from where the hottest rung accepts 80 % of the worsening first steps.
    Evaluations that did not end ok are steps not taken.

    Attributes:
        temperatures: ``(n,)`` of the next steps; None before they are known.
        swap_attempts: ``(n - 1,)`` how often rungs r and r + 1, from the coldest, tried to swap.
        swap_accepts: ``(n - 1,)`` how often they did.

    Raises:
        ConfigError: If the space has no bounds and no first points are given.
    """

    Parameters = ParallelTemperingParameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = self.n
        pairs, self._ladder = self.n - 1, np.arange(self.n)
        # d/2 degrees of freedom: this ratio swaps at about 0.234 (Kofke 2002, J. Chem. Phys. 117)
        self._gaps = np.full(pairs, min(2.38 / math.sqrt(self.space.size / 2), GAPS[1]))
        self.swap_attempts = np.zeros(pairs, np.int64)
        self.swap_accepts = np.zeros(pairs, np.int64)

    # -- temperatures -------------------------------------------------------------------------

    def _given_temperature(self) -> float | None:
        bounds = self.parameters.temperature_bounds
        return None if bounds is None else float(np.max(bounds))

    @property
    def temperatures(self) -> Floats | None:
        """``(n,)`` temperatures of the next steps; None before they are known."""
        return None if self.first_temperature is None else self._temperatures()

    def _temperatures(self, cooled: int | None = None) -> Floats:
        p, k = self.parameters, self.cooled if cooled is None else cooled
        if p.temperature_bounds is None:
            assert self.first_temperature is not None
            decay = math.exp(-1 / min(self.space.size, SLOWEST))
            hottest = self.first_temperature * (p.temp_decay or decay) ** k
            above = np.zeros(self.n)  # ln(T_hottest / T_r), from the coldest
            above[-2::-1] = self._gaps[::-1].cumsum()
            return np.maximum(hottest * np.exp(-above), COLDEST)
        names = p.cooling_schedules or ["DEFAULT"] * self.n
        decays = p.decay_parameters or [DECAY] * self.n
        n = None if p.n_iteration is None else max(1, p.n_iteration - 2)
        return np.array(
            [
                temperature(AvailableCoolingSchedules[name], k, max(ends), min(ends), n, decay)
                for name, ends, decay in zip(names, p.temperature_bounds, decays, strict=True)
            ]
        )

    def _cold(self) -> bool:
        """Return whether the chains may be frozen; given schedules go on to their end."""
        return self.parameters.temperature_bounds is None and super()._cold()

    # -- swaps --------------------------------------------------------------------------------

    def _exchange(self, temperatures: Any) -> None:
        """Swap neighbours' states after a generation."""
        parity, order = self.cooled % 2, self._order(temperatures)
        rungs = slice(parity, self.n - 1, 2)
        self._swap(rungs, order[rungs], order[parity + 1 :: 2], temperatures, self._told)

    def _meet(self, chain: int) -> None:
        """Let a chain try to swap with its neighbour, once that has walked as far.

        Who meets whom is as in generations, and does not depend on how long evaluations take: so
        the chains have the same law, whatever the order of landing.
        """
        turns = self._turns
        assert turns is not None
        k = int(turns.walked[chain])
        temperatures = self._temperatures(k)
        order = self._order(temperatures)
        rung = int(np.flatnonzero(order == chain)[0])
        cold = rung - (rung - k) % 2  # pairs begin at even rungs after an even number of steps
        if not 0 <= cold < self.n - 1:
            turns.meet(chain, None)
            return
        pair = order[cold : cold + 2]
        if turns.meet(chain, int(pair.sum()) - chain):
            told = int(turns.steps[chain])
            self._swap(slice(cold, cold + 1), pair[:1], pair[1:], temperatures, told)

    def _order(self, temperatures: Any) -> NDArray[np.int64]:
        """Return the chains ``(n,)``, from the coldest to the hottest."""
        if self.parameters.temperature_bounds is None:
            return self._ladder
        return np.argsort(temperatures, kind="stable")

    def _swap(self, rungs: slice, cold: Any, hot: Any, temperatures: Any, told: int) -> None:
        """Let pairs of chains try to swap their states, and the ladder adapt.

        Args:
            rungs: Of the colder ones, from the coldest of all, ``k`` of them.
            cold: ``(k,)`` the colder chains.
            hot: ``(k,)`` the hotter ones.
            temperatures: ``(n,)`` of all chains.
            told: Generations so far.
        """
        if not len(cold) or self.chains is None:
            return
        s, beta = self.chains.scores, 1 / temperatures
        log_ratio = gains(s[cold], s[hot], 1.0)
        with np.errstate(invalid="ignore", over="ignore"):
            log_ratio *= beta[cold] - beta[hot]
        log_ratio[np.isnan(log_ratio)] = 0.0  # of a failed state, at equal temperatures
        swaps = -self.rng.standard_exponential(len(log_ratio)) < log_ratio
        if swaps.any():
            self.chains.exchange(cold[swaps], hot[swaps])
        self.swap_attempts[rungs] += 1
        self.swap_accepts[rungs] += swaps
        if self.parameters.temperature_bounds is None and self._adapts(told):
            off = np.exp(np.minimum(log_ratio, 0.0)) - self.parameters.swap_rate
            off[log_ratio == 0.0] = 0.0  # ties tell nothing
            gaps = self._gaps[rungs]
            gaps += LADDER_RATE * off
            np.maximum(np.minimum(gaps, GAPS[1]), GAPS[0], out=gaps)

    # -- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes; see :meth:`Optimizer.state` for when."""
        return {
            **super().state(),
            "gaps": self._gaps.copy(),
            "swap_attempts": self.swap_attempts.copy(),
            "swap_accepts": self.swap_accepts.copy(),
        }

    def restore(self, state: State) -> None:
        """Go back to a state: what follows is bit-identical."""
        super().restore(state)
        self._gaps = np.array(state["gaps"])
        self.swap_attempts = np.array(state["swap_attempts"])
        self.swap_accepts = np.array(state["swap_accepts"])


ParallelTemperingOptimizer = classic_optimizer(ParallelTempering)
