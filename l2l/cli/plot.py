"""``l2l plot``: the evolution of a run as a figure, and the figures of its optimizee."""

from __future__ import annotations

import argparse

from l2l.cli.common import Commands, add_command

_EPILOG = """\
Best, mean and spread of the fitness in each generation, one panel an objective; and, where the run
was begun with test_every, what the best and the recommended individual are worth on held-out tasks
(mean and spread over these). The ending of FILE says the format: .png, .pdf, .svg; animations are
.gif. Needs: pip install 'l2l[plot]'.

examples:
  l2l plot results/mountain_car
  l2l plot results/mountain_car --out figure.pdf
  l2l plot results/digits --metric accuracy          # in place of fitness
  l2l plot results/ants --figure colony              # one that the optimizee offers
  l2l plot results/ants --figure '?'                 # says which it offers
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "plot", plot, "draw the evolution of a run", _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--metric", metavar="NAME", help="draw a metric in place of the fitness")
    what.add_argument("--figure", metavar="NAME", help="draw a figure that the optimizee offers")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file to write; RUN/evolution.png, or RUN/NAME.png, if left out",
    )


def plot(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.figure is not None:
        from l2l.view.figures import plot_figure

        print(plot_figure(args.run, args.figure, args.out))
        return 0
    from l2l.view.plots import plot

    print(plot(args.run, args.out, metric=args.metric))
    return 0
