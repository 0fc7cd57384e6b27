"""Sweep coupling and adaptation with a run script: python experiments/tvb_adex/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.whole_brain.optimizee import WholeBrain
from l2l.optimizees.whole_brain.options import WholeBrainParameters
from l2l.optimizers.gridsearch import GridSearchOptimizer, GridSearchParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="tvb_adex_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = WholeBrainParameters(
        model="adex_first_order",
        preset="tvb_hpc",
        connectome="synthetic:68",
        scale_weights="columns",
        speed=3.0,  # m/s
        duration=5000.0,  # ms
        transient=1000.0,
        noise=True,
        fixed={
            "tau_w_e": 417.0,  # ms
            "a_e": 0.0,  # nS
            "ext_ee": 0.3e-3,  # kHz
            "ext_ie": 0.3e-3,
            "weight_noise": 1e-4,
        },
        parameters={"G": [0.1, 0.9], "b_e": [0.0, 120.0]},
        observe={"e": "E", "i": "I"},
        fitness="mean_FR_e",
        metrics=["mean_FR", "std_FR", "mean_FC", "delta_rel_p"],
        batch=16,
    )
    optimizee = WholeBrain(traj, optimizee_parameters)

    optimizer_parameters = GridSearchParameters(
        param_grid={"G": (0.1, 0.9, 8), "b_e": (0.0, 120.0, 10)}, batch=99
    )
    optimizer = GridSearchOptimizer(
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
