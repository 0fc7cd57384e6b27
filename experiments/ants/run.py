"""Evolve the ants' network with a run script: python experiments/ants/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.ants import Ants, AntsParameters
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="ants_script", runner_params={"max_workers": 2}, overwrite=True, test_every=10
    )

    optimizee_parameters = AntsParameters(size=41, ticks=400)
    optimizee = Ants(traj, optimizee_parameters)

    optimizer_parameters = GeneticAlgorithmParameters(
        seed=1,
        pop_size=50,
        cx_prob=0.7,
        mut_prob=0.7,
        n_iteration=60,
        ind_prob=0.006,
        tourn_size=8,
        mate_par=0.5,
        mut_par=2.0,  # in units of weight (mV) and of delay (ms)
        elitism=0,  # each generation has another world: old fitness does not compare
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


if __name__ == "__main__":
    run_experiment()
