"""Evolve the network with a run script: python experiments/mountain_car/run.py"""

from l2l.utils.experiment import Experiment

from l2l.optimizees.mountain_car import MountainCar, MountainCarParameters
from l2l.optimizers.evolution import GeneticAlgorithmOptimizer, GeneticAlgorithmParameters


def run_experiment():
    experiment = Experiment(root_dir_path="results")
    traj, _ = experiment.prepare_experiment(
        name="mountain_car_script", runner_params={"max_workers": 2}, overwrite=True
    )

    optimizee_parameters = MountainCarParameters(episodes=1, steps=110)
    optimizee = MountainCar(traj, optimizee_parameters)

    optimizer_parameters = GeneticAlgorithmParameters(
        seed=1,
        pop_size=32,
        cx_prob=0.7,
        mut_prob=0.7,
        n_iteration=50,
        ind_prob=0.1,
        tourn_size=4,
        mate_par=0.5,
        mut_par=4.0,  # in units of weight: a tenth of the range
        elitism=0,  # an elite would keep the fitness of a lucky start
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
