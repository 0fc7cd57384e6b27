"""``l2l list``: what can be run, with all parameters and defaults."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from l2l.cli.common import Commands, add_command

if TYPE_CHECKING:
    from l2l.catalogue import Entry, Field

_KINDS = ("optimizers", "optimizees", "executors")

_EPILOG = """\
Other packages add their own through the entry points l2l.optimizers, l2l.optimizees and
l2l.executors; one that can't be loaded is listed with the reason.

examples:
  l2l list
  l2l list optimizers
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "list", run, "list optimizers, optimizees and executors", _EPILOG
    )
    parser.add_argument("kind", nargs="?", choices=_KINDS, metavar="KIND", help=", ".join(_KINDS))


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import shutil

    from l2l import registry
    from l2l.catalogue import describe

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
    for kind in registry.KINDS:
        if args.kind not in (None, kind):
            continue
        print(kind)
        for entry in describe(kind):
            print("\n".join(_lines(entry, width)))
        print()
    if not registry.installed():
        print(
            "l2l is not installed, so its own are missing: pip install -e . in the clone",
            file=sys.stderr,
        )
        return 1
    return 0


def _lines(entry: Entry, width: int) -> list[str]:
    """Return an entry as lines of at most ``width`` columns."""
    origin = "" if entry.package == "l2l" else f" [{entry.package}]"
    if entry.error:
        return [f"  {entry.name}{origin}  can't be loaded ({entry.reference}): {entry.error}"]
    texts = [_assignment(field) for field in entry.fields]
    column = max(map(len, texts), default=0)
    lines = [f"  {entry.name}{origin}  {entry.summary}"]
    for text, field in zip(texts, entry.fields, strict=True):
        unit = f" [{field.unit}]" if field.unit else ""
        lines += _wrapped(f"      {text:{column}}  ", f"{field.doc}{unit}", width)
    return lines


def _wrapped(head: str, text: str, width: int) -> list[str]:
    import textwrap

    room = max(width - len(head), 30)
    parts = textwrap.wrap(text, room) or [""]
    return [(head + parts[0]).rstrip(), *(" " * len(head) + part for part in parts[1:])]


def _assignment(field: Field) -> str:
    from l2l.catalogue import REQUIRED

    return field.name if field.default is REQUIRED else f"{field.name}: {_yaml(field.default)}"


def _yaml(value: Any) -> str:
    """Return a default as a configuration would give it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    return f"{value}"
