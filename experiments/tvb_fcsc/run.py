"""Fit speed and coupling of a whole-brain model: python experiments/tvb_fcsc/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.whole_brain.optimizee import WholeBrain
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizers.gradientdescent import GradientDescentOptimizer, RMSPropParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="tvb_fcsc_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = WholeBrainParameters(
        model="generic2d",
        connectome="synthetic:76",
        scale_weights="mean",
        parameters={"G": [0.0, 16.0], "speed": [1.0, 20.0]},
        duration=400.0,  # ms
        transient=0.0,  # as in the paper: from the initial state on
        seed=1,  # the same initial state for all sets
    )
    optimizee = WholeBrain(traj, optimizee_parameters)

    # As upstream's: 256 sets around one point, which RMSProp moves. G first, then speed.
    optimizer_parameters = RMSPropParameters(
        learning_rate=[0.8, 0.95],
        exploration_step_size=[0.8, 0.95],
        n_random_steps=255,
        momentum_decay=0.5,
        n_iteration=30,
        stop_criterion=float("inf"),
        seed=1,
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
