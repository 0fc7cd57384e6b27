"""TVB's generic two-dimensional oscillator: a plane with a cubic and a quadratic nullcline."""

# mypy: allow-untyped-defs
# ruff: noqa: N803, E741 (the names of TVB)

from __future__ import annotations

from l2l.optimizees.whole_brain.model import Model, ModelParameter, State


def derivatives(V, W, coupling, G, tau, I, a, b, c, d, e, f, g, alpha, beta, gamma, sigma):
    """Sanz-Leon et al., NeuroImage 111:385 (2015)."""
    drive = alpha * W + gamma * (I + G * coupling)
    return (
        d * tau * (drive + V * (g + V * (e - f * V))),
        d * (a + V * (b + c * V) - beta * W) / tau,
    )


GENERIC_2D = Model(
    name="generic2d",
    doc="generic two-dimensional oscillator",
    states=(
        State("V", initial=(-2.0, 4.0), noise="sigma"),
        State("W", initial=(-6.0, 6.0), noise="sigma"),
    ),
    parameters=(
        ModelParameter("G", 0.01, "", 0.0, 0.1, "global coupling"),
        ModelParameter("tau", 1.0, "", 1.0, 5.0, "how much slower W is than V"),
        ModelParameter("I", 0.0, "", -5.0, 5.0, "constant input"),
        ModelParameter("a", -2.0, "", -5.0, 5.0, "height of W's nullcline"),
        ModelParameter("b", -10.0, "", -20.0, 15.0, "its slope"),
        ModelParameter("c", 0.0, "", -10.0, 10.0, "its curvature"),
        ModelParameter("d", 0.02, "1/ms", 0.0001, 1.0, "rate of all changes"),
        ModelParameter("e", 3.0, "", -5.0, 5.0, "of V^2"),
        ModelParameter("f", 1.0, "", -5.0, 5.0, "of -V^3"),
        ModelParameter("g", 0.0, "", -5.0, 5.0, "of V"),
        ModelParameter("alpha", 1.0, "", -5.0, 5.0, "of W in V's change"),
        ModelParameter("beta", 1.0, "", -5.0, 5.0, "of -W in W's change"),
        ModelParameter("gamma", 1.0, "", -1.0, 1.0, "of the input"),
        ModelParameter("sigma", 0.0, "ms^-1/2", 0.0, 1.0, "noise on V and W"),
    ),
    derivatives=derivatives,
    sent=("V",),
    bold="V",
    reference="Sanz-Leon et al., NeuroImage 111:385 (2015)",
)
