"""Dynamic mean field with an excitatory and an inhibitory population (reduced Wong-Wang)."""

# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: N803 (the names of the papers)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2l.optimizees.whole_brain.maths import absolute, exp, where
from l2l.optimizees.whole_brain.model import Floats, Model, ModelParameter, State


def response(x, a, b, d, gain):
    """Return the firing rate in Hz at an input current x in nA.

    Deco et al., eqs. 3 and 4: y / (1 - exp(-d y)), y = a x - b; close to y = 0, where that is
    0 / 0, its series.
    """
    y = gain * (a * x - b)
    u = d * y
    near = absolute(u) < 1e-3
    above = where(near, 1.0 + u * (0.5 + u * (1.0 / 12.0)), y)
    return above / where(near, d, 1.0 - exp(-u))


def excitatory_current(S_e, S_i, coupling, G, I_o, W_e, I_ext, J_N, w_p, J_i):
    """Return the current in nA into the excitatory population (Deco et al., eq. 1)."""
    return W_e * I_o + I_ext + J_N * (w_p * S_e + G * coupling) - J_i * S_i


def inhibitory_current(S_e, S_i, coupling, G, I_o, W_i, J_N, lamda):
    """Return the current in nA into the inhibitory population (Deco et al., eq. 2)."""
    return W_i * I_o + J_N * (S_e + lamda * G * coupling) - S_i


def derivatives(
    S_e, S_i, coupling, G, alpha, J_0, J_i, I_o, W_e, W_i, I_ext, J_N, w_p, lamda,
    a_e, b_e, d_e, gamma_e, tau_e, gain_e, a_i, b_i, d_i, gamma_i, tau_i, gain_i, sigma,
):  # fmt: skip
    """Deco et al., J Neurosci 34:7886 (2014), eqs. 5 and 6."""
    x_e = excitatory_current(S_e, S_i, coupling, G, I_o, W_e, I_ext, J_N, w_p, J_i)
    x_i = inhibitory_current(S_e, S_i, coupling, G, I_o, W_i, J_N, lamda)
    inverse = 1.0 / (tau_e * tau_i)
    return (
        (1.0 - S_e) * gamma_e * response(x_e, a_e, b_e, d_e, gain_e) - S_e * tau_i * inverse,
        gamma_i * response(x_i, a_i, b_i, d_i, gain_i) - S_i * tau_e * inverse,
    )


def rate_e(
    S_e, S_i, coupling, G, alpha, J_0, J_i, I_o, W_e, W_i, I_ext, J_N, w_p, lamda,
    a_e, b_e, d_e, gamma_e, tau_e, gain_e, a_i, b_i, d_i, gamma_i, tau_i, gain_i, sigma,
):  # fmt: skip
    """Return the rate of the excitatory population in Hz."""
    x_e = excitatory_current(S_e, S_i, coupling, G, I_o, W_e, I_ext, J_N, w_p, J_i)
    return response(x_e, a_e, b_e, d_e, gain_e)


def rate_i(
    S_e, S_i, coupling, G, alpha, J_0, J_i, I_o, W_e, W_i, I_ext, J_N, w_p, lamda,
    a_e, b_e, d_e, gamma_e, tau_e, gain_e, a_i, b_i, d_i, gamma_i, tau_i, gain_i, sigma,
):  # fmt: skip
    """Return the rate of the inhibitory population in Hz."""
    x_i = inhibitory_current(S_e, S_i, coupling, G, I_o, W_i, J_N, lamda)
    return response(x_i, a_i, b_i, d_i, gain_i)


def feedback_inhibition(p: Mapping[str, Floats], connectome: Any) -> Mapping[str, Floats]:
    """Return the weight of inhibition that balances what the network sends: about 3 Hz.

    Herzog et al., Network Neuroscience 8:1590 (2024): J_i = J_0 + alpha G (sum of weights to i).
    """
    return {"J_i": p["J_0"] + p["alpha"] * p["G"] * connectome.strengths}


DMF = Model(
    name="dmf",
    doc="dynamic mean field with feedback inhibition control",
    states=(
        State("S_e", initial=0.001, low=0.0, high=1.0, noise="sigma"),
        State("S_i", initial=0.001, low=0.0, high=1.0, noise="sigma"),
    ),
    parameters=(
        ModelParameter("G", 1.0, "", 0.0, 3.0, "global coupling"),
        ModelParameter("alpha", 0.75, "", 0.0, 2.0, "inhibition per strength; 0: J_i is J_0"),
        ModelParameter("J_0", 1.0, "nA", 0.0, 10.0, "weight of inhibition without a network"),
        ModelParameter("J_i", 1.0, "nA", doc="weight of inhibition; computed: J_0 + alpha G s"),
        ModelParameter("I_o", 0.382, "nA", 0.2, 0.5, "constant input"),
        ModelParameter("W_e", 1.0, "", 0.0, 2.0, "part of it that E gets"),
        ModelParameter("W_i", 0.7, "", 0.0, 2.0, "part of it that I gets"),
        ModelParameter("I_ext", 0.0, "nA", 0.0, 0.1, "further input to E"),
        ModelParameter("J_N", 0.15, "nA", 0.0, 0.5, "weight of excitation"),
        ModelParameter("w_p", 1.4, "", 0.0, 2.0, "weight of E's own excitation"),
        ModelParameter("lamda", 0.0, "", 0.0, 1.0, "part of the network's input that I gets"),
        ModelParameter("a_e", 310.0, "Hz/nA", 0.0, 500.0, "slope of E's response"),
        ModelParameter("b_e", 125.0, "Hz", 0.0, 200.0, "its threshold"),
        ModelParameter("d_e", 0.16, "s", 0.0, 0.2, "its bend"),
        ModelParameter("gamma_e", 0.641e-3, "1/(ms Hz)", 0.0, 2e-3, "how a rate opens S_e"),
        ModelParameter("tau_e", 100.0, "ms", 50.0, 150.0, "decay of S_e"),
        ModelParameter("gain_e", 1.0, "", 0.0, 2.0, "gain of E's response: neuromodulation"),
        ModelParameter("a_i", 615.0, "Hz/nA", 0.0, 1000.0, "slope of I's response"),
        ModelParameter("b_i", 177.0, "Hz", 0.0, 200.0, "its threshold"),
        ModelParameter("d_i", 0.087, "s", 0.0, 0.2, "its bend"),
        ModelParameter("gamma_i", 1e-3, "1/(ms Hz)", 0.0, 2e-3, "how a rate opens S_i"),
        ModelParameter("tau_i", 10.0, "ms", 5.0, 100.0, "decay of S_i"),
        ModelParameter("gain_i", 1.0, "", 0.0, 2.0, "gain of I's response: neuromodulation"),
        ModelParameter("sigma", 0.01, "ms^-1/2", 0.0, 0.1, "noise on S_e and S_i"),
    ),
    derivatives=derivatives,
    sent=("S_e",),
    observed={"rate_e": rate_e, "rate_i": rate_i},
    derived=feedback_inhibition,
    bold="S_e",
    reference="Deco et al., Journal of Neuroscience 34:7886 (2014)",
)
