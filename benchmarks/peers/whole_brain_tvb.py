"""tvb-library as a peer of the whole-brain engine: its own Simulator, one set at a time.

No noise, and an average a millisecond is all that is kept, which is the least it can do.
"""

from __future__ import annotations

import importlib.metadata
import logging

import numpy as np
from whole_brain_task import arguments, measure, report

logging.disable(logging.WARNING)

from tvb.simulator import coupling, integrators, models, monitors, simulator  # noqa: E402
from tvb.simulator.lab import connectivity  # noqa: E402


def zerlaut(first_order: bool) -> models.Model:
    """Return the AdEx mean field at the external input of the TVB-AdEx studies."""
    kind = (
        models.ZerlautAdaptationFirstOrder if first_order else models.ZerlautAdaptationSecondOrder
    )
    return kind(
        external_input_ex_ex=np.array([0.315e-3]), external_input_in_ex=np.array([0.315e-3])
    )


#: Task: model, start of each state, factor of the coupling.
TASKS = {
    "adex2": (lambda: zerlaut(False), {"W_e": 100.0}, 0.3),
    "adex1": (lambda: zerlaut(True), {"W_e": 100.0}, 0.3),
    "g2do": (lambda: models.Generic2dOscillator(), {"V": 0.1}, 0.0042),
    "dmf": (lambda: models.ReducedWongWangExcInh(), {"S_e": 0.001, "S_i": 0.001}, 1.0),
    "mpr": (lambda: models.MontbrioPazoRoxin(), {"r": 0.1, "V": -2.0}, 0.5),
}


def main() -> None:
    args = arguments()
    make, start, factor = TASKS[args.task]
    n = len(args.weights)
    connectome = connectivity.Connectivity(
        weights=args.weights,
        tract_lengths=args.lengths,
        region_labels=np.array([str(i) for i in range(n)]),
        centres=np.zeros((n, 3)),
        speed=np.array([args.speed]),
    )
    connectome.configure()
    integrator = (
        integrators.HeunDeterministic if args.task == "mpr" else integrators.EulerDeterministic
    )
    simulation = simulator.Simulator(
        model=make(),
        connectivity=connectome,
        coupling=coupling.Linear(a=np.array([factor])),
        integrator=integrator(dt=args.dt),
        monitors=(monitors.TemporalAverage(period=1.0),),
        simulation_length=args.ms,
    )
    model = simulation.model
    values = np.array([start.get(name, 0.0) for name in model.state_variables])
    horizon = int(np.rint(args.lengths / args.speed / args.dt).max()) + 1
    history = np.broadcast_to(values[None, :, None, None], (horizon, len(values), n, 1))

    simulation.initial_conditions = history.copy()
    simulation.configure()

    def run() -> None:  # each call goes on where the last one ended
        ((_, series),) = simulation.run()
        if not np.isfinite(series).all():
            raise RuntimeError("tvb-library diverged")

    report(**measure(args, run), version=importlib.metadata.version("tvb-library"))


if __name__ == "__main__":
    main()
