"""libEnsemble on evaluations that sleep for a drawn time: results come back one by one."""

import logging

import drawn
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

logging.disable(logging.WARNING)


def simulate(h, _persis_info, sim_specs, libe_info):
    out = np.zeros(1, dtype=[("f", float)])
    drawn.sleep(int(libe_info["H_rows"][0]), sim_specs["user"]["mean"], sim_specs["user"]["log"])
    out["f"] = float(np.square(h["x"][0]).sum())
    return out, {}


def generate(_h, _persis_info, gen_specs, libe_info):
    """Ask for as many new points as results came, each near one of the 32 best so far."""
    rng = np.random.default_rng(1)
    support = PersistentSupport(libe_info, EVAL_GEN_TAG)
    elite, scores = np.zeros((0, 2)), np.zeros(0)
    points = rng.uniform(-1, 1, (drawn.POPULATION, 2))
    while True:
        out = np.zeros(len(points), dtype=gen_specs["out"])
        out["x"] = points
        tag, _, came = support.send_recv(out)
        if tag in (STOP_TAG, PERSIS_STOP):
            return None, {}, FINISHED_PERSISTENT_GEN_TAG
        elite, scores = np.vstack([elite, came["x"]]), np.append(scores, came["f"])
        best = np.argsort(scores)[: drawn.POPULATION]
        elite, scores = elite[best], scores[best]
        parents = elite[rng.integers(len(elite), size=len(came))]
        points = np.clip(parents + 0.1 * rng.normal(size=parents.shape), -1, 1)


def main() -> None:
    args = drawn.arguments()
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
        sim_specs=SimSpecs(
            sim_f=simulate,
            inputs=["x"],
            outputs=[("f", float)],
            user={"mean": args.mean, "log": str(args.folder / "log")},
        ),
        gen_specs=GenSpecs(
            gen_f=generate, persis_in=["x", "f"], outputs=[("x", float, (2,))], user={}
        ),
        alloc_specs=AllocSpecs(alloc_f=only_persistent_gens, user={"async_return": True}),
        exit_criteria=ExitCriteria(sim_max=args.n),
    )
    ensemble.persis_info = {}
    ensemble.run()
    drawn.report(args.folder / "log", args)


if __name__ == "__main__":
    main()
