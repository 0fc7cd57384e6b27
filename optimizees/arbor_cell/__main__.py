"""Tools of cells: ``python -m l2l.optimizees.arbor_cell from-allen | respond | identify``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from l2l.errors import L2LError
from l2l.optimizees.arbor_cell.optimizee import KINDS, ArborCell, ArborCellParameters


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except L2LError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.arbor_cell", description="Tools of cells for Arbor."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    allen = commands.add_parser(
        "from-allen", help="print the description of a model of the Allen Cell Types Database"
    )
    allen.add_argument("fit", type=Path, help="the model's *_fit.json")
    allen.add_argument("morphology", type=Path, help="its SWC")
    allen.set_defaults(run=_from_allen)
    respond = commands.add_parser(
        "respond", help="write the responses of a cell with its true parameters"
    )
    _add_cell(respond)
    respond.add_argument(
        "--folder", type=Path, help="where to write them (the folder of the cell's file)"
    )
    respond.set_defaults(run=_respond)
    identify = commands.add_parser(
        "identify", help="print how well the responses determine each parameter, at the truth"
    )
    _add_cell(identify)
    identify.add_argument("--fitness", choices=KINDS, default="features", help="(features)")
    identify.set_defaults(run=_identify)
    return parser


def _add_cell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cell", nargs="?", help="the cell's file; of the cell that comes with l2l if left out"
    )


def _from_allen(options: argparse.Namespace) -> None:
    from l2l.optimizees.arbor_cell.allen import from_allen

    print(from_allen(options.fit, options.morphology), end="")


def _respond(options: argparse.Namespace) -> None:
    from l2l.optimizees.arbor_cell.description import read
    from l2l.optimizees.arbor_cell.respond import write_responses

    description = read(options.cell)
    for path in write_responses(description, options.folder or description.path.parent):
        print(path)


def _identify(options: argparse.Namespace) -> None:
    from l2l.optimizees.arbor_cell.identify import sensitivity

    cell = ArborCell(parameters=ArborCellParameters(cell=options.cell, fitness=options.fitness))
    print(sensitivity(cell))


if __name__ == "__main__":
    raise SystemExit(main())
