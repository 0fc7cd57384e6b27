"""Tune a learner with a run script: python experiments/learning_to_learn/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.learning_to_learn import LearningToLearn, LearningToLearnParameters
from l2l.optimizers.kalmanfilter import (
    EnsembleKalmanFilterOptimizer,
    EnsembleKalmanFilterParameters,
)


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="learning_to_learn_script",
        runner_params={"max_workers": 2},
        overwrite=True,
        test_every=10,
    )

    optimizee_parameters = LearningToLearnParameters(outer="initial_weights", tasks=20, steps=5)
    optimizee = LearningToLearn(traj, optimizee_parameters)

    optimizer_parameters = EnsembleKalmanFilterParameters(
        seed=1, pop_size=100, n_iteration=20, noise_std=0.1
    )
    optimizer = EnsembleKalmanFilterOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(1.0,),
        parameters=optimizer_parameters,
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
