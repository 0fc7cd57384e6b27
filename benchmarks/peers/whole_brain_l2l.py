"""l2l's engine: every set has parameters and noise of its own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from whole_brain_task import arguments, measure, report

import l2l
from l2l.optimizees.whole_brain.batch import Batch
from l2l.optimizees.whole_brain.connectome import Connectome
from l2l.optimizees.whole_brain.models import load
from l2l.optimizees.whole_brain.observe import (
    Bold,
    Connectivity,
    Dynamics,
    Observer,
    Series,
)
from l2l.optimizees.whole_brain.optimizee import WholeBrain
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizees.whole_brain.simulation import Simulation

#: Task: model, range of the global coupling, start of states, other parameters.
TASKS: dict[str, tuple[str, tuple[float, float], dict[str, float], dict[str, float]]] = {
    "adex2": ("adex_second_order", (0.0, 0.5), {}, {}),
    "adex1": ("adex_first_order", (0.0, 0.5), {}, {}),
    "g2do": ("generic2d", (0.0, 0.02), {"V": 0.1, "W": 0.0}, {}),
    "use_case_4": ("generic2d", (0.0, 0.02), {"V": 0.1, "W": 0.0}, {}),
    "dmf": ("dmf", (0.5, 2.0), {}, {}),
    "mpr": ("montbrio", (0.1, 0.6), {"r": 0.1, "V": -2.0}, {"sigma_r": 0.01, "sigma_V": 0.01}),
}


def memory(key: str) -> float:
    """Return a number of /proc/self/status in MB: VmRSS or VmHWM, its largest value."""
    status = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in status if line.startswith(key)).split()[1]) / 1e3


def device() -> str:
    """Return the name of the GPU."""
    from numba import cuda

    return str(cuda.get_current_device().name)


def connectomes(args: argparse.Namespace) -> list[Connectome]:
    shape = (-1, *args.weights.shape[-2:])
    pairs = zip(args.weights.reshape(shape), args.lengths.reshape(shape), strict=True)
    return [Connectome(weights, lengths) for weights, lengths in pairs]


def observers(args: argparse.Namespace, model: str) -> list[Observer]:
    """Return what is kept: BOLD (or its FC and FCD), FC, or averages a millisecond."""
    if args.bold and args.fc:
        return [Bold([Connectivity(), Dynamics(window=30_000.0, hop=5000.0)], tr=1000.0)]
    if args.bold:
        return [Bold(tr=min(2000.0, args.ms))]
    if args.fc or args.task == "use_case_4":
        return [Connectivity()]
    return [Series("E", output="E"), Series("I", output="I")] if "adex" in model else [Series()]


def engine(args: argparse.Namespace) -> Callable[[], None]:
    """Return what simulates all sets once."""
    name, (low, high), initial, others = TASKS[args.task]
    model, subjects, sets = load(name), connectomes(args), args.sets
    simulation = Simulation(
        model,
        args.ms,
        dt=args.dt,
        integrator="heun" if args.task == "mpr" else "euler",
        stochastic=args.noise,
        threads=len(os.sched_getaffinity(0)),
        backend=args.backend,
    )
    speed: Any = args.speed
    if args.task in ("dmf", "mpr"):
        speed = np.inf
    elif args.task == "use_case_4":  # a grid of 32 speeds and 32 couplings for each individual
        speed = 1.0 + np.arange(sets) // 32 % 32 / 4
    batch = Batch(
        model,
        subjects,
        np.arange(1, sets + 1),
        {"G": np.linspace(low, high, sets), **others},
        speed=speed,
        subject=np.arange(sets) % len(subjects),
        initial=initial,
    )

    def run() -> None:
        outcome = simulation.run(batch, observers(args, name))
        if not outcome.ok.all():
            raise RuntimeError(f"{(~outcome.ok).sum()} of {sets} sets diverged")

    return run


def experiment(args: argparse.Namespace) -> Callable[[], None]:
    """Return what simulates all sets once, analyses them by all metrics and stores the run."""
    optimizee = WholeBrain(
        parameters=WholeBrainParameters(
            model="adex_second_order",
            parameters={"G": [0.0, 0.5]},
            connectome=str(args.connectome),
            scale_weights="none",
            speed=args.speed,
            duration=args.ms,
            transient=args.ms / 5,
            observe={"e": "E", "i": "I"},
            analysis={"fcd_window": args.ms / 5, "fcd_step": args.ms / 50},
            fitness="mean_FC_e",
            metrics="all",
            threads=1,
        )
    )

    def run() -> None:
        l2l.optimize(
            optimizee,
            {"name": "random_search", "pop_size": args.sets},
            generations=1,
            run=args.connectome.parent / "run",
            executor="inline",
            overwrite=True,
            progress=False,
        )

    return run


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--bold", action="store_true")
    parser.add_argument("--fc", action="store_true", help="FC; of BOLD with FCD")
    parser.add_argument("--backend", default="numba")
    args = arguments(parser)
    run = experiment(args) if args.task == "experiment" else engine(args)
    before = memory("VmRSS")
    found: dict[str, Any] = {**measure(args, run)}
    if args.backend == "numba-cuda":
        found["device"] = device()
    report(
        **found,
        version=l2l.__version__,
        peak_mb=memory("VmHWM"),
        grown_mb=memory("VmHWM") - before,
    )


if __name__ == "__main__":
    main()
