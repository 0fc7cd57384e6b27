"""``l2l resume``: go on with a run that was stopped, or extend one that has ended."""

from __future__ import annotations

import argparse
from typing import Any

from l2l.cli.common import Commands, add_command, add_settings, settings, show_log

_EPILOG = """\
Goes on exactly where the run stopped, whatever stopped it: no evaluation that was written is run
again, and the history becomes what it would have been without the stop. A run that was begun by a
script is continued by running the script's recorded command again.

examples:
  l2l resume results/mountain_car
  l2l resume results/mountain_car --generations 50     # extends a run that has ended
  l2l resume results/mountain_car --workers 4 --time 2h
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "resume", resume, "go on with a run, or extend it", _EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    add_settings(parser)
    parser.add_argument(
        "--force",
        action="store_true",
        help="go on although the optimizee or the script has changed, or the run is held by a "
        "process on another machine that can't be asked",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def resume(args: argparse.Namespace) -> int:
    """Run the command."""
    from l2l import api

    changes: dict[str, dict[str, Any]] = {}
    for (section, name), (value, _) in settings(args).items():
        changes.setdefault(section, {})[name] = value
    again = api.rerun(args.run, changes, force=args.force)
    if again is not None:
        return _run_again(*again)
    show_log()
    from l2l.view.progress import make_progress

    with make_progress(quiet=args.quiet, title=args.run) as progress:
        result = api.resume(args.run, changes=changes, force=args.force, progress=progress)
    if not args.quiet:
        from l2l.view.report import report

        report(result)
    return 0


def _run_again(command: list[str], folder: str, environment: dict[str, str]) -> int:
    """Become the script that began the run, in resume mode."""
    import os
    import shlex

    from l2l.errors import L2LError

    print(f"This run was begun by a script. Running it again, in {folder}:", flush=True)
    print(f"  {shlex.join(command)}", flush=True)
    try:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    except OSError as error:
        raise L2LError(
            f"the script can't be run again: {error.strerror} ({error.filename}). Run it by hand, "
            "with resume=True"
        ) from None
