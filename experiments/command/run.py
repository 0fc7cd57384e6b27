"""Fit the epidemic with a run script: python experiments/command/run.py"""

from pathlib import Path

from l2l.optimizers.crossentropy.distribution import NoisyGaussian
from l2l.utils.experiment import Experiment

from l2l.optimizees.command import Command, CommandParameters
from l2l.optimizers.crossentropy import CrossEntropyOptimizer, CrossEntropyParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="command_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = CommandParameters(
        template=str(Path(__file__).resolve().parent / "sir"),
        command="awk -f sir.awk params.json data.csv",
        parameters={
            "beta": {"low": 0.05, "high": 2.0},
            "gamma": {"low": 0.01, "high": 1.0},
            "infected": [1, 100],
        },
        inputs={"params.json": "json"},
        fitness={"json": "result.json", "key": "fit.error"},
    )
    optimizee = Command(traj, optimizee_parameters)

    # each parameter gets a spread of its own, which suits the different units
    optimizer_parameters = CrossEntropyParameters(
        pop_size=50,
        rho=0.3,
        smoothing=0.4,
        temp_decay=0,
        n_iteration=40,
        distribution=NoisyGaussian(noise_magnitude=0.1, noise_decay=0.95),
        stop_criterion=float("inf"),
        seed=1,
    )
    optimizer = CrossEntropyOptimizer(
        traj,
        optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(-1.0,),
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
