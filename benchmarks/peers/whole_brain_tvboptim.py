"""tvboptim as a peer, at the settings that were found fastest for it: ``--block`` steps a block.

All sets go through one ``vmap``. ``--noise`` gives each a key of its own. Only the sum over time is
kept, through its ``reduce``; there is no BOLD.
"""

from __future__ import annotations

import argparse
import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
from tvboptim.experimental.network_dynamics import (
    DenseGraph,
    Network,
    SparseDelayGraph,
    prepare,
)
from tvboptim.experimental.network_dynamics.coupling import (
    DelayedLinearCoupling,
    LinearCoupling,
)
from tvboptim.experimental.network_dynamics.dynamics.tvb import (
    Generic2dOscillator,
    MontbrioPazoRoxin,
    WongWangExcInh,
)
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.experimental.network_dynamics.solvers import (
    BoundedSolver,
    Euler,
    Heun,
)
from whole_brain_task import arguments, measure, report


class TwoStates(LinearCoupling):
    """The coupling of two states at once, which Montbrio-Pazo-Roxin asks for."""

    N_OUTPUT_STATES = 2


SUM = (
    lambda template, _: jnp.zeros_like(template),
    lambda total, block: total + block.sum(axis=0),
    lambda total: total,
)


def build(args: argparse.Namespace):
    """Return the network, its solver, and where the parameter that differs between sets is."""
    noise = AdditiveNoise(sigma=0.01, key=jax.random.key(0)) if args.noise else None
    block = args.block or None
    weights = np.asarray(args.weights, np.float32)
    if args.task == "g2do":
        delays = np.asarray(args.lengths / args.speed, np.float32)
        graph = SparseDelayGraph(weights, delays)
        coupling = DelayedLinearCoupling(incoming_states="V", G=0.0042, buffer_strategy="circular")
        network = Network(Generic2dOscillator(), {"delayed": coupling}, graph, noise=noise)
        return (
            network,
            Euler(block_size=block),
            ("coupling", "delayed", np.linspace(0, 0.02, args.sets)),
        )
    graph = DenseGraph(weights)
    if args.task == "mpr":
        coupling = TwoStates(incoming_states=("r", "V"), G=0.5)
        network = Network(MontbrioPazoRoxin(), {"instant": coupling}, graph, noise=noise)
        solver = BoundedSolver(Heun(block_size=block), low=jnp.array([[0.0], [-jnp.inf]]))
        return network, solver, ("coupling", "instant", np.linspace(0.1, 0.6, args.sets))
    coupling = LinearCoupling(incoming_states="S_e", G=1.0)
    network = Network(WongWangExcInh(G=1.0), {"instant": coupling}, graph, noise=noise)
    solver = BoundedSolver(Euler(block_size=block), low=0.0, high=1.0)
    return network, solver, ("dynamics", None, np.linspace(0.5, 2.0, args.sets))


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--block", type=int, default=0, help="steps a block; 0 for no blocks")
    args = arguments(parser)
    network, solver, (group, name, values) = build(args)
    solve, config = prepare(network, solver, t0=0.0, t1=args.ms, dt=args.dt, reduce=SUM)

    def one(value, key):
        mine = config.copy()
        where = mine[group] if name is None else mine[group][name]
        where = where.copy()
        where.G = value
        if name is None:
            mine[group] = where
        else:
            mine[group] = mine[group].copy()
            mine[group][name] = where
        if args.noise:
            mine.noise = mine.noise.copy()
            mine.noise.key = key
        return solve(mine)

    values = jnp.asarray(values, jnp.float32)
    keys = jax.random.split(jax.random.key(1), args.sets)
    simulate = jax.jit(jax.vmap(one) if args.sets > 1 else lambda v, k: one(v[0], k[0]))

    def run() -> None:
        total = np.asarray(jax.block_until_ready(simulate(values, keys)))
        if not np.isfinite(total).all():
            raise RuntimeError("tvboptim diverged")

    report(**measure(args, run), version=importlib.metadata.version("tvboptim"), block=args.block)


if __name__ == "__main__":
    main()
