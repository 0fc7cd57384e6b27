"""libEnsemble: a (mu, lambda) evolution strategy that gets results as they come, local workers.

It ships no evolutionary algorithm; the one here is as small as can be. The history is saved every
100 evaluations.
"""

import logging

import numpy as np
from libensemble import Ensemble
from libensemble.alloc_funcs.start_only_persistent import only_persistent_gens
from libensemble.message_numbers import (
    EVAL_GEN_TAG,
    FINISHED_PERSISTENT_GEN_TAG,
    PERSIS_STOP,
    STOP_TAG,
)
from libensemble.specs import AllocSpecs, ExitCriteria, GenSpecs, LibeSpecs, SimSpecs
from libensemble.tools.persistent_support import PersistentSupport
from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere

logging.disable(logging.WARNING)


def simulate(h, _persis_info, _sim_specs, _libe_info):
    out = np.zeros(1, dtype=[("f", float)])
    out["f"] = sphere(h["x"][0].tolist())
    return out, {}


def generate(_h, _persis_info, gen_specs, libe_info):
    """Ask for as many new points as results came, each near one of the 32 best so far."""
    rng = np.random.default_rng(1)
    support = PersistentSupport(libe_info, EVAL_GEN_TAG)
    elite, scores = np.zeros((0, DIMENSIONS)), np.zeros(0)
    points = rng.uniform(LOW, HIGH, (gen_specs["user"]["population"], DIMENSIONS))
    while True:
        out = np.zeros(len(points), dtype=gen_specs["out"])
        out["x"] = points
        tag, _, came = support.send_recv(out)
        if tag in (STOP_TAG, PERSIS_STOP):
            return None, {}, FINISHED_PERSISTENT_GEN_TAG
        elite, scores = np.vstack([elite, came["x"]]), np.append(scores, came["f"])
        best = np.argsort(scores)[:32]
        elite, scores = elite[best], scores[best]
        parents = elite[rng.integers(len(elite), size=len(came))]
        points = np.clip(parents + 0.1 * rng.normal(size=parents.shape), LOW, HIGH)


def main() -> None:
    args = arguments()
    n = args.population * args.generations
    ensemble = Ensemble(
        parse_args=False,
        libE_specs=LibeSpecs(
            comms="local",
            nworkers=args.workers,
            gen_on_manager=True,
            save_every_k_sims=100,
            ensemble_dir_path=str(args.folder / "ensemble"),
            workflow_dir_path=str(args.folder),
            use_workflow_dir=True,
            disable_log_files=True,
        ),
        sim_specs=SimSpecs(sim_f=simulate, inputs=["x"], outputs=[("f", float)]),
        gen_specs=GenSpecs(
            gen_f=generate,
            persis_in=["x", "f"],
            outputs=[("x", float, (DIMENSIONS,))],
            user={"population": args.population},
        ),
        alloc_specs=AllocSpecs(alloc_f=only_persistent_gens, user={"async_return": True}),
        exit_criteria=ExitCriteria(sim_max=n),
    )
    ensemble.persis_info = {}
    meter = Meter()
    history, _, _ = ensemble.run()
    ended = np.sort(history["sim_ended_time"][history["sim_ended"]])
    meter.stop(float(ended[-1] - ended[0]))  # start and end of its processes are left out
    meter.report(len(ended))


if __name__ == "__main__":
    main()
