"""What l2l's optimizers and their peers solve: COCO's bbob, with noise and with integers too.

Each run is one optimizer on one problem; all begin at the same points. ``bbob``: 24 functions, 51
targets 1e2 ... 1e-8, 1000 D evaluations, evaluation anywhere allowed, instances 11-15 (1-5 are for
tuning, see bbob.py). ``--install-peers`` makes the environments of the peers. Results are kept in
``optimizers.jsonl`` below ``--dir``: what is known is not run again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, fill, markdown
from contest import PEERS, ROOT, Contest, Entry, Found, Task, install_peers, ours
from peers.problems import FUNCTIONS, GROUPS, TARGETS

#: Least share of the targets that is to be solved with 1000 D evaluations.
AT_LEAST = {
    ("xnes", 10): 0.60, ("xnes", 40): 0.35,
    ("natural_evolution_strategies", 10): 0.33, ("natural_evolution_strategies", 40): 0.32,
    ("evolution_strategies", 10): 0.33, ("genetic_algorithm", 10): 0.30,
    ("cross_entropy", 10): 0.30, ("simulated_annealing", 10): 0.30,
    ("parallel_tempering", 10): 0.30,
}  # fmt: skip
REFERENCE = {
    "cma_es": "pycma IPOP", "xnes": "evosax xNES", "natural_evolution_strategies": "evosax SNES",
    "evolution_strategies": "evosax Open_ES", "genetic_algorithm": "DEAP eaSimple",
}  # fmt: skip
#: CMA-ES may be this much behind pycma.
BEHIND = -0.02
PAGE = ROOT / "docs" / "which-optimizer.md"
#: Nothing is better than this in a geometric mean.
FLOOR = 1e-8


class Plan:
    """Which problems are run.

    Attributes:
        quick: Whether there are few of them.
        per_d: Evaluations of bbob, times D.
        bbob: Tasks of each dimension.
        noise: Tasks with noise.
        integers: Tasks with integers.
    """

    def __init__(self, *, quick: bool, dimensions: Sequence[int] = (2, 10, 40)) -> None:
        functions = (1, 8, 15) if quick else range(1, 25)
        instances = (11,) if quick else range(11, 16)
        per_d = 100 if quick else 1000
        self.quick, self.per_d = quick, per_d
        self.bbob = {
            d: [task("bbob", f, i, d, per_d) for i in instances for f in functions]
            for d in dimensions
            if not (quick and d > 10)
        }
        eight = (1, 3) if quick else range(1, len(FUNCTIONS) + 1)
        seeds = (11,) if quick else range(11, 16)
        self.noise = [task("noise", f, i, 10, 100 if quick else 300) for i in seeds for f in eight]
        budget = min(per_d, 300)
        self.integers = [
            task("bbob-mixint", f, i, 10, budget) for i in instances for f in functions
        ]

    def of(self, entry: Entry) -> list[list[Task]]:
        """Return the tasks of a participant, in the pieces that make one process each."""
        lists = [tasks for d, tasks in self.bbob.items() if d in entry.dimensions]
        lists += [self.noise] if entry.noise else []
        lists += [self.integers] if entry.integers else []
        if self.quick:
            return [[t for tasks in lists for t in tasks]]
        pieces = []
        for tasks in lists:
            for instance in sorted({t["instance"] for t in tasks}):
                pieces.append([t for t in tasks if t["instance"] == instance])
        return pieces


def task(suite: str, function: int, instance: int, dimension: int, per_d: int) -> Task:
    return {
        "suite": suite, "function": function, "instance": instance, "dimension": dimension,
        "per_d": per_d,
    }  # fmt: skip


class Results:
    """What is known of a plan."""

    def __init__(self, contest: Contest, plan: Plan, entries: Sequence[Entry]) -> None:
        self.contest, self.plan, self.entries = contest, plan, entries

    def of(self, entry: Entry, tasks: Sequence[Task]) -> list[Found] | None:
        """Return what came of tasks, or None if that is not known of all of them."""
        found = [self.contest.found(entry, t) for t in tasks]
        return None if not found or None in found else [f for f in found if f is not None]

    def solved(self, entry: Entry, tasks: Sequence[Task], mark: int | None = None) -> Any:
        """Return the share of targets solved ``(n,)`` of each task, after ``mark`` D if given."""
        found = self.of(entry, tasks)
        if found is None:
            return None
        best = [f["best"] if mark is None else f["best_at"][str(mark)] for f in found]
        return np.array([np.mean(b <= TARGETS) for b in best])

    def recommended(self, entry: Entry) -> float | None:
        """Return the geometric mean of the true value at the recommended points, with noise."""
        found = self.of(entry, self.plan.noise)
        if found is None:
            return None
        values = [max(f["recommended"], FLOOR) for f in found]
        return float(np.exp(np.mean(np.log(values))))


# -- the report -----------------------------------------------------------------------------------


def rows(results: Results, report: Report, *, judged: bool) -> None:
    """Add all numbers; those of a quick run are not held against the targets."""
    by_name = {entry.name: entry for entry in results.entries}
    for d, tasks in results.plan.bbob.items():
        _add_difference(results, report, by_name, d, judged)
        for entry in results.entries:
            solved = results.solved(entry, tasks) if d in entry.dimensions else None
            if solved is None:
                continue
            name = REFERENCE.get(entry.name, "")
            other = results.solved(by_name[name], tasks) if name in by_name else None
            report.add(
                f"{entry.name}: solved at D{d}",
                float(solved.mean()),
                "",
                reference=name if other is not None else None,
                reference_value=None if other is None else float(other.mean()),
                at_least=AT_LEAST.get((entry.name, d)) if judged else None,
            )
    _add_noise(results, report, by_name, judged)
    for entry in results.entries:
        solved = results.solved(entry, results.plan.integers) if entry.integers else None
        if solved is not None:
            report.add(f"{entry.name}: solved at D10 with integers", float(solved.mean()), "")
    for name, why in results.contest.failed.items():
        report.missing(name, why)


def _add_difference(
    results: Results, report: Report, by_name: dict[str, Entry], d: int, judged: bool
) -> None:
    if not {"cma_es", "pycma IPOP"} <= set(by_name):
        return
    tasks = results.plan.bbob[d]
    mine, theirs = (results.solved(by_name[n], tasks) for n in ("cma_es", "pycma IPOP"))
    if mine is None or theirs is None:
        return
    difference = mine - theirs
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    report.add(
        f"cma_es: solved at D{d}, less pycma's",
        float(difference.mean()),
        "",
        reference=f"paired; s.e. {error:.3f}",
        at_least=BEHIND if judged else None,
    )


def _add_noise(results: Results, report: Report, by_name: dict[str, Entry], judged: bool) -> None:
    pycma = results.recommended(by_name["pycma IPOP"]) if "pycma IPOP" in by_name else None
    for entry in results.entries:
        value = results.recommended(entry) if entry.noise else None
        if value is not None:
            best = entry.name == "cma_es"
            report.add(
                f"{entry.name}: true f with noise",
                value,
                "",
                reference="pycma IPOP" if entry.ours and pycma else None,
                reference_value=pycma if entry.ours else None,
                ratio_at_most=1.0 if judged and best else None,
            )


# -- the tables of the documentation --------------------------------------------------------------


def tables(results: Results) -> dict[str, str]:
    """Return the tables of the page ``which-optimizer.md``, by name."""
    return {"solved": _by_budget(results), "groups": _by_group(results), "noise": _others(results)}


def _by_budget(results: Results) -> str:
    marks = [mark for mark in (10, 100, 1000) if mark <= results.plan.per_d]
    head = ["", *(f"D{d}: {mark} D" for d in results.plan.bbob for mark in marks)]
    lines = []
    for entry in results.entries:
        cells = []
        for d, tasks in results.plan.bbob.items():
            for mark in marks:
                solved = results.solved(entry, tasks, mark) if d in entry.dimensions else None
                cells.append("" if solved is None else f"{solved.mean():.2f}")
        if any(cells):
            lines.append([_shown(entry), *cells])
    at = list(results.plan.bbob).index(10) if 10 in results.plan.bbob else 0
    lines.sort(key=lambda line: line[(at + 1) * len(marks)], reverse=True)  # the whole budget
    return markdown(head, lines, range(1, len(head)))


def _by_group(results: Results) -> str:
    head = [f"D10, {results.plan.per_d} D", "all", *GROUPS]
    tasks = results.plan.bbob.get(10, [])
    functions = np.array([t["function"] for t in tasks])
    lines = []
    for entry in results.entries:
        solved = results.solved(entry, tasks) if 10 in entry.dimensions else None
        if solved is not None:
            parts = [solved[(functions >= a) & (functions <= b)] for a, b in GROUPS.values()]
            means = (f"{p.mean():.2f}" if len(p) else "" for p in (solved, *parts))
            lines.append([_shown(entry), *means])
    lines.sort(key=lambda line: line[1], reverse=True)
    return markdown(head, lines, range(1, len(head)))


def _others(results: Results) -> str:
    lines = []
    for entry in results.entries:
        value = results.recommended(entry) if entry.noise else None
        solved = results.solved(entry, results.plan.integers) if entry.integers else None
        if value is not None:
            share = "" if solved is None else f"{solved.mean():.2f}"
            lines.append((value, [_shown(entry), f"{value:.3g}", share]))
    head = ["D10", "true f with noise (lower is better)", "solved with integers"]
    return markdown(head, [line for _, line in sorted(lines)], (1, 2))


def _shown(entry: Entry) -> str:
    return f"**{entry.name}**" if entry.ours else entry.name


# -- the command ----------------------------------------------------------------------------------


def chosen(names: Sequence[str]) -> list[Entry]:
    """Return the participants with these names, or all; a part of a name is enough."""
    entries = [*ours(), *PEERS]
    if not names:
        return entries
    picked = [e for e in entries if any(n == e.name or n in e.name.split() for n in names)]
    unknown = [n for n in names if not any(n == e.name or n in e.name.split() for e in entries)]
    if unknown:
        sys.exit(f"no {', '.join(unknown)}; there are {', '.join(e.name for e in entries)}")
    return picked


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument("--dir", type=Path, default=Path("results"), help="folder of the results")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only this participant; may be given more than once")  # fmt: skip
    parser.add_argument("--dimension", type=int, action="append", metavar="D", choices=(2, 10, 40),
                        help="only this dimension; may be given more than once")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--fresh", action="store_true", help="use no earlier results")
    parser.add_argument("--docs", action="store_true", help=f"write the tables into {PAGE.name}")
    parser.add_argument("--install-peers", action="store_true",
                        help="make the environments of the peers, and end")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    args = arguments()
    entries = chosen(args.only)
    if args.install_peers:
        install_peers(entries)
        return 0
    plan = Plan(quick=args.quick, dimensions=args.dimension or (2, 10, 40))
    contest = Contest(args.dir / "optimizers.jsonl", fresh=args.fresh)
    work = [(entry, tasks) for entry in entries for tasks in plan.of(entry)]
    work.sort(key=lambda item: -item[1][0]["dimension"] * len(item[1]))  # the longest ones first
    contest.run(work, args.workers)
    results = Results(contest, plan, entries)
    report = Report(f"Share of 51 targets solved with {plan.per_d} D evaluations, and more")
    rows(results, report, judged=not args.quick)
    for name, table in tables(results).items():
        print(f"\n{name}\n{table}")
    if args.docs:
        fill(PAGE, tables(results))
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
