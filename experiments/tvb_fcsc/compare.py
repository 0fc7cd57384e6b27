"""Evaluations to 99 % of the optimum: python experiments/tvb_fcsc/compare.py OPTIMUM [CONFIG]

Runs every optimizer that learns from fitness alone on the optimizee of a configuration, with
several seeds, and prints a table. Runs that are there are gone on with, not repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import l2l
from l2l import config, registry
from l2l.trajectory import Trajectory

HERE = Path(__file__).parent
#: What a grid needs is known before, and what learns from observations has none here.
WITHOUT = ("grid_search", "ensemble_kalman_filter")


def contestants(evaluations: int, sets: int) -> dict[str, dict[str, Any]]:
    """Return the optimizers with what differs from their defaults, by a name for the table.

    The last one is that of upstream's program for the paper: RMSProp, all sets around one point.
    """
    options: dict[str, dict[str, Any]] = {
        "multi_gradient_ascent": {"n_sets": sets},
        "latin_hypercube": {"n_samples": evaluations, "batch": 4 * sets},
    }
    names = [name for name in registry.names("optimizers") if name not in WITHOUT]
    found = {name: {"name": name, **options.get(name, {})} for name in names}
    upstream = {"name": "rmsprop", "n_random_steps": 4 * sets - 1, "exploration_step_size": 0.05}
    return {**found, f"rmsprop, {4 * sets} sets": upstream}


def ran(
    label: str, optimizer: Mapping[str, Any], seed: int, args: argparse.Namespace
) -> Trajectory:
    """Return the history of a run, which is made where there is none."""
    optimizee = dict(config.load(args.config)["optimizee"])
    cls = registry.load("optimizees", optimizee.pop("name"))
    optimizee.update(connectome=args.connectome or optimizee["connectome"])
    run = args.runs / f"{label.replace(', ', '_').replace(' ', '_')}-{seed}"
    l2l.optimize(
        registry.construct(cls, optimizee), dict(optimizer), seed=seed,
        target=args.share * args.optimum, evaluations=args.evaluations, run=run,
        workers=args.workers, resume=True, progress=False,
    )  # fmt: skip
    return l2l.load(run)


def line(label: str, histories: list[Trajectory], args: argparse.Namespace) -> str:
    """Return a line of the table."""
    evaluations, generations, best = [], [], []
    for history in histories:
        fitness = np.nan_to_num(history.fitness[:, 0], nan=-np.inf)
        there = np.flatnonzero(fitness >= args.share * args.optimum)
        evaluations.append(float(there[0] + 1) if len(there) else np.inf)
        generations.append(float(history.generation[there[0]] + 1) if len(there) else np.inf)
        best.append(fitness.max() / args.optimum)
    reached = int(np.isfinite(evaluations).sum())
    middle = [np.median(values) for values in (evaluations, generations)]
    shown = [f"{value:,.0f}" if np.isfinite(value) else "-" for value in middle]
    spread = ", ".join(f"{e:,.0f}" if np.isfinite(e) else "-" for e in sorted(evaluations))
    return (
        f"| {label} | {reached}/{len(histories)} | {shown[0]} | {shown[1]} | {spread} | "
        f"{100 * np.median(best):.1f} % |"
    )


def main() -> None:
    """Run all that is missing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("optimum", type=float, metavar="OPTIMUM", help="fitness of the grid's best")
    parser.add_argument("config", nargs="?", type=Path, default=HERE / "config.yaml")
    parser.add_argument("--share", type=float, default=0.99, help="of the optimum to reach")
    parser.add_argument("--evaluations", type=int, default=8192, help="after which a run gives up")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each optimizer")
    parser.add_argument("--sets", type=int, default=64, help="of an individual, where there are")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--connectome", help="in place of the configuration's")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="optimizers, all if none")
    parser.add_argument("--runs", type=Path, default=Path("results/tvb_fcsc_compare"))
    args = parser.parse_args()
    print("| optimizer | reached | evaluations, median | generations | of each seed | best |")
    print("| --- | --- | --- | --- | --- | --- |")
    for label, optimizer in contestants(args.evaluations, args.sets).items():
        if not args.only or label in args.only:
            seeds = range(1, args.seeds + 1)
            print(line(label, [ran(label, optimizer, s, args) for s in seeds], args), flush=True)


if __name__ == "__main__":
    main()
