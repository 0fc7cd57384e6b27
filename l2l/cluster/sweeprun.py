"""One experiment of a sweep: ``python -m l2l.cluster.sweeprun CWD CONFIG FOLDER NAME=VALUE ...``.

It runs ``l2l run`` with the values in place of those of the configuration, and leaves the numbers
for the sweep's table in the folder in which JUBE started it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

#: The file that ``jube result`` makes its table of.
NUMBERS = "l2l.txt"


def main(argv: Sequence[str]) -> int:
    """Run the experiment; return the exit code of ``l2l run``."""
    parser = argparse.ArgumentParser(prog="python -m l2l.cluster.sweeprun")
    parser.add_argument("cwd", type=Path)
    parser.add_argument("config")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpus", type=int)
    parser.add_argument("values", nargs="+")
    args = parser.parse_args(argv)
    numbers = Path.cwd() / NUMBERS
    os.chdir(args.cwd)
    run = args.folder / name_of(args.values)
    try:
        return _run(args.config, run, args.values, args.cpus)
    finally:
        write_numbers(run, numbers)


def _run(config: str, run: Path, values: Sequence[str], cpus: int | None) -> int:
    from l2l.cli import main as l2l

    command = ["run", config, "--run", str(run), "--resume"]
    for setting in settings(values):
        command += ["--set", setting]
    if cpus is not None:
        command += _workers(config, values, cpus)
    print("l2l", " ".join(command), flush=True)
    return l2l(command)


def _workers(config: str, values: Sequence[str], cpus: int) -> list[str]:
    """Return the flag for as many workers as the job has CPUs for, if nobody has said how many."""
    from l2l.config import load

    executor = load(config, settings(values))["executor"]
    if executor["name"] != "local" or executor["workers"] is not None:
        return []
    return ["--workers", str(max(1, cpus // int(executor["threads"])))]


def settings(values: Sequence[str]) -> list[str]:
    """Return values as ``--set`` takes them, a section's name beside values within the section."""
    return [re.sub(r"^(optimizer|optimizee|executor)=(?!\s*{)", r"\1.name=", v) for v in values]


def name_in(folder: Path) -> str:
    """Return what the folders of experiments look like, for people."""
    return f"{folder}/NAME=VALUE__..."


def name_of(values: Sequence[str]) -> str:
    """Return the name of an experiment's folder, another one for each combination of values."""
    whole = "__".join(values)
    name = re.sub(r"[^\w.=+-]+", "_", whole)[:150]
    if name == whole:
        return name
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def write_numbers(run: Path, file: Path) -> None:
    """Write the numbers of the table, as far as there are any."""
    from l2l.errors import L2LError
    from l2l.view import status

    try:
        found = status.read(run)
    except (L2LError, OSError) as error:
        lines = ["state: not begun", f"why: {str(error).splitlines()[0]}"]
    else:
        seconds = (found.ended or 0.0) - (found.began or 0.0)
        lines = [f"state: {found.state}", f"evaluations: {found.n}", f"seconds: {seconds:.2f}"]
        lines.append(f"why: {found.why.splitlines()[0] if found.why else ''}")
        if found.best is not None:
            lines.append(f"best: {float(found.best['fitness'][0])!r}")
    file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
