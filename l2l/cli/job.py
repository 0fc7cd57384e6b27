"""Flags of the commands that submit a job, in the words of sbatch."""

from __future__ import annotations

import argparse
from collections.abc import Collection

OPTIONS = {
    "partition": ("NAME", "partition (queue)"),
    "account": ("NAME", "account (project) that pays"),
    "qos": ("NAME", "quality of service"),
    "constraint": ("LIST", "features that nodes must have"),
    "gres": ("LIST", "generic resources of each node, such as gpu:4"),
    "nodes": ("N", "number of nodes"),
    "ntasks": ("N", "number of tasks; with the mpi executor: ranks"),
    "cpus-per-task": ("N", "CPUs of a task"),
    "mem": ("SIZE", "memory of each node, such as 64G"),
    "dependency": ("LIST", "jobs to wait for, such as afterok:1234"),
}


def add_job_options(
    parser: argparse.ArgumentParser, leave_out: Collection[str] = ()
) -> argparse._ArgumentGroup:
    """Add the flags, and return their group."""
    group = parser.add_argument_group("the job, in the words of sbatch")
    for name, (metavar, text) in OPTIONS.items():
        if name not in leave_out:
            short = ["-c"] if name == "cpus-per-task" else []
            group.add_argument(f"--{name}", *short, metavar=metavar, help=text)
    group.add_argument(
        "--setup", action="append", default=[], metavar="LINE",
        help="a line of shell before Python starts (module load ...); may be given often",
    )  # fmt: skip
    group.add_argument(
        "--extra", action="append", default=[], metavar="OPTION",
        help="a further option of sbatch (--extra=--exclusive); may be given often",
    )  # fmt: skip
    return group


def job_options(args: argparse.Namespace) -> dict[str, str]:
    """Return the options of sbatch that were given."""
    given = {name: getattr(args, name.replace("-", "_"), None) for name in OPTIONS}
    return {name: value for name, value in given.items() if value is not None}
