"""An echo state network: a fixed random reservoir, and a readout that learns each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from l2l.optimizees.learning_to_learn.learner import Floats, Learner
from l2l.optimizees.learning_to_learn.volterra import N_JUDGED, WASHOUT, Filter
from l2l.space import Parameter, ParameterSpace


class Reservoir(Learner[Filter]):
    """A reservoir of rate neurons; ridge regression from its states is what learns.

    x(t+1) = (1 - leak) x(t) + leak tanh(W x(t) + input_scaling v u(t) + bias c), with a fresh W, v
    and c in each task (Jaeger 2001; Lukoševičius 2012, "A practical guide to applying echo state
    networks"). The entries of W are normal where there is a connection, and scaled by the circular
    law, which gives the spectral radius of a large matrix; that of 50 neurons is some per cent off.

    Args:
        neurons: Of the reservoir.
        examples: Steps that the readout is fitted to.
    """

    unit = "examples"

    space = ParameterSpace(
        [
            Parameter("spectral_radius", 0.05, 2.0),
            Parameter("input_scaling", 0.01, 10.0, scale="log"),
            Parameter("bias", 0.01, 10.0, scale="log"),
            Parameter("leak", 0.05, 1.0),
            Parameter("density", 0.05, 1.0, description="share of connections that there are"),
            Parameter("ridge", 1e-10, 1.0, scale="log", description="variance added to a state's"),
        ]
    )

    def __init__(self, neurons: int, examples: int) -> None:
        self.neurons, self.amount = neurons, examples
        self.default = {
            "spectral_radius": 0.9, "input_scaling": 0.5, "bias": 0.5, "leak": 1.0,
            "density": 0.1, "ridge": 1e-6,
        }  # fmt: skip
        self.grid = [
            {**self.default, "spectral_radius": radius, "leak": leak, "ridge": ridge}
            for radius, leak, ridge in product((0.5, 0.9, 1.2), (0.3, 1.0), (1e-8, 1e-6, 1e-4))
        ]

    def errors(
        self, params: Mapping[str, Floats], tasks: Sequence[Filter], amounts: Sequence[int]
    ) -> Floats:
        """Return the errors ``(n, tasks, amounts, points)`` of readouts of so many examples."""
        states = self.states(params, tasks)[:, :, WASHOUT:]
        target = np.stack([task.target[WASHOUT:] for task in tasks])
        found = np.empty((*states.shape[:2], len(amounts), N_JUDGED))
        for place, amount in enumerate(amounts):
            output = readout(states, target[:, :amount], params["ridge"]) if amount else 0.0
            found[:, :, place] = (output - target)[..., -N_JUDGED:]
        return found

    def states(self, params: Mapping[str, Floats], tasks: Sequence[Filter]) -> Floats:
        """Return the activity ``(n, tasks, steps, neurons)``."""
        inputs = np.stack([task.inputs for task in tasks])
        radius, scaling, bias, leak, density = (
            params[name][:, None, None]
            for name in ("spectral_radius", "input_scaling", "bias", "leak", "density")
        )
        drawn = [draw(self.neurons, task.seed) for task in tasks]
        normal, uniform, incoming, constant = (np.stack(part) for part in zip(*drawn, strict=True))
        share = density[..., None]
        w = np.where(uniform < share, normal, 0.0) * radius[..., None]
        w /= np.sqrt(self.neurons * share)
        drive = bias * constant
        x = np.zeros((len(radius), len(tasks), self.neurons))
        states = np.empty((*x.shape[:2], inputs.shape[-1], self.neurons))
        for t in range(inputs.shape[-1]):
            current = (x[:, :, None] @ w)[:, :, 0] + drive
            current += scaling * incoming * inputs[:, t, None]
            x = (1.0 - leak) * x + leak * np.tanh(current)
            states[:, :, t] = x
        return states

    def floats(self, tasks: int) -> int:
        """Return about how many numbers an individual needs: connections and states."""
        steps = WASHOUT + self.amount + N_JUDGED
        return tasks * self.neurons * (6 * self.neurons + 3 * steps)


def draw(neurons: int, seed: int) -> tuple[Floats, ...]:
    """Return what is random in a reservoir: weights, which of them there are, input and bias."""
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((neurons, neurons)),
        rng.random((neurons, neurons)),
        rng.uniform(-1.0, 1.0, neurons),
        rng.uniform(-1.0, 1.0, neurons),
    )


def readout(states: Floats, target: Floats, ridge: Floats) -> Floats:
    """Fit a linear readout with an intercept to the first steps; return its output at all steps.

    Args:
        states: ``(n, tasks, steps, neurons)``.
        target: ``(tasks, examples)``, of the first steps.
        ridge: ``(n,)`` penalty of the squared weights, for each example.
    """
    n_examples, neurons = target.shape[-1], states.shape[-1]
    seen = states[:, :, :n_examples]
    offset, level = seen.mean(axis=2, keepdims=True), target.mean(axis=-1, keepdims=True)
    seen = seen - offset
    gram = seen.swapaxes(-1, -2) @ seen + n_examples * ridge[:, None, None, None] * np.eye(neurons)
    weights = np.linalg.solve(gram, seen.swapaxes(-1, -2) @ (target - level)[..., None])
    output: Floats = ((states - offset) @ weights)[..., 0] + level
    return output
