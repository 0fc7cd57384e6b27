"""What all benchmarks share: arguments, a scratch folder, the report, and timing of commands."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Row:
    """One number of a report.

    Attributes:
        what: What was measured.
        value: The number; None where it could not be measured, and ``reference`` says why.
        unit: Its unit.
        reference: What it is compared with.
        reference_value: The number of that, in the same unit.
        ratio: Value over reference value.
        target: What is aimed at, as a text.
        ok: Whether that was reached; None where there is no target.
    """

    what: str
    value: float | None
    unit: str
    reference: str | None = None
    reference_value: float | None = None
    ratio: float | None = None
    target: str | None = None
    ok: bool | None = None


class Report:
    """The rows of one benchmark, printed as they come in the end and written as JSON."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[Row] = []

    def add(
        self,
        what: str,
        value: float,
        unit: str,
        *,
        reference: str | None = None,
        reference_value: float | None = None,
        at_most: float | None = None,
        at_least: float | None = None,
        ratio_at_most: float | None = None,
        less: bool = False,
    ) -> None:
        """Add a number.

        Args:
            what: What was measured.
            value: The number.
            unit: Its unit.
            reference: What it is compared with.
            reference_value: The number of that, in the same unit.
            at_most: Target for the value.
            at_least: Likewise, where more is better.
            ratio_at_most: Target for value over reference value.
            less: Whether the target is to be below the reference value.
        """
        ratio = value / reference_value if reference_value else None
        target, ok = None, None
        if at_most is not None:
            target, ok = f"<= {at_most:g} {unit}", value <= at_most
        elif at_least is not None:
            target, ok = f">= {at_least:g} {unit}", value >= at_least
        elif ratio_at_most is not None and ratio is not None:
            target, ok = f"<= {ratio_at_most:g} x", ratio <= ratio_at_most
        elif less and ratio is not None:
            target, ok = "< 1 x", ratio < 1
        self.rows.append(Row(what, value, unit, reference, reference_value, ratio, target, ok))

    def missing(self, what: str, why: str) -> None:
        """Add something that could not be measured, and why."""
        self.rows.append(Row(what, None, "", reference=why))

    def end(self, args: argparse.Namespace) -> int:
        """Print the table, write the JSON file if one is asked for, return the exit status."""
        print(f"\n{self.title}\n{self.table()}")
        if args.json:
            text = json.dumps([asdict(row) for row in self.rows], indent=1)
            args.json.write_text(text + "\n")
        missed = [
            f"{row.what} ({row.target}{f' of {row.reference}' if row.ratio else ''})"
            for row in self.rows
            if row.ok is False
        ]
        if missed:
            print(f"\n{len(missed)} targets missed: {'; '.join(missed)}")
        return 1 if missed else 0

    def table(self) -> str:
        """Return the rows as a table in Markdown, which is read as it is."""
        head = ("what", "value", "unit", "ratio", "reference", "", "target", "ok")
        return markdown(head, [_cells(row) for row in self.rows], right=(1, 3, 5))


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """Return a table in Markdown, with the columns ``right`` flush right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = [("-" * (w - 1) + ":") if i in right else "-" * w for i, w in enumerate(widths)]
    return "\n".join(
        "| "
        + " | ".join(
            cell.rjust(w) if i in right else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in (head, rule, *rows)
    )


def fill(path: Path, tables: Mapping[str, str]) -> None:
    """Replace what stands between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->`` in a file."""
    text = path.read_text()
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{path} has no lines {begin.strip()} and {end}")
        text = f"{before}{begin}\n{table}\n\n{end}{after}"
    path.write_text(text)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        "missing" if row.value is None else number(row.value),
        row.unit,
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        row.reference or "",
        "" if row.reference_value is None else number(row.reference_value),
        row.target or "",
        "" if row.ok is None else "yes" if row.ok else "NO",
    )


def number(value: float) -> str:
    """Return a number with three digits, or all of its whole part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def arguments(description: str | None, **extra: str) -> argparse.Namespace:
    """Return the command line's arguments; ``extra`` are further flags with their help."""
    return arguments_parser(description, **extra).parse_args()


def arguments_parser(description: str | None, **extra: str) -> argparse.ArgumentParser:
    """Return the parser of these arguments, for a benchmark that has others too."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument(
        "--dir", type=Path, default=Path("results"), help="folder on the disk that is measured"
    )
    for flag, text in extra.items():
        parser.add_argument(f"--{flag.replace('_', '-')}", action="store_true", help=text)
    return parser


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Yield an empty folder below ``parent``, and remove it in the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plain_environment() -> dict[str, str]:
    """Return an environment in which every Python uses its own packages, and one thread."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cpu_seconds(command: Sequence[str], repeats: int) -> tuple[float, float]:
    """Return median CPU time (user and system, children included) and wall time of a command.

    It is run once before that, to warm the file cache.
    """
    cpu, wall = [], []
    for _ in range(repeats + 1):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=plain_environment())
        wall.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(cpu[1:]), statistics.median(wall[1:])
