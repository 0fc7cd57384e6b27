"""Find conductances of a cell with a run script: python experiments/arbor_cell/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.arbor_cell import ArborCell, ArborCellParameters
from l2l.optimizers.kalmanfilter import (
    EnsembleKalmanFilterOptimizer,
    EnsembleKalmanFilterParameters,
)


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="arbor_cell_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = ArborCellParameters(fitness="features")
    optimizee = ArborCell(traj, optimizee_parameters)

    optimizer_parameters = EnsembleKalmanFilterParameters(
        pop_size=100, n_iteration=20, noise_std=0.2, seed=1
    )
    optimizer = EnsembleKalmanFilterOptimizer(
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
