"""CPU time of what everybody waits for: ``import l2l`` and ``l2l --help``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from common import Report, arguments, cpu_seconds


def l2l_command() -> list[str]:
    """Return the installed ``l2l``, or what does the same."""
    beside = Path(sys.executable).with_name("l2l")
    found = str(beside) if beside.exists() else shutil.which("l2l")
    return [found] if found else [sys.executable, "-m", "l2l"]


def main() -> int:
    args = arguments(__doc__)
    repeats = 5 if args.quick else 15
    report = Report(f"Start-up: CPU time (user and system), medians of {repeats}")
    python = [sys.executable, "-c"]
    bare, _ = cpu_seconds([*python, "pass"], repeats)
    numpy, _ = cpu_seconds([*python, "import numpy"], repeats)
    for what, command, target in (
        ("import l2l", [*python, "import l2l"], 0.25),
        ("l2l --help", [*l2l_command(), "--help"], 0.35),
    ):
        cpu, wall = cpu_seconds(command, repeats)
        for reference, value in (("python -c pass", bare), ("import numpy", numpy)):
            report.add(what, cpu, "s", reference=reference, reference_value=value, at_most=target)
        report.add(f"{what}: wall time", wall, "s")
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
