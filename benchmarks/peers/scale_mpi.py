"""Bare mpi4py.futures: ``srun --mpi=pmi2 -n 17 python -m mpi4py.futures scale_mpi.py ...``."""

from functools import partial

import scale_task
from mpi4py.futures import MPIPoolExecutor


def main() -> None:
    args = scale_task.arguments()
    with MPIPoolExecutor() as engine:
        evaluate = partial(scale_task.evaluate, seconds=args.seconds)
        scale_task.measure(lambda chunk: engine.submit(evaluate, chunk), args)


if __name__ == "__main__":
    main()
