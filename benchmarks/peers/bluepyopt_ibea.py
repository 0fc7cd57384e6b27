"""BluePyOpt: IBEA over a multiprocessing.Pool, a checkpoint each generation."""

import multiprocessing

import bluepyopt as bpop
from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere


class Sphere(bpop.evaluators.Evaluator):
    def __init__(self) -> None:
        super().__init__(
            objectives=[bpop.objectives.Objective("sphere")],
            params=[
                bpop.parameters.Parameter(f"x{i}", bounds=(LOW, HIGH)) for i in range(DIMENSIONS)
            ],
        )

    def init_simulator_and_evaluate_with_lists(self, values):
        return [sphere(values)]


def main() -> None:
    args = arguments()
    with multiprocessing.Pool(args.workers) as pool:
        optimisation = bpop.deapext.optimisations.IBEADEAPOptimisation(
            evaluator=Sphere(),
            offspring_size=args.population,
            map_function=pool.map,
            seed=1,
        )
        pool.map(sphere, [[0.0] * DIMENSIONS] * 8)
        meter = Meter()
        _, _, log, _ = optimisation.run(
            max_ngen=args.generations,
            cp_filename=str(args.folder / "checkpoint.pkl"),
            cp_frequency=1,
        )
        meter.stop()
        pool.close()
        pool.join()
    meter.report(sum(log.select("nevals")))


if __name__ == "__main__":
    main()
