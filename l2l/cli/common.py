"""What several commands share: their parser, and the flags that change when a run ends."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from l2l.errors import ConfigError
from l2l.units import seconds

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: Flag -> section and name in the configuration that it stands for.
SETTINGS = {
    "generations": ("stop", "generations"),
    "evaluations": ("stop", "evaluations"),
    "target": ("stop", "target"),
    "time": ("stop", "time"),
    "patience": ("stop", "patience"),
    "executor": ("executor", "name"),
    "workers": ("executor", "workers"),
}


def add_command(
    commands: Commands,
    name: str,
    command: Callable[[argparse.Namespace], int],
    help: str,
    epilog: str,
    description: str = "",
) -> argparse.ArgumentParser:
    """Add a command; ``help`` is its line in the list of all, ``epilog`` shows examples."""
    parser = commands.add_parser(
        name,
        help=help,
        description=description or f"{help[0].upper()}{help[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of SETTINGS."""
    group = parser.add_argument_group("when it ends (the first that holds)")
    group.add_argument("--generations", type=int, metavar="N", help="after N generations in all")
    group.add_argument("--evaluations", type=int, metavar="N", help="after N evaluations in all")
    group.add_argument("--target", type=float, metavar="F", help="when the best fitness reaches F")
    group.add_argument(
        "--time", type=duration, metavar="T", help="after T of this start: s, 2h30m or HH:MM:SS"
    )
    group.add_argument(
        "--patience", type=int, metavar="N", help="when N generations have brought nothing better"
    )
    group = parser.add_argument_group("where it runs")
    group.add_argument("--workers", type=int, metavar="N", help="evaluations at the same time")
    group.add_argument("--executor", metavar="NAME", help="local, mpi, slurm, srun, jube or inline")


def settings(args: argparse.Namespace) -> dict[tuple[str, str], tuple[Any, str]]:
    """Return the flags of SETTINGS that were given: place -> value, and how it was given."""
    given = {flag: getattr(args, flag) for flag in SETTINGS}
    return {
        SETTINGS[flag]: (value, f"--{flag} {value:g}" if flag == "time" else f"--{flag} {value}")
        for flag, value in given.items()
        if value is not None
    }


def duration(text: str) -> float:
    """Return a duration in s, for argparse."""
    try:
        return seconds(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _ToStderr(logging.Handler):
    """Prints to whatever stderr is at the time, so that it goes above a live display."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"l2l: {self.format(record)}", file=sys.stderr)


def show_log() -> None:
    """Show what the outer loop logs on stderr, too."""
    logger = logging.getLogger("l2l")
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
        logger.addHandler(_ToStderr())
        logger.propagate = False
    logging.captureWarnings(True)
