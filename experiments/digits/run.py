"""Train the readout with a run script: python experiments/digits/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.digits import Digits, DigitsParameters
from l2l.optimizers.kalmanfilter import EnsembleKalmanFilter, EnsembleKalmanFilterParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="digits_script", runner_params={"max_workers": 1}, overwrite=True, test_every=10
    )

    optimizee_parameters = DigitsParameters(scale=0.1, images=20, test_batches=8)
    optimizee = Digits(traj, optimizee_parameters)

    optimizer_parameters = EnsembleKalmanFilterParameters(pop_size=98, n_iteration=20, seed=1)
    optimizer = EnsembleKalmanFilter(
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
