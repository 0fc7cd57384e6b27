"""Optuna on evaluations that sleep for a drawn time: NSGA-II, threads, its journal."""

import drawn
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)


def main() -> None:
    args = drawn.arguments()
    log = args.folder / "log"

    def objective(trial) -> float:
        x = [trial.suggest_float(name, -1.0, 1.0) for name in "xy"]
        drawn.sleep(trial.number, args.mean, log)
        return sum(value * value for value in x)

    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(args.folder / "journal.log"))),
        sampler=optuna.samplers.NSGAIISampler(population_size=drawn.POPULATION, seed=1),
    )
    study.optimize(objective, n_trials=args.n, n_jobs=args.workers)
    drawn.report(log, args)


if __name__ == "__main__":
    main()
