"""Search Wolf Sheep Predation with a run script: python experiments/netlogo/run.py [MODEL.nlogo]"""

import os
import sys
from pathlib import Path

from l2l.utils.experiment import Experiment

from l2l.optimizees.netlogo import NetLogo, NetLogoParameters
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters


def run_experiment(model):
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="netlogo_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = NetLogoParameters(
        model=model,
        parameters={
            "sheep-gain-from-food": [0.0, 50.0],
            "wolf-gain-from-food": [0.0, 100.0],
            "grass-regrowth-time": [1, 100],
        },
        constants={"model-version": "sheep-wolves-grass"},
        reporters={"wolves": "min (list count wolves count sheep)", "sheep": "count sheep"},
        steps=500,
        timeout=300,
    )
    optimizee = NetLogo(traj, optimizee_parameters)

    optimizer_parameters = GeneticAlgorithmParameters(
        seed=1,
        pop_size=24,
        cx_prob=0.7,
        mut_prob=0.7,
        n_iteration=20,
        ind_prob=0.5,
        tourn_size=4,
        mate_par=0.5,
        mut_par=5.0,
    )
    optimizer = GeneticAlgorithmOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(1.0,),
        parameters=optimizer_parameters,
        optimizee_bounding_func=optimizee.bounding_func,
    )

    experiment.run_experiment(
        optimizer=optimizer,
        optimizee=optimizee,
        optimizer_parameters=optimizer_parameters,
        optimizee_parameters=optimizee_parameters,
    )
    traj, _ = experiment.end_experiment(optimizer)


def in_the_library():
    """Return the model of NetLogo's models library."""
    home = os.environ.get("NETLOGO_HOME")
    found = sorted(Path(home).rglob("Wolf Sheep Predation.nlogo*")) if home else []
    if not found:
        sys.exit("give a model, or set NETLOGO_HOME to a NetLogo with its models library")
    return str(found[0])


if __name__ == "__main__":
    run_experiment(*(sys.argv[1:] or [in_the_library()]))
