"""The Balloon-Windkessel model: from neural activity to the BOLD signal.

``step`` and ``signal`` are plain arithmetic on one region's numbers, as the equations of a model
are (see :mod:`l2l.optimizees.whole_brain.model`): they run on NumPy arrays, on the registers of a
CPU and in the threads of a GPU.

Blood flow, volume and deoxyhaemoglobin are kept as their distances from rest (f - 1, v - 1, q - 1).
Near 1 single precision resolves 6e-8, which a step of 1 ms can fail to change; near 0 it does not
lose what is added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain import maths

#: Smallest flow: a drive far below zero would otherwise make it negative. At 0.01 of the flow at
#: rest all oxygen is extracted, and nothing changes further down.
LEAST_FLOW = 0.01


@dataclass(frozen=True)
class Convention:
    """Constants of the equations, as one group of authors uses them.

    Attributes:
        decay: Of the vasodilatory signal, kappa, in 1/s.
        feedback: Of the blood flow on it, gamma, in 1/s.
        extraction: Share of the oxygen extracted at rest, rho.
        stiffness: Grubb's exponent, alpha.
        transit: Mean time through the balloon, tau, in s.
        volume: Of the blood at rest, as a share, V0; the unit of the signal.
        k1, k2, k3: Weights of the three parts of the signal.
        reference: The paper.
    """

    decay: float
    feedback: float
    extraction: float
    stiffness: float
    transit: float
    volume: float
    k1: float
    k2: float
    k3: float
    reference: str

    def step_constants(self, step: float) -> tuple[float, ...]:
        """Return what :func:`step` takes after the drive, for steps of ``step`` ms."""
        seconds = step / 1000.0
        return (
            seconds,
            self.decay,
            self.feedback,
            seconds / self.transit,
            -math.log(1.0 - self.extraction),
            1.0 / self.extraction - 1.0,
            1.0 / self.stiffness - 1.0,
            LEAST_FLOW - 1.0,
        )

    def signal_constants(self) -> tuple[float, ...]:
        """Return what :func:`signal` takes after volume and deoxyhaemoglobin."""
        return self.volume * self.k1, self.volume * self.k2, self.volume * self.k3


CONVENTIONS = {
    "friston": Convention(
        decay=0.65,
        feedback=0.41,
        extraction=0.34,
        stiffness=0.32,
        transit=0.98,
        volume=0.02,
        k1=7 * 0.34,
        k2=2.0,
        k3=2 * 0.34 - 0.2,
        reference="Friston, Harrison, Penny 2003, Neuroimage 19:1273, eqs. 3-4 and table 1",
    ),
    "deco2014": Convention(
        decay=1 / 0.65,
        feedback=1 / 0.41,
        extraction=0.4,
        stiffness=0.32,
        transit=0.98,
        volume=0.04,
        k1=4.3 * 40.3 * 0.4 * 0.04,
        k2=25 * 0.4 * 0.04,
        k3=1.0,
        reference="Deco et al. 2014, J. Neurosci. 34:7886, as published with its code and in "
        "FastDMF (Herzog et al. 2024): time constants in the place of rates",
    ),
}


def convention(name: str) -> Convention:
    """Return a convention by name; ConfigError if there is none."""
    if name not in CONVENTIONS:
        raise ConfigError(f"there is no BOLD convention {name!r}; {nearest(name, CONVENTIONS)}")
    return CONVENTIONS[name]


@dataclass(frozen=True)
class Rates:
    """How a series becomes steps of the model, and steps become samples of the signal.

    Attributes:
        each: Samples of the series whose mean drives one step.
        substeps: Steps with the same drive, where the step is shorter than the series' period.
        interval: Drives between two samples of the signal.
        scale: Factor from the sum of ``each`` samples to the drive.
        constants: See :meth:`Convention.step_constants`.
        parts: See :meth:`Convention.signal_constants`.
    """

    each: int
    substeps: int
    interval: int
    scale: float
    constants: tuple[float, ...]
    parts: tuple[float, ...]


def step(
    s: Any,
    f: Any,
    v: Any,
    q: Any,
    drive: Any,
    seconds: Any,
    decay: Any,
    feedback: Any,
    share: Any,
    rest: Any,
    odds: Any,
    power: Any,
    floor: Any,
) -> tuple[Any, Any, Any, Any]:
    """Return the four states one step later (Friston et al. 2003, eq. 3).

    The vasodilatory signal moves first and the flow follows the new one (symplectic Euler), so that
    the damped oscillation of the two loses no damping to the step; volume and deoxyhaemoglobin
    follow the old flow and volume.

    Args:
        s: Vasodilatory signal, in 1/s; 0 at rest.
        f, v, q: Flow, volume and deoxyhaemoglobin, each minus 1.
        drive: Neural activity z, in 1/s.
        seconds, decay, feedback, share, rest, odds, power, floor: As
            :meth:`Convention.step_constants` returns them.
    """
    flow = 1.0 + f
    volume = 1.0 + v
    outflow = maths.exp(power * maths.log(volume))  # v^(1/alpha) / v
    # (1 - (1 - rho)^(1/f)) / rho, so written that it is 1 at rest whatever the precision
    extracted = 1.0 + odds * (1.0 - maths.exp(rest * f / flow))
    s = s + seconds * (drive - decay * s - feedback * f)
    q = q + share * (flow * extracted - (1.0 + q) * outflow)
    v = v + share * (flow - volume * outflow)
    f = maths.maximum(f + seconds * s, floor)
    return s, f, v, q


def signal(v: Any, q: Any, part1: Any, part2: Any, part3: Any) -> Any:
    """Return the BOLD signal (Friston et al. 2003, eq. 4), from volume and deoxyhaemoglobin - 1."""
    return part2 * (v - q) / (1.0 + v) - part1 * q - part3 * v
