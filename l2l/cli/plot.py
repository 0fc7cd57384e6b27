"""``l2l plot``: the evolution of a run as a figure, and the figures of its optimizee."""

from __future__ import annotations

import argparse
from typing import Any

from l2l.cli.common import Commands, add_command
from l2l.errors import ConfigError

_EPILOG = """\
Without --figure: best, mean and spread of the fitness in each generation, one panel an objective;
and, where the run was begun with test_every, what the best and the recommended individual are worth
on held-out tasks (mean and spread over these). Heat maps and scatter plots show any metric over any
parameters. The ending of FILE says the format: .png, .pdf, .svg; animations are .gif. Needs:
pip install 'l2l[plot]'.

examples:
  l2l plot results/mountain_car
  l2l plot results/mountain_car --out figure.pdf
  l2l plot results/digits --metric accuracy          # in place of fitness
  l2l plot results/ants --figure colony              # one that the optimizee offers
  l2l plot results/ants --figure '?'                 # says which there are
  l2l plot results/sweep --figure heatmap            # fitness over the first two parameters
  l2l plot results/sweep --figure heatmap --set x=g --set y=b_e --set metric=mean_fc
  l2l plot results/sweep --figure heatmap --set 'metric=[mean_fc,max_rate]' --set columns=speed \
      --set where.tau=400                            # rows: metrics, columns: values of speed
  l2l plot results/search --figure scatter --set metric=mean_fc
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "plot", plot, "draw the evolution of a run", _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--metric", metavar="NAME", help="draw a metric in place of the fitness")
    what.add_argument(
        "--figure", metavar="NAME", help="draw heatmap, scatter, or one of the optimizee's"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="an option of the figure"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file to write; RUN/evolution.png, or RUN/NAME.png, if left out",
    )


def plot(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.figure is not None:
        from l2l.view.figures import plot_figure

        print(plot_figure(args.run, args.figure, args.out, _options(args.set)))
        return 0
    if args.set:
        raise ConfigError(f"--set {args.set[0]} is an option of a figure: say --figure NAME, too")
    from l2l.view.plots import plot

    print(plot(args.run, args.out, metric=args.metric))
    return 0


def _options(texts: list[str]) -> dict[str, Any]:
    """Return the options of a figure: ``x=g``, ``metric=[a,b]``, ``where.speed=3``."""
    from l2l.config.document import parse_value

    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: expected NAME=VALUE, as in x=g or where.speed=3")
        name, dot, part = name.strip().partition(".")
        plain = parse_value(value, f"--set {text}")
        if dot:
            options.setdefault(name, {})[part] = plain
        else:
            options[name] = plain
    return options
