"""``l2l doctor``: check the files of a run."""

from __future__ import annotations

import argparse

from l2l.cli.common import Commands, add_command

_EPILOG = """\
Checks every frame of the journal and every checksum of the history, and says what is intact. Reads
only. Exits with code 0 if all is intact, else 1.

example:
  l2l doctor results/mountain_car
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "doctor", run, "check the files of a run", _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of the run")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l.store.doctor import examine

    report = examine(args.run)
    print(report)
    return 0 if report.intact else 1
