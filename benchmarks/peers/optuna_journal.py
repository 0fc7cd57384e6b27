"""Optuna: the journal in a file, RandomSampler, one process a worker."""

import multiprocessing

import optuna
from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial) -> float:
    return sphere([trial.suggest_float(f"x{i}", LOW, HIGH) for i in range(DIMENSIONS)])


def optimize(path: str, n: int, seed: int) -> None:
    storage = JournalStorage(JournalFileBackend(path))
    sampler = optuna.samplers.RandomSampler(seed=seed)
    optuna.load_study(study_name="sphere", storage=storage, sampler=sampler).optimize(
        objective, n_trials=n
    )


def main() -> None:
    args = arguments()
    path = str(args.folder / "journal.log")
    optuna.create_study(study_name="sphere", storage=JournalStorage(JournalFileBackend(path)))
    each = args.population * args.generations // args.workers
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=optimize, args=(path, each, seed)) for seed in range(args.workers)
    ]
    meter = Meter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    meter.stop()
    meter.report(each * args.workers)


if __name__ == "__main__":
    main()
