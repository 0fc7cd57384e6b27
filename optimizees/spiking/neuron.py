"""The leaky integrate-and-fire neuron with alpha-shaped currents, and its exact propagators."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError


@dataclass(frozen=True)
class AlphaLIF:
    """Constants of ``iaf_psc_alpha``, with NEST's names and defaults.

    Between spikes::

        C_m dV/dt = -C_m (V - E_L) / tau_m + I_ex + I_in + I_e + (currents given to the network)

    A spike of weight w (in pA) adds ``w * e / tau * t * exp(-t / tau)`` to I_ex (w > 0) or I_in
    (w < 0), which peaks at w after ``tau``. V >= V_th is a spike; V then stays at V_reset for
    ``t_ref``, while the currents go on.

    Attributes:
        dt: Resolution, in ms. Spikes fall on this grid; the integration itself is exact.
        tau_m: Time constant of the membrane, in ms.
        C_m: Its capacity, in pF.
        tau_syn_ex: Rise time of an excitatory current, in ms.
        tau_syn_in: Rise time of an inhibitory one, in ms.
        t_ref: Refractory period, in ms.
        V_th: Threshold, in mV.
        V_reset: Potential after a spike, in mV.
        E_L: Resting potential, at which the neuron starts, in mV.
        I_e: Constant current, in pA.

    Raises:
        ConfigError: If a time constant is not positive, V_reset not below V_th, or t_ref shorter
            than dt.
    """

    dt: float = 0.1
    tau_m: float = 10.0
    C_m: float = 250.0
    tau_syn_ex: float = 2.0
    tau_syn_in: float = 2.0
    t_ref: float = 2.0
    V_th: float = -55.0
    V_reset: float = -70.0
    E_L: float = -70.0
    I_e: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise ConfigError(f"AlphaLIF.{field.name} must be a finite number")
        for name in ("dt", "tau_m", "C_m", "tau_syn_ex", "tau_syn_in"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"AlphaLIF.{name} must be positive, got {getattr(self, name)}")
        if self.V_reset >= self.V_th:
            raise ConfigError("AlphaLIF.V_reset must be below V_th, or the neuron never stops")
        if self.refractory_steps < 1:
            raise ConfigError(f"AlphaLIF.t_ref must be at least dt = {self.dt}, got {self.t_ref}")

    @property
    def refractory_steps(self) -> int:
        """Steps for which V stays at V_reset after a spike."""
        return round(self.t_ref / self.dt)

    def propagators(self) -> NDArray[np.float64]:
        """Return what takes the state one ``dt`` further, ``(12,)``.

        The solution of the linear equations over one step (Rotter & Diesmann 1999, Biol. Cybern.
        81:381-402), V counted from E_L, y = dI/dt + I / tau:

        0. V from a constant current; 1. V from V, minus one
        2.-5. V from (y_ex, I_ex, y_in, I_in)
        6.-7. I_ex from (y_ex, I_ex); y decays by the second of them, too
        8.-9. the same for I_in
        10.-11. y_ex and y_in from the weight of a spike
        """
        h, decay = self.dt, math.expm1(-self.dt / self.tau_m)
        membrane, currents, jumps = [], [], []
        for tau in (self.tau_syn_ex, self.tau_syn_in):
            fade = math.exp(-h / tau)
            x = h / tau - h / self.tau_m
            membrane += [h * h / self.C_m * fade * _phi_2(x), h / self.C_m * fade * _phi_1(x)]
            currents += [h * fade, fade]
            jumps.append(math.e / tau)
        return np.array([-self.tau_m / self.C_m * decay, decay, *membrane, *currents, *jumps])


def _phi_1(x: float) -> float:
    """Return (exp(x) - 1) / x, 1 at x = 0, where the two time constants are equal."""
    return math.expm1(x) / x if x else 1.0


def _phi_2(x: float) -> float:
    """Return (exp(x) - 1 - x) / x^2, 1/2 at x = 0; a series where the difference would cancel."""
    if abs(x) > 1:
        return (math.expm1(x) - x) / (x * x)
    total, term = 0.0, 0.5
    for k in range(3, 25):
        total += term
        term *= x / k
    return total
