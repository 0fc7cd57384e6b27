"""An evolved colony in held-out worlds: ``python -m l2l.optimizees.ants RUN``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import L2LError
from l2l.optimizees.ants.brain import Brain
from l2l.optimizees.ants.colony import Harvest, brain_for, forage
from l2l.optimizees.ants.optimizee import Ants
from l2l.optimizees.ants.reference import RuleBrain
from l2l.optimizees.ants.rules import COUNTED
from l2l.optimizees.ants.worlds import World, Worlds
from l2l.optimizees.spiking import default_backend
from l2l.trajectory import Trajectory


def measure(
    individual: dict[str, Any], worlds: Sequence[World], backend: str | None = None
) -> Harvest:
    """Let copies of one colony forage, one in each world."""
    rows = [
        np.repeat(individual[name][None], len(worlds), axis=0) for name in ("weights", "delays")
    ]
    chosen = backend or default_backend()
    return forage(brain_for(chosen, rows[0], rows[1], len(worlds[0].heading)), worlds)


def fresh_worlds(family: Worlds, n: int) -> list[World]:
    """Return ``n`` held-out worlds that no test of a run has used, be it to choose a colony."""
    first = -(-family.n_test // family.n_tasks)
    parts = range(first, first + -(-n // family.n_tasks))
    return [world for part in parts for world in family.held_out(part)][:n]


def report(name: str, harvest: Harvest) -> str:
    """Return what a colony brought about, as a line of text."""
    means = dict(zip(COUNTED, harvest.counts.mean(axis=0), strict=True))
    r, home = harvest.returns, means.pop("home")
    counted = ", ".join(f"{what} {mean:.0f}" for what, mean in means.items())
    return (
        f"{name:<22} return {r.mean():8.0f} ({r.min():.0f}..{r.max():.0f}), "
        f"food home {home:5.1f}; {counted}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Load a run's best colony, let it forage in held-out worlds; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.ants",
        description="Judge the best colony of a run in held-out worlds that its tests did not use, "
        "beside ants that follow rules written by hand and ants that rest, and make a film.",
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--worlds", type=int, default=50, metavar="N", help="how many (50)")
    parser.add_argument(
        "--backend", choices=("numba", "numpy", "nest"), help="of the networks (numba, or numpy)"
    )
    parser.add_argument(
        "--gif", metavar="FILE", help="of the film (colony.gif in the run's folder)"
    )
    options = parser.parse_args(arguments)
    try:
        return _tell(options)
    except L2LError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _tell(options: argparse.Namespace) -> int:
    """Do what the command line asks for; print the report."""
    from l2l.optimizees.ants.figures import animation, best_colony, film_of
    from l2l.view.figures import optimizee_of

    history = Trajectory(options.run)
    optimizee: Ants = optimizee_of(history)
    individual = best_colony(history)
    worlds = fresh_worlds(optimizee.tasks, options.worlds)
    print(
        f"{len(worlds)} held-out worlds of {worlds[0].size} x {worlds[0].size} cells, in the mean"
    )
    print(report("the best colony", measure(individual, worlds, options.backend)))
    rules: dict[str, Brain] = {
        "rules, with pheromone": RuleBrain(),
        "rules, without": RuleBrain(False),
    }
    for name, brain in rules.items():
        print(report(name, forage(brain, worlds)))
    silent = {name: np.zeros_like(values) for name, values in individual.items()}
    silent["delays"] += 1
    print(report("a silent network", measure(silent, worlds)))
    target = Path(options.gif or Path(options.run) / "colony.gif")
    film = film_of(individual["weights"], individual["delays"], worlds[0])
    animation(film).save(target, writer="pillow", dpi=100)
    print(f"film of the first one: {target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
