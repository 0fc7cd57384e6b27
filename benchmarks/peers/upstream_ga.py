"""Upstream L2L (PyPI: L2LforHPC): its genetic algorithm, as its own scripts run it.

Each round of its workers takes two waits of 5 s, so only few individuals are run. Its workers
outlive it: whoever runs this ends its process group. What they write is not counted.
"""

import contextlib
import logging
import os
import sys

from l2l.utils.experiment import Experiment
from measure import Meter, arguments
from upstream_sphere import Sphere

from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters


def run(args) -> int:
    """Run one generation or more; return the number of evaluations."""
    experiment = Experiment(root_dir_path=str(args.folder))
    traj, _ = experiment.prepare_experiment(
        name="sphere",
        trajectory_name="sphere",
        runner_params={"srun": "", "exec": sys.executable, "max_workers": args.workers},
        overwrite=True,
    )
    optimizee = Sphere(traj)
    parameters = GeneticAlgorithmParameters(
        seed=1,
        pop_size=args.population,
        cx_prob=1.0,
        mut_prob=1.0,
        n_iteration=args.generations,
        ind_prob=0.5,
        tourn_size=2,
        mate_par=0.5,
        mut_par=0.3,
    )
    optimizer = GeneticAlgorithmOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-1.0,),
        optimizee_bounding_func=optimizee.bounding_func,
        parameters=parameters,
    )
    experiment.run_experiment(
        optimizer=optimizer, optimizee=optimizee, optimizer_parameters=parameters
    )
    return len(list(args.folder.glob("sphere/simulation/results/results_*.bin")))


def main() -> None:
    args = arguments()
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
    logging.disable(logging.WARNING)
    meter = Meter()
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        n = run(args)
    meter.stop()
    meter.report(n)


if __name__ == "__main__":
    main()
