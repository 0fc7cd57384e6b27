"""``l2l export``: the history of a run as one table."""

from __future__ import annotations

import argparse

from l2l.cli.common import Commands, add_command

_EPILOG = """\
A row an evaluation; a column a parameter, objective, metric and field of the record. csv and sqlite
need nothing more; parquet needs: pip install 'l2l[parquet]'.

examples:
  l2l export results/mountain_car --to csv
  l2l export results/mountain_car --to sqlite --out history.db
  l2l export results/mountain_car --to csv --tests
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "export", export, "write the history as csv, parquet or sqlite", _EPILOG
    )
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument("--to", required=True, choices=("csv", "parquet", "sqlite"), help="format")
    parser.add_argument(
        "--tests", action="store_true", help="the tests on held-out tasks, not the evaluations"
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file to write; in the run's folder if left out"
    )


def export(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l.store.export import export

    print(export(args.run, args.to, args.out, tests=args.tests))
    return 0
