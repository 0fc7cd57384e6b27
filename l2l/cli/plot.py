"""``l2l plot``: the evolution of a run as a figure."""

from __future__ import annotations

import argparse

from l2l.cli.common import Commands, add_command

_EPILOG = """\
Best, mean and spread of the fitness in each generation, one panel an objective. The ending of FILE
says the format: .png, .pdf, .svg. Needs: pip install 'l2l[plot]'.

examples:
  l2l plot results/mountain_car
  l2l plot results/mountain_car --out figure.pdf
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "plot", plot, "draw the evolution of a run", _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--out", metavar="FILE", help="file to write; RUN/evolution.png if left out"
    )


def plot(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l.view.plots import plot

    print(plot(args.run, args.out))
    return 0
