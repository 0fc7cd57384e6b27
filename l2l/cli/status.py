"""``l2l status``: how a run goes, while it runs or afterwards."""

from __future__ import annotations

import argparse

from l2l.cli.common import Commands, add_command

_EPILOG = """\
Reads only, and never disturbs the run. Exits with code 0 whatever the state of the run.

examples:
  l2l status results/mountain_car
  l2l status results/mountain_car --failed       # the first failures, with traceback and output
  l2l status results/mountain_car --failed 100
  l2l status results/mountain_car --json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "status", status, "show how a run goes, and what has failed", _EPILOG
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--failed",
        nargs="?",
        type=int,
        const=5,
        default=0,
        metavar="N",
        help="show N attempts that did not end ok (5 if N is left out)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def status(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l.view.status import as_json, read
    from l2l.view.statustext import as_text

    found = read(args.run, failed=max(args.failed, 0))
    print(as_json(found) if args.json else as_text(found))
    return 0
