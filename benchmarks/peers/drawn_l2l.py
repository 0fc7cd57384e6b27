"""l2l on evaluations that sleep for a drawn time."""

from __future__ import annotations

from typing import Any

import drawn

import l2l
from l2l import Optimizee, OptimizeeParameters, option


class SleeperParameters(OptimizeeParameters):
    """Parameters of :class:`Sleeper`."""

    mean: float = option(0.05, "mean of the run times", above=0, unit="s")
    workers: int = option(16, "number of workers", low=1)
    folder: str = option("", "folder for its log")


class Sleeper(Optimizee):
    """Sleeps as long as was drawn for its id."""

    Parameters = SleeperParameters
    space = l2l.ParameterSpace({"x": (-1.0, 1.0), "y": (-1.0, 1.0)})
    reusable = True

    def setup(self) -> None:
        """Wait for the other workers: their start is not what is measured here."""
        drawn.wait_for_all(f"{self.parameters.folder}/up", self.parameters.workers)

    def simulate(self, traj: Any) -> float:
        individual = traj.individual
        number = individual.generation * drawn.POPULATION + individual.ind_idx
        drawn.sleep(number, self.parameters.mean, f"{self.parameters.folder}/log")
        return -(individual.x**2) - individual.y**2


def main() -> None:
    args = drawn.arguments()
    parameters = {"mean": args.mean, "workers": args.workers, "folder": str(args.folder)}
    l2l.optimize(
        {"name": "drawn_l2l:Sleeper", **parameters},
        {"name": args.optimizer, "pop_size": drawn.POPULATION},
        evaluations=args.n,
        mode=args.mode,
        workers=args.workers,
        run=args.folder / "run",
        progress=False,
    )
    drawn.report(args.folder / "log", args)


if __name__ == "__main__":
    main()
