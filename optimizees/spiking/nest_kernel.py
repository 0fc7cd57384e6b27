"""NEST as all optimizees of ours begin with it.

Importing this module imports NEST: only what simulates does so, within a worker.
"""

from __future__ import annotations

import os

# OpenMP threads that wait must sleep: spinning makes NEST 3-5 times slower on a shared machine.
# NEST reads these once, when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("PYNEST_QUIET", "1")

import nest

__all__ = ["fresh_kernel", "nest"]


def fresh_kernel(resolution: float, threads: int = 1, seed: int | None = None) -> None:
    """Forget all that was simulated in this process: NEST has one kernel a process.

    Args:
        resolution: Time step, in ms.
        threads: Of the simulation.
        seed: Of NEST's random numbers, 1..2^32-1; None for what draws none.
    """
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=resolution, local_num_threads=threads)
    if seed is not None:
        nest.rng_seed = int(seed)
