"""Exact mean field of quadratic integrate-and-fire neurons (Montbrio, Pazo, Roxin)."""

# mypy: allow-untyped-defs
# ruff: noqa: N803, E741 (the names of the paper)

from __future__ import annotations

from l2l.optimizees.whole_brain.model import Model, ModelParameter, State

PI = 3.141592653589793
INVERSE_PI = 0.3183098861837907


def derivatives(r, V, coupling, G, tau, I, Delta, J, eta, sigma_r, sigma_V):
    """Montbrio et al., Phys Rev X 5:021028 (2015), eq. 12; rates of other regions drive V."""
    rate = 1.0 / tau
    firing = PI * tau * r
    return (
        rate * (Delta * INVERSE_PI * rate + 2.0 * V * r),
        rate * (V * V - firing * firing + eta + J * tau * r + I + G * coupling),
    )


MONTBRIO = Model(
    name="montbrio",
    doc="exact mean field of quadratic integrate-and-fire neurons",
    states=(
        State("r", "1/ms", initial=(0.0, 2.0), low=0.0, noise="sigma_r"),
        State("V", "", initial=(-2.0, 1.5), noise="sigma_V"),
    ),
    parameters=(
        ModelParameter("G", 0.5, "", 0.0, 5.0, "global coupling"),
        ModelParameter("tau", 1.0, "ms", 0.1, 15.0, "time constant of the membrane"),
        ModelParameter("I", 0.0, "", -10.0, 10.0, "constant input"),
        ModelParameter("Delta", 1.0, "", 0.0, 10.0, "half-width of the spread of excitability"),
        ModelParameter("J", 15.0, "", -25.0, 25.0, "synaptic weight within the region"),
        ModelParameter("eta", -5.0, "", -10.0, 10.0, "mean excitability"),
        ModelParameter("sigma_r", 0.0, "ms^-3/2", 0.0, 1.0, "noise on r"),
        ModelParameter("sigma_V", 0.0, "ms^-1/2", 0.0, 1.0, "noise on V"),
    ),
    derivatives=derivatives,
    sent=("r",),
    bold="r",
    steps={"heun": 0.05, "euler": 0.01},
    presets={"bistable": {"Delta": 0.7, "J": 14.5, "eta": -4.6}},
    reference="Montbrio, Pazo, Roxin, Physical Review X 5:021028 (2015)",
)
