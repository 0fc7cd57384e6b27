"""brainmass as a peer: Generic2dOscillator with delays, one set a call, as it has no batches."""

from __future__ import annotations

import importlib.metadata

import brainmass
import brainstate
import braintools
import brainunit as u
import jax
import numpy as np
from whole_brain_task import arguments, measure, report


def main() -> None:
    args = arguments()
    brainstate.environ.set(dt=args.dt * u.ms)
    node = brainmass.Generic2dOscillatorStep(
        len(args.weights), init_V=braintools.init.Constant(0.1), method="euler"
    )
    network = brainmass.Network(
        node,
        conn=np.asarray(args.weights, np.float32),
        distance=np.asarray(args.lengths, np.float32) * u.mm,
        speed=args.speed * u.mm / u.ms,
        coupling="additive",
        coupled_var="V",
        k=0.0042,
    )
    steps = round(args.ms / args.dt)
    every = round(1.0 / args.dt)

    @brainstate.transform.jit
    def simulate() -> jax.Array:
        def step(i):
            with brainstate.environ.context(i=i, t=i * args.dt * u.ms):
                network.update()
                return node.V.value

        return brainstate.transform.for_loop(step, np.arange(steps))[::every]

    def run() -> None:
        brainstate.nn.init_all_states(network)
        series = np.asarray(jax.block_until_ready(simulate()))
        if not np.isfinite(series).all():
            raise RuntimeError("brainmass diverged")

    report(**measure(args, run), version=importlib.metadata.version("brainmass"))


if __name__ == "__main__":
    main()
