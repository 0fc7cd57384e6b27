"""cuBNM as a peer: the dynamic mean field with BOLD on the CPU, float64.

Inhibition is given (its search for it would cost more), and neither FC nor FCD is computed. All
sets share one noise, which is made in the first call.
"""

from __future__ import annotations

import importlib.metadata

import numpy as np
from cubnm import sim
from whole_brain_task import arguments, measure, report


def main() -> None:
    args = arguments()
    group = sim.rWWSimGroup(
        duration=args.ms / 1000,
        TR=1.0 if args.ms >= 1000 else args.ms / 1000.0,
        sc=args.weights,
        dt=f"{args.dt:g}",
        do_fic=False,
        do_fc=False,
        do_fcd=False,
        gof_terms=[],
        bold_remove_s=0,
        force_cpu=True,
    )
    group.N = args.sets
    group.param_lists["G"] = np.linspace(0.5, 2.0, args.sets)
    inhibition = 0.75 * group.param_lists["G"][:, None] * args.weights.sum(axis=1) + 1
    n = len(args.weights)
    for name in ("w_p", "J_N", "sigma"):
        group.param_lists[name] = np.full((args.sets, n), group.default_params[name])
    group.param_lists["wIE"] = inhibition
    found = measure(args, group.run)
    if not np.isfinite(group.sim_bold).all():
        raise RuntimeError("cuBNM diverged")
    report(**found, version=importlib.metadata.version("cubnm"))


if __name__ == "__main__":
    main()
