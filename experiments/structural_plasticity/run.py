"""Structural plasticity with RMSProp, as a classic run script.

    python experiments/structural_plasticity/run.py

A classic script moves in the parameters' own units, here elements/ms: learning rate and exploration
step are as small as the growth rates. The YAML configurations move on a logarithmic scale.
"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.structural_plasticity import (
    StructuralPlasticity,
    StructuralPlasticityParameters,
)
from l2l.optimizers.gradientdescent import GradientDescentOptimizer, RMSPropParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="structural_plasticity_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = StructuralPlasticityParameters(slowest=1e-4, fastest=4e-3)
    optimizee = StructuralPlasticity(traj, optimizee_parameters)

    optimizer_parameters = RMSPropParameters(
        learning_rate=1.5e-4,
        exploration_step_size=1e-4,
        n_random_steps=4,
        momentum_decay=0.9,
        n_iteration=25,
        seed=1,
        patience=5,
    )
    optimizer = GradientDescentOptimizer(
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


if __name__ == "__main__":
    run_experiment()
