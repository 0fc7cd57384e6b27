"""vbi as a peer: Montbrio-Pazo-Roxin with BOLD, by its Numba class (one set) or its batched one.

Its unit of time is 10 ms: ``dt`` is given to it divided by ten, so that the steps per simulated
second are the same. (Its Wong-Wang model has wrong constants and is not used.)
"""

from __future__ import annotations

import importlib.metadata
import logging

import numpy as np
from whole_brain_task import arguments, measure, report

logging.disable(logging.WARNING)


def numba(args) -> dict[str, np.ndarray]:
    """Run one set. Each needs an object of its own: ``run`` divides its end of time by ten."""
    from vbi.models.numba.mpr import MPR_sde

    model = MPR_sde(
        {
            "weights": args.weights,
            "eta": np.full(len(args.weights), -4.6),
            "G": 0.5,
            "dt": args.dt / 10,
            "t_end": args.ms,
            "RECORD_RV": False,
            "tr": min(500.0, args.ms),
            "seed": 1,
        }
    )
    return model.run()


def batched(args) -> dict[str, np.ndarray]:
    """Run all sets at once, in float32."""
    from vbi.models.cupy.mpr import MPR_sde

    model = MPR_sde(
        {
            "weights": args.weights,
            "G": np.linspace(0.1, 0.6, args.sets),
            "dt": args.dt / 10,
            "t_end": args.ms,
            "num_sim": args.sets,
            "engine": "cpu",
            "dtype": "float32",
            "tr": min(500.0, args.ms),
            "seed": 1,
            "output": str(args.connectome.parent / "vbi"),
        }
    )
    return model.run(verbose=False)


def main() -> None:
    args = arguments()
    run = numba if args.sets == 1 else batched
    found = measure(args, lambda: run(args))
    report(**found, version=importlib.metadata.version("vbi"))


if __name__ == "__main__":
    main()
