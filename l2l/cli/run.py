"""``l2l run``: run the experiment that a configuration describes."""

from __future__ import annotations

import argparse
from typing import Any

from l2l.cli.common import Commands, add_command, add_settings, settings, show_log

_EPILOG = """\
The configuration is checked whole before anything starts. It looks like this:

  run: results/mountain_car           # folder of the run, from the current one
  seed: 1
  mode: generational                  # or async: a new individual as soon as a worker is free
  test_every: 10                      # judge by held-out tasks after every 10 generations
  weights: [1.0]                      # one an objective; -1 minimises
  optimizee: {name: mountain_car, episodes: 1}
  optimizer: {name: genetic_algorithm, pop_size: 32}
  executor:  {name: local, workers: 2, timeout: 10m, memory_limit: 4GiB, retries: 0}
  stop: {generations: 10}             # or evaluations, target, time, patience
  from: results/coarse                # begin with what an earlier run has learnt

A name comes from `l2l list`, or is package.module:Class or path/to/file.py:Class (the path starts
from the folder of the configuration). Times are in s or like 2h30m or 00:30:00, sizes in bytes or
like 4GiB. Where another optimizer, optimizee or executor is named on the command line, those
parameters in the file that it does not have are left out.

The first Ctrl-C or SIGTERM lets running evaluations end, writes everything and exits with code 75;
a second one exits at once. `l2l resume RUN` goes on in both cases.

examples:
  l2l run config.yaml
  l2l run config.yaml --set optimizer.pop_size=98 --set executor.timeout=1h --workers 8
  l2l run config.yaml --executor inline --evaluations 1    # to debug one evaluation
  l2l run config.yaml --run results/second --seed 2
  l2l run config.yaml --executor slurm                     # in salloc, or on a login node
  l2l run config.yaml --mode async --evaluations 10000     # nobody waits for the slowest
  l2l run config.yaml --run results/fine --from results/coarse --set optimizer=cma_es
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "run", run, "run an experiment from a YAML file", _EPILOG)
    parser.add_argument("config", metavar="CONFIG", help="the YAML file")
    add_choices(parser)
    add_settings(parser)
    group = parser.add_argument_group("its folder")
    group.add_argument("--run", metavar="DIR", help="folder of the run")
    there = group.add_mutually_exclusive_group()
    there.add_argument("--resume", action="store_true", help="go on if the folder holds the run")
    there.add_argument(
        "--overwrite", action="store_true", help="rename a run that is there to NAME.1"
    )
    there.add_argument(
        "--next-free", action="store_true", help="take the folder NAME-2, -3 ... if NAME is there"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the flags that only the first start of a run may choose."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="a value in place of the file's; may be given often",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of all randomness of the run")
    parser.add_argument(
        "--mode",
        choices=("generational", "async"),
        help="async: a new individual as soon as a worker is free, for the optimizers that can",
    )
    parser.add_argument(
        "--test-every",
        type=int,
        metavar="N",
        help="test on the optimizee's held-out tasks after every N generations",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="RUN",
        help="begin with the evaluations of an earlier run that has the same parameters",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from pathlib import Path

    from l2l import api
    from l2l.config import located
    from l2l.execution import free_folder

    config = load_config(args)
    if args.next_free:
        config["run"] = str(free_folder(Path(config["run"])))
    show_log()
    from l2l.view.progress import make_progress

    with (
        located(args.config, changes(args)),
        make_progress(
            quiet=args.quiet, title=_title(config), workers=_workers(config["executor"])
        ) as progress,
    ):
        result = api.run_config(
            config, resume=args.resume, overwrite=args.overwrite, progress=progress
        )
    if not args.quiet:
        from l2l.view.report import report

        report(result)
    return 0


def load_config(args: argparse.Namespace) -> dict[str, Any]:
    """Return the configuration that the flags describe, checked whole."""
    from l2l import config

    return config.load(args.config, changes(args))


def changes(args: argparse.Namespace) -> list[Any]:
    """Return what the flags put in place of what the file says."""
    from l2l.config.document import Override

    changes = [Override(keys, value, label) for keys, (value, label) in settings(args).items()]
    if args.seed is not None:
        changes.append(Override(("seed",), args.seed, f"--seed {args.seed}"))
    if args.mode is not None:
        changes.append(Override(("mode",), args.mode, f"--mode {args.mode}"))
    if args.test_every is not None:
        label = f"--test-every {args.test_every}"
        changes.append(Override(("test_every",), args.test_every, label))
    if args.start is not None:
        changes.append(Override(("from",), args.start, f"--from {args.start}"))
    if args.run is not None:
        changes.append(Override(("run",), args.run, f"--run {args.run}"))
    return [*args.set, *changes]


def _workers(executor: dict[str, Any]) -> int | None:
    """Return the number of workers; None for an executor that has no such setting."""
    from l2l.executors.base import available_cores

    return executor.get("workers", 0) or (available_cores() if "workers" in executor else None)


def _title(config: dict[str, Any]) -> str:
    return f"{config['name']} ({config['optimizer']['name']})"
