"""The command ``l2l``: one file a command; each imports what it needs when it runs.

Nothing heavy may be imported here or at the top of a command's file, so that ``l2l --help`` and
mistyped commands answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from l2l.cli import doctor, export, listing, plot, resume, run, status, submit
from l2l.errors import L2LError, nearest

_EXAMPLES = """\
examples:
  l2l list                                      what can be run, with all parameters and defaults
  l2l run experiments/mountain_car/config.yaml  run an experiment
  l2l run config.yaml --set optimizer.pop_size=98 --workers 8
  l2l status results/mountain_car               how it goes; also while it runs
  l2l resume results/mountain_car --generations 50

exit codes:
  0    the run has ended as asked for
  1    an error, as described on stderr
  2    wrong usage or configuration; nothing has been started
  3    no evaluation of the first generation ended ok
  4    another process is writing to the run
  75   stopped by a signal; `l2l resume RUN` goes on
  130  stopped at once by a second signal; `l2l resume RUN` goes on

`l2l COMMAND --help` explains a command. L2L_DEBUG=1 shows tracebacks.
"""

_COMMANDS = (run, resume, submit, status, export, plot, listing, doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (that of the process if None); return the exit code."""
    args = build_parser().parse_args(argv)
    try:
        code: int = args.command(args)
        sys.stdout.flush()
        return code
    except L2LError as error:
        if os.environ.get("L2L_DEBUG"):
            raise
        print(f"l2l: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("l2l: stopped at once; nothing acknowledged is lost", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as by `l2l status | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="l2l",
        description="Learning to learn: evolve, fit and explore costly simulations.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says of a mistyped flag which one it was meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, rest = super().parse_known_args(args, namespace)
        if flag := next((word.partition("=")[0] for word in rest if word.startswith("--")), None):
            names = [name for name in self._option_string_actions if name.startswith("--")]
            self.exit(2, f"{self.prog}: there is no flag {flag}; {nearest(flag, names)}\n")
        return found, rest


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from l2l import __version__

        print(f"l2l {__version__}")
        parser.exit()
