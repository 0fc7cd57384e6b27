"""``l2l submit``: run an experiment as a job of Slurm."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.cli import run as run_command
from l2l.cli.common import SETTINGS, Commands, add_command, add_settings
from l2l.cli.job import add_job_options, job_options

if TYPE_CHECKING:
    from l2l.cluster.batch import Request

_EPILOG = """\
Checks the configuration whole, writes the batch script of the run beside its folder, and submits
it. When the wall-time is near, the run lets end what can end in time, writes everything, and the
job is requeued: it goes on by itself until the run has ended. So it does after a node has failed.

Takes the settings of `l2l run`. Options of the job have the names that sbatch gives them.

examples:
  l2l submit config.yaml --partition batch --nodes 4 --walltime 8:00:00 --executor slurm
  l2l submit config.yaml --account brain --cpus-per-task 32 --setup "module load nest"
  l2l submit config.yaml --executor mpi --nodes 4 --ntasks 129 --walltime 1-00:00:00
  l2l submit config.yaml --dry-run                       # prints the batch script
  l2l submit --resume results/mountain_car --walltime 2:00:00
  l2l submit --jube sweep.yaml                           # a study over whole experiments
"""

#: Settings of `l2l run` alone: their flag, and where the parser puts it.
_RUN_ONLY = {
    "--set": "set", "--seed": "seed", "--mode": "mode", "--test-every": "test_every",
    "--from": "start", "--run": "run",
}  # fmt: skip


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "submit", submit, "run an experiment as a job of Slurm", _EPILOG)
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="the YAML file")
    run_command.add_choices(parser)
    add_settings(parser)
    group = parser.add_argument_group("its folder")
    group.add_argument("--run", metavar="DIR", help="folder of the run")
    there = group.add_mutually_exclusive_group()
    there.add_argument("--resume", metavar="RUN", help="go on with this run, in place of CONFIG")
    there.add_argument("--overwrite", action="store_true", help="rename a run that is there")
    there.add_argument("--next-free", action="store_true", help="take NAME-2 ... if it is there")
    group = add_job_options(parser)
    group.add_argument("--job-name", metavar="NAME", help="name of the job; the run's if none")
    group.add_argument(
        "--walltime", "--time-limit", metavar="T",
        help="sbatch's --time: 30 (minutes), 8:00:00, 1-12:00:00 or 12h",
    )  # fmt: skip
    group.add_argument(
        "--signal-margin", type=int, default=120, metavar="S",
        help="begin to stop so long before the wall-time ends, in s (120)",
    )  # fmt: skip
    group.add_argument("--dry-run", action="store_true", help="print the batch script only")
    parser.add_argument("--jube", metavar="SWEEP", help="submit a JUBE parameter study instead")
    parser.add_argument(
        "--wait", action="store_true", help="with --jube: wait for its end, and print its table"
    )


def submit(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l.cluster import batch, slurm
    from l2l.errors import ConfigError

    if [args.config, args.resume, args.jube].count(None) != 2:
        raise ConfigError("expected one of CONFIG, --resume RUN and --jube SWEEP")
    if args.jube is not None:
        from l2l.cluster.sweep import submit_sweep

        return submit_sweep(args.jube, wait=args.wait)
    run, executor, command = _resumed(args) if args.resume is not None else _begun(args)
    text = batch.script(_request(args, run), command, run, mpi=executor == "mpi")
    if args.dry_run:
        print(text, end="")
        return 0
    if args.overwrite and run.exists():
        from l2l.execution import set_aside

        set_aside(run)
    run.parent.mkdir(parents=True, exist_ok=True)
    script = batch.path_of(run)
    job = slurm.submit(text)
    script.write_text(text)
    log = run.with_name(f"{run.name}.job-{job}.log")
    print(f"Submitted job {job}: {script}")
    print(f"  l2l status {run}      how it goes, once it has begun")
    print(f"  tail -f {log}")
    print(f"  squeue -j {job}; scancel {job}")
    return 0


def _begun(args: argparse.Namespace) -> tuple[Path, str, list[str]]:
    """Return folder, executor and command of a new run; raise ConfigError for what is wrong."""
    from l2l.errors import RunExists
    from l2l.execution import free_folder

    config = run_command.load_config(args)
    run = Path(config["run"]).absolute()
    if args.next_free:
        run = free_folder(run)
    elif not args.overwrite and run.is_dir() and any(run.iterdir()):
        raise RunExists(
            f"{run} exists already. Go on with `l2l submit --resume {run}`, move it out of the way "
            "with --overwrite, or choose another folder (--run, --next-free)"
        )
    words: list[str] = []
    for flag, name in _RUN_ONLY.items():
        value = str(run) if name == "run" else getattr(args, name)
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            words.append(f"{flag}={one}")
    config_file = str(Path(args.config).absolute())
    command = [*_l2l(), "run", config_file, *words, *_settings(args), "--resume"]
    return run, config["executor"]["name"], command


def _resumed(args: argparse.Namespace) -> tuple[Path, str, list[str]]:
    """Return folder, executor and command of a run that goes on."""
    from l2l.errors import ConfigError
    from l2l.store.reader import Records

    if given := [f for f, name in _RUN_ONLY.items() if getattr(args, name) not in (None, [])]:
        raise ConfigError(f"a run that goes on keeps its settings: {', '.join(given)} can't change")
    run = Path(args.resume).absolute()
    executor = args.executor or Records(run).config["executor"]["name"]
    return run, executor, [*_l2l(), "resume", str(run), *_settings(args)]


def _settings(args: argparse.Namespace) -> list[str]:
    return [f"--{f}={getattr(args, f)}" for f in SETTINGS if getattr(args, f) is not None]


def _l2l() -> list[str]:
    return [sys.executable, "-P", "-m", "l2l"]


def _request(args: argparse.Namespace, run: Path) -> Request:
    from l2l.cluster.batch import Request

    options = {"job-name": args.job_name or f"l2l-{run.name}", **job_options(args)}
    return Request(options, args.walltime, args.signal_margin, args.setup, args.extra)
