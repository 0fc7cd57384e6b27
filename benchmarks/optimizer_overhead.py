"""What an optimizer costs: CPU time of ask and tell, and memory, the objective excluded.

Population 100, in 10, 1000 and 28,800 dimensions; the median over the generations. Memory is what
the process's resident size grows by at its peak; a population is 100 rows of float64. Each
participant is a process of its own, one after the other.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from common import Report, arguments, fill, markdown, number
from contest import PEERS, ROOT, Contest, Entry, Found, Task, install_peers, ours

POPULATION = 100
#: us per individual, by dimension.
VECTORISED = {10: 1.0, 1000: 20.0, 28_800: 450.0}
GENETIC = {10: 5.0, 28_800: 600.0}
FULL = {1000: 2500.0}
#: Full covariance: MB beyond it at d = 1000.
FULL_MEMORY = 100.0
#: What no method may allocate more of, in populations.
FEW = 6.0
#: An update of the ensemble Kalman filter, 98 members and 30 observations: ms and MB.
ENKF = (28_800, 98, 30, 25.0, 150.0)
PAGE = ROOT / "docs" / "which-optimizer.md"


def participants() -> list[tuple[Entry, tuple[int, ...], dict[int, float]]]:
    """Return who takes part, in which dimensions, and their targets."""
    entries: list[tuple[Entry, tuple[int, ...], dict[int, float]]] = []
    for entry in ours(("ensemble_kalman_filter", "grid_search")):  # see add_enkf
        if entry.name == "genetic_algorithm":
            entries.append((entry, (10, 1000, 28_800), GENETIC))
        elif entry.name == "cma_es":
            full = dataclasses.replace(entry, name="cma_es, full", options={"covariance": "full"})
            options = {"covariance": "separable"}
            separable = dataclasses.replace(entry, name="cma_es, separable", options=options)
            entries += [(full, (10, 1000), FULL), (separable, (10, 1000, 28_800), VECTORISED)]
        elif entry.name == "quasi_random":  # Sobol's numbers are known up to 21,201 dimensions
            entries.append((entry, (10, 1000), VECTORISED))
        elif entry.name == "xnes":
            entries.append((entry, (10, 1000), {}))
        else:
            entries.append((entry, (10, 1000, 28_800), VECTORISED))
    for entry in PEERS:
        options = {key: value for key, value in entry.options.items() if key != "x64"}
        full = entry.algorithm in ("cma", "xNES")
        name = f"{entry.name.removesuffix(' IPOP')}{', full' if entry.algorithm == 'cma' else ''}"
        plain = dataclasses.replace(entry, name=name, options=options)
        entries.append((plain, (10, 1000) if full else (10, 1000, 28_800), {}))
        if entry.algorithm == "cma":
            name = name.replace("full", "separable")
            separable = dataclasses.replace(plain, name=name, algorithm="sep")
            entries.append((separable, (10, 1000, 28_800), {}))
    return entries


def task(dimension: int, quick: bool, population: int = POPULATION) -> Task:
    return {
        "suite": "cost", "function": 0, "instance": 1, "dimension": dimension,
        "population": population, "generations": 10 if quick else 200,
        "seconds": 0.3 if quick else 2.0,
    }  # fmt: skip


def add(report: Report, entry: Entry, dimension: int, found: Found, targets: Any) -> None:
    """Add what one participant costs in one dimension."""
    where = f"{entry.name}, d = {dimension:,}"
    report.add(where, found["us_per_individual"], "us", at_most=targets.get(dimension))
    megabytes = found["memory"] / 1e6
    if targets is FULL:  # eigenvectors are not made in every generation: see the mean
        report.add(f"{where}: mean", found["mean_us"], "us", at_most=targets.get(dimension))
        beyond = megabytes - dimension**2 * 8 / 1e6
        most = FULL_MEMORY if dimension in FULL else None
        report.add(f"{where}: memory beyond the covariance", beyond, "MB", at_most=most)
    elif dimension == 28_800:
        populations = found["memory"] / (POPULATION * dimension * 8)
        most = FEW if entry.ours else None
        report.add(f"{where}: memory", populations, "populations", at_most=most)


def add_enkf(report: Report, contest: Contest, quick: bool) -> None:
    """Add an update of the ensemble Kalman filter."""
    dimension, members, observations, milliseconds, megabytes = ENKF
    options = {"observations": observations}
    entry = Entry("ensemble_kalman_filter", "solve_l2l.py", "ensemble_kalman_filter", options)
    asked = task(dimension, quick, members)
    contest.run([(entry, [asked])], 1)
    found = contest.found(entry, asked)
    if found is None:
        return
    where = f"ensemble_kalman_filter, {dimension:,} x {members}, {observations} observations"
    update = found["us_per_individual"] * members / 1e3
    report.add(f"{where}: an update", update, "ms", at_most=milliseconds)
    report.add(f"{where}: memory", found["memory"] / 1e6, "MB", at_most=megabytes)


def table(found: dict[tuple[str, int], Found]) -> str:
    """Return the costs as the documentation shows them."""
    names = dict.fromkeys(name for name, _ in found)
    lines = []
    for name in names:
        each = [found.get((name, d)) for d in VECTORISED]
        memory = each[-1]["memory"] / (POPULATION * 28_800 * 8) if each[-1] else None
        cells = ["" if f is None else number(f["mean_us"]) for f in each]
        mine = not any(name.startswith(p.name.removesuffix(" IPOP")) for p in PEERS)
        shown = f"**{name}**" if mine else name
        lines.append([shown, *cells, "" if memory is None else f"{memory:.1f}"])
    head = ["us an individual", *(f"d = {d:,}" for d in VECTORISED), "memory in populations"]
    return markdown(head, lines, range(1, 5))


def main() -> int:
    args = arguments(
        __doc__,
        docs=f"write the table into {PAGE.name}",
        install_peers="make the environments of the peers, and end",
    )
    if args.install_peers:
        install_peers(PEERS)
        return 0
    report = Report("CPU time of ask + tell per individual, population 100, and memory")
    contest = Contest(args.dir / "optimizer_overhead.jsonl", fresh=True)
    found: dict[tuple[str, int], Found] = {}
    for entry, dimensions, targets in participants():
        tasks = [task(d, args.quick) for d in dimensions if d <= 1000 or not args.quick]
        if entry.name == "cmaes, full" and args.quick:
            tasks = tasks[:1]  # 8 s a generation
        contest.run([(entry, tasks)] if args.quick else [(entry, [t]) for t in tasks], 1)
        for asked in tasks:
            came = contest.found(entry, asked)
            if came is not None:
                found[entry.name, asked["dimension"]] = came
                add(report, entry, asked["dimension"], came, targets)
    add_enkf(report, contest, args.quick)
    for name, why in contest.failed.items():
        report.missing(name, why)
    print(f"\n{table(found)}")
    if args.docs:
        fill(PAGE, {"cost": table(found)})
    return report.end(args)


if __name__ == "__main__":
    sys.exit(main())
