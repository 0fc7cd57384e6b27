"""Phase oscillators that pull at each other's phases, with delays (Kuramoto)."""

# mypy: allow-untyped-defs
# ruff: noqa: N803 (the names of the paper)

from __future__ import annotations

from l2l.optimizees.whole_brain.maths import cos, sin
from l2l.optimizees.whole_brain.model import Model, ModelParameter, State

TWO_PI = 6.283185307179586


def send(theta):
    """Return what makes sin(theta_j(t - delay) - theta_i) a sum over j of sent quantities."""
    return sin(theta), cos(theta)


def derivatives(theta, sines, cosines, G, omega, sigma):
    """Cabral et al., NeuroImage 57:130 (2011), eq. 1."""
    return (omega + G * (cos(theta) * sines - sin(theta) * cosines),)


def activity(theta, sines, cosines, G, omega, sigma):
    """Return the activity that a phase stands for, from -1 to 1."""
    return sin(theta)


KURAMOTO = Model(
    name="kuramoto",
    doc="phase oscillators",
    states=(State("theta", "rad", initial=(0.0, TWO_PI), period=TWO_PI, noise="sigma"),),
    parameters=(
        ModelParameter("G", 0.01, "rad/ms", 0.0, 1.0, "global coupling"),
        ModelParameter("omega", 0.3769911184307752, "rad/ms", 0.006, 0.7, "own frequency, 60 Hz"),
        ModelParameter("sigma", 0.0, "rad ms^-1/2", 0.0, 1.0, "noise on the phase"),
    ),
    derivatives=derivatives,
    sent=("sin", "cos"),
    send=send,
    observed={"activity": activity},
    bold="activity",
    reference="Cabral et al., NeuroImage 57:130 (2011)",
)
