"""Whole-brain models: l2l's engine beside tvb-library, tvboptim, cuBNM, vbi and brainmass.

Each simulates the same model on the same made-up connectome with the same step, in a Python of its
own, pinned to one core unless the row says otherwise. What counts is CPU time a parameter set and
simulated second; compiling is left out and has rows of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from common import Report, arguments_parser, fill, scratch
from whole_brain_contenders import PEERS, Runs
from whole_brain_jobs import JOBS, connectomes
from whole_brain_rows import Table, add_compiling, add_dmf, add_gpu, add_rest, add_small

PAGE = Path(__file__).resolve().parent.parent / "docs" / "whole-brain-speed.md"
TURNS = 3


def machine() -> str:
    """Return what all of it ran on, as a sentence."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line for line in lines if line.startswith("model name")), ": unknown")
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({name.partition(': ')[2]}), Python {platform.python_version()}."


def parse() -> argparse.Namespace:
    parser = arguments_parser(
        __doc__,
        install_peers="make the environments of the peers, and end",
        docs=f"write the table into {PAGE.name}",
    )
    for peer in PEERS:
        flag = f"--{peer.flag.replace('_', '-')}"
        parser.add_argument(flag, type=Path, metavar="PYTHON", help=f"that has {peer.package}")
    return parser.parse_args()


def main() -> int:
    args = parse()
    if args.install_peers:
        for peer in PEERS:
            if peer.python(args) is None:
                print(f"installing {peer.package}", flush=True)
                peer.install()
        return 0
    with scratch(args.dir) as folder:
        connectomes(folder)
        runs = Runs(args, folder, JOBS, 1 if args.quick else TURNS)
    table = Table(Report("Whole-brain models: CPU time a set and simulated second"), runs)
    add_small(table)
    add_dmf(table)
    add_rest(table)
    add_gpu(table)
    add_compiling(table)
    if args.docs:
        fill(PAGE, {"speed": f"{machine()}\n\n{table.report.table()}"})
    return table.report.end(args)


if __name__ == "__main__":
    sys.exit(main())
