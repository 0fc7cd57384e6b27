"""Wilson-Cowan: an excitatory and an inhibitory population, with sigmoid responses."""

# mypy: allow-untyped-defs
# ruff: noqa: N803, E741 (the names of TVB)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.optimizees.whole_brain.maths import exp
from l2l.optimizees.whole_brain.model import Floats, Model, ModelParameter, State


def derivatives(
    E, I, coupling, G, c_ee, c_ei, c_ie, c_ii, tau_e, tau_i, a_e, b_e, c_e, theta_e,
    a_i, b_i, c_i, theta_i, r_e, r_i, k_e, k_i, P, Q, alpha_e, alpha_i, shift_sigmoid,
    rest_e, rest_i, sigma,
):  # fmt: skip
    """Wilson and Cowan, Biophys J 12:1 (1972), eqs. 11 and 12, in the notation of TVB."""
    x_e = alpha_e * (c_ee * E - c_ei * I + P - theta_e + G * coupling)
    x_i = alpha_i * (c_ie * E - c_ii * I + Q - theta_i)
    s_e = c_e * (1.0 / (1.0 + exp(a_e * (b_e - x_e))) - rest_e)
    s_i = c_i * (1.0 / (1.0 + exp(a_i * (b_i - x_i))) - rest_i)
    inverse = 1.0 / (tau_e * tau_i)
    return (
        ((k_e - r_e * E) * s_e - E) * tau_i * inverse,
        ((k_i - r_i * I) * s_i - I) * tau_e * inverse,
    )


def resting(p: Mapping[str, Floats], connectome: Any) -> Mapping[str, Floats]:
    """Return the sigmoids at no input, which are taken off so that rest means no activity."""
    return {
        f"rest_{k}": p["shift_sigmoid"] / (1.0 + np.exp(p[f"a_{k}"] * p[f"b_{k}"])) for k in "ei"
    }


WILSON_COWAN = Model(
    name="wilson_cowan",
    doc="an excitatory and an inhibitory population with sigmoid responses",
    states=(
        State("E", initial=(0.0, 1.0), noise="sigma"),
        State("I", initial=(0.0, 1.0), noise="sigma"),
    ),
    parameters=(
        ModelParameter("G", 0.1, "", 0.0, 5.0, "global coupling, E to E"),
        ModelParameter("c_ee", 12.0, "", 0.0, 20.0, "weight from E to E"),
        ModelParameter("c_ei", 4.0, "", 0.0, 20.0, "weight from I to E"),
        ModelParameter("c_ie", 13.0, "", 0.0, 22.0, "weight from E to I"),
        ModelParameter("c_ii", 11.0, "", 0.0, 20.0, "weight from I to I"),
        ModelParameter("tau_e", 10.0, "ms", 1.0, 150.0, "time constant of E"),
        ModelParameter("tau_i", 10.0, "ms", 1.0, 150.0, "time constant of I"),
        ModelParameter("a_e", 1.2, "", 0.0, 2.0, "slope of E's sigmoid"),
        ModelParameter("b_e", 2.8, "", 0.0, 6.0, "place of its steepest point"),
        ModelParameter("c_e", 1.0, "", 0.0, 20.0, "its height"),
        ModelParameter("theta_e", 0.0, "", 0.0, 60.0, "threshold of E"),
        ModelParameter("a_i", 1.0, "", 0.0, 2.0, "slope of I's sigmoid"),
        ModelParameter("b_i", 4.0, "", 0.0, 6.0, "place of its steepest point"),
        ModelParameter("c_i", 1.0, "", 0.0, 20.0, "its height"),
        ModelParameter("theta_i", 0.0, "", 0.0, 60.0, "threshold of I"),
        ModelParameter("r_e", 1.0, "", 0.0, 2.0, "refractoriness of E"),
        ModelParameter("r_i", 1.0, "", 0.0, 2.0, "refractoriness of I"),
        ModelParameter("k_e", 1.0, "", 0.0, 2.0, "largest response of E"),
        ModelParameter("k_i", 1.0, "", 0.0, 2.0, "largest response of I"),
        ModelParameter("P", 0.0, "", -5.0, 20.0, "constant input to E"),
        ModelParameter("Q", 0.0, "", -5.0, 20.0, "constant input to I"),
        ModelParameter("alpha_e", 1.0, "", 0.0, 20.0, "gain of E's input"),
        ModelParameter("alpha_i", 1.0, "", 0.0, 20.0, "gain of I's input"),
        ModelParameter("shift_sigmoid", 1.0, "", 0.0, 1.0, "1: no input, no response; 0: as it is"),
        ModelParameter("rest_e", 0.0, doc="E's sigmoid at no input; computed"),
        ModelParameter("rest_i", 0.0, doc="I's sigmoid at no input; computed"),
        ModelParameter("sigma", 0.0, "ms^-1/2", 0.0, 1.0, "noise on E and I"),
    ),
    derivatives=derivatives,
    sent=("E",),
    derived=resting,
    bold="E",
    presets={
        "oscillating": {  # Sanz-Leon et al., NeuroImage 111:385 (2015): 20 Hz
            "c_ee": 10.0, "c_ei": 6.0, "c_ie": 10.0, "c_ii": 1.0, "a_e": 1.0, "b_e": 0.0,
            "a_i": 1.0, "b_i": 0.0, "theta_e": 2.0, "theta_i": 3.5, "r_e": 0.0, "r_i": 0.0,
            "alpha_e": 1.2, "alpha_i": 2.0, "P": 0.5, "Q": 0.0, "shift_sigmoid": 0.0,
        },
    },
    reference="Wilson and Cowan, Biophysical Journal 12:1 (1972)",
)  # fmt: skip
