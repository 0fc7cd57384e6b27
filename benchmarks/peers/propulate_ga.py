"""Propulate: its default genetic algorithm with its checkpoint. Run by ``mpiexec -n 3``.

All ranks evaluate; what they write is summed.
"""

import logging
import random

from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, bytes_written, sphere
from mpi4py import MPI
from propulate import Propulator
from propulate.utils import get_default_propagator

logging.disable(logging.WARNING)


def loss(individual) -> float:
    return sphere([individual[name] for name in NAMES])


NAMES = [f"x{i}" for i in range(DIMENSIONS)]


def main() -> None:
    args = arguments()
    comm = MPI.COMM_WORLD
    rng = random.Random(1 + comm.rank)
    propagator = get_default_propagator(
        pop_size=args.population, limits=dict.fromkeys(NAMES, (LOW, HIGH)), rng=rng
    )
    each = args.population * args.generations // comm.size
    propulator = Propulator(
        loss_fn=loss,
        propagator=propagator,
        rng=rng,
        propulate_comm=comm,
        island_comm=comm,
        generations=each,
        checkpoint_path=args.folder,
    )
    comm.Barrier()
    meter = Meter()
    propulator.propulate(logging_interval=10**9)
    comm.Barrier()
    meter.stop()
    after = bytes_written()
    written = {key: comm.allreduce(after[key] - meter.before[key]) for key in after}
    if comm.rank == 0:
        meter.report(each * comm.size, written)


if __name__ == "__main__":
    main()
