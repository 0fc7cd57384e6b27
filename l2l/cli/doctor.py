"""``l2l doctor``: check the files of a run, or the site that runs are to use."""

from __future__ import annotations

import argparse
import os

from l2l.cli.common import Commands, add_command, duration
from l2l.cli.job import add_job_options, job_options
from l2l.errors import ConfigError

_EPILOG = """\
Checks every frame of the journal and every checksum of the history, and says what is intact. Reads
only. Exits with code 0 if all is intact, else 1.

With --replay the optimizer is also asked and told again, in the recorded order: does it ask for the
same points?

With --executor slurm it checks a site before a night is spent there: commands, partitions, limits,
and what a first short job reports from a node: Python, simulators, CPUs, memory, GPUs, whether it
sees this folder and reaches this machine. Exits with code 1 if there is a problem.

examples:
  l2l doctor results/mountain_car
  l2l doctor results/mountain_car --replay
  l2l doctor --executor slurm --partition gpu --gres gpu:1 --setup "module load Python"
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "doctor", run, "check the files of a run, or a site", _EPILOG)
    parser.add_argument("run", metavar="RUN", nargs="?", help="folder of the run")
    parser.add_argument(
        "--replay", action="store_true", help="ask and tell the optimizer again, and compare"
    )
    parser.add_argument("--executor", choices=("slurm",), help="check the site, not a run")
    parser.add_argument("--folder", default=".", metavar="DIR", help="where runs are to lie (.)")
    parser.add_argument(
        "--patience",
        type=duration,
        default=300.0,
        metavar="T",
        help="longest wait for the job (5m)",
    )
    add_job_options(parser, leave_out=("ntasks", "dependency")).add_argument(
        "--walltime", default="5", metavar="T", help="of the job: 5 (minutes, the default), 0:10:00"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if (args.run is None) == (args.executor is None):
        raise ConfigError("expected the folder of a run, or --executor slurm")
    if args.executor is not None:
        return _site(args)
    from l2l.store.doctor import examine

    report = examine(args.run)
    print(report)
    exact = not args.replay or _replayed(args.run)
    return 0 if report.intact and exact else 1


def _replayed(run: str) -> bool:
    """Say whether the optimizer asks for the recorded points again."""
    from l2l.replays import replay

    found = replay(run)
    print(found)
    return found.exact


def _site(args: argparse.Namespace) -> int:
    """Print what is found of a site, as it is found."""
    from pathlib import Path

    from l2l.cluster import batch, site

    request = batch.Request(job_options(args), args.walltime, setup=args.setup, extra=args.extra)
    request.check(margin=False)
    counts = {"ok": 0, "warning": 0, "problem": 0}
    folder = Path(args.folder).absolute()
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ConfigError(f"expected a folder to write to, got {folder}. Make it, or give --folder")
    for finding in site.examine(request.words(), args.setup, folder, args.patience, args.partition):
        counts[finding.level] += 1
        print(f"{finding.level:8} {finding.what:16} {finding.found}", flush=True)
        if finding.advice:
            print(f"{'':25} -> {finding.advice}", flush=True)
    print(f"{counts['problem']} problems, {counts['warning']} warnings")
    return 1 if counts["problem"] else 0
