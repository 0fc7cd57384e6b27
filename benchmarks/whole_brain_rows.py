"""The rows of ``whole_brain.py``: what was measured, beside its targets."""

from __future__ import annotations

from collections.abc import Sequence

from common import Report
from whole_brain_contenders import L2L, Runs
from whole_brain_jobs import DMF_BLOCKS, G2DO_BATCHES, SECONDS, SWEEP

A100 = 480.0  # s for 16,384 sets of 5 s, as the TVB-HPC paper says
#: Sets of 60 s in s, by its authors.
CUBNM_A100 = {sets: ("A100, cuBNM's paper", took) for sets, took in ((64, 2.09), (32_768, 339.0))}


class Table:
    """Fills the report from the runs; what could not be measured is named.

    Args:
        report: What is filled.
        runs: What was measured.
    """

    def __init__(self, report: Report, runs: Runs) -> None:
        self.report, self.runs = report, runs

    def there(self, what: str, *names: str) -> bool:
        """Return whether all of these were measured; if not, say so in the report."""
        failed = {self.runs.failed[name] for name in names if name in self.runs.failed}
        if failed:
            self.report.missing(what, "; ".join(sorted(failed)))
        return not failed

    def best(self, names: Sequence[str]) -> str | None:
        """Return the fastest of some jobs; None if none was measured."""
        there = [name for name in names if name in self.runs.found]
        return min(there, key=lambda name: float(self.runs.found[name]["ms"]), default=None)

    def times(self, what: str, ours: str, *theirs: str, at_least: float | None = None) -> None:
        """Add how many times faster l2l is than the fastest of some jobs of a peer."""
        best = self.best(theirs)
        if not self.there(what, ours, best or theirs[0]) or best is None:
            return
        mine, other = self.runs.found[ours]["ms"], self.runs.found[best]["ms"]
        reference = f"{self.runs.version(best)}, {other:,.4g} ms; l2l {mine:.3g} ms"
        self.report.add(what, other / mine, "x", reference=reference, at_least=at_least)

    def ms(self, what: str, name: str, at_most: float | None = None) -> None:
        """Add what a set and simulated second takes."""
        if self.there(what, name):
            self.report.add(what, self.runs.found[name]["ms"], "ms", at_most=at_most)


def add_small(table: Table) -> None:
    """Add AdEx and the generic oscillator, without noise."""
    adex, g2do = "AdEx, 68 regions, 3 m/s", "generic 2d oscillator, 76 regions, 3 m/s"
    table.times(f"{adex}, second order: times faster", "adex2", "adex2 tvb", at_least=500)
    table.times(
        f"{adex}, first order (same rates): times faster", "adex1", "adex2 tvb", at_least=900
    )
    table.times(f"{adex}, first order beside TVB's first", "adex1", "adex1 tvb")
    table.times(f"{g2do}: times faster", "g2do", "g2do tvb", at_least=100)
    table.times(f"{g2do}: times faster", "g2do", "g2do brainmass", at_least=20)
    batches = [f"g2do tvboptim {sets}" for sets in G2DO_BATCHES]
    table.times(f"{g2do}: times faster", "g2do", *batches, at_least=3)


def add_dmf(table: Table) -> None:
    """Add the dynamic mean field with BOLD and noise of its own in each set."""
    for dt, most in ((".1", 4.0), ("1", 0.6)):
        what = f"DMF with BOLD, 80 regions, 64 sets, dt {dt} ms"
        table.ms(what, f"dmf {dt}", most)
        table.times(f"{what}: times faster", f"dmf {dt}", f"dmf {dt} cubnm", at_least=12)
        blocks = [f"dmf {dt} tvboptim {steps}" for steps in DMF_BLOCKS]
        table.times(f"{what}: times faster", f"dmf {dt}", *blocks, at_least=3)
    table.ms("the same, one set alone, dt .1 ms", "dmf alone", 10)
    for peer in ("cubnm", "tvboptim"):
        table.times("one set alone: times faster", "dmf alone", f"dmf alone {peer}")
    what = "the same, 2 threads: wall time of 1 over that of 2"
    if table.there(what, "dmf .1", "dmf 2 threads"):
        found = table.runs.found
        both = found["dmf .1"]["wall_ms"] / found["dmf 2 threads"]["wall_ms"]
        table.report.add(what, both, "x", at_least=1.8)
    _add_large(table)


def _add_large(table: Table) -> None:
    for what, name, most in (
        ("DMF with BOLD, 1,000 regions, all linked, dt 1 ms, 10 min, 4 sets", "dmf 1000", 60.0),
        ("the same, one set alone", "dmf 1000 alone", None),
        ("one set, 10 % of the links", "dmf 1000 sparse", None),
    ):
        if table.there(what, name):
            cpu = table.runs.found[name]["ms"] * 600 / 1000
            table.report.add(what, cpu, "CPU s a set", at_most=most)
    what = "memory of a process with 1,000 regions"
    if table.there(what, "dmf 1000"):
        table.report.add(what, table.runs.found["dmf 1000"]["peak_mb"], "MB", at_most=200)
    what = "memory beyond imports and weights, 1,000 regions beside 500"
    if table.there(what, "dmf 1000 alone", "dmf 500"):
        grown = [table.runs.found[name]["grown_mb"] for name in ("dmf 1000 alone", "dmf 500")]
        table.report.add(what, grown[0], "MB", reference="500 regions", reference_value=grown[1])


def add_rest(table: Table) -> None:
    """Add Montbrio-Pazo-Roxin, many connectomes, and analysis."""
    table.ms("MPR with BOLD, 80 regions, dt .1 ms, Heun", "mpr", 10)
    for peer in ("tvb", "vbi", "vbi alone", "tvboptim"):
        table.times("MPR with BOLD: times faster", "mpr", f"mpr {peer}")
    found = table.runs.found
    what = "8 connectomes in one call, a set and second"
    if table.there(what, "one connectome", "8 connectomes"):
        one, eight = (found[name]["ms"] for name in ("one connectome", "8 connectomes"))
        table.report.add(
            what, eight, "ms", reference="one connectome", reference_value=one, ratio_at_most=1.2
        )
    what = "AdEx: simulate, analyse and store, 5 s a set"
    if table.there(what, "simulate", "simulate, analyse, store"):
        alone, all_ = (found[n]["ms"] * 5 for n in ("simulate", "simulate, analyse, store"))
        table.report.add(
            what, all_, "ms a set", reference="simulate", reference_value=alone, ratio_at_most=1.5
        )
        table.report.add("of that, analyse and store", all_ - alone, "ms a set", at_most=20)
    what = "use case 4, a generation: 4 x 1,024 sets x 4,000 steps, 2 cores"
    if table.there(what, "use case 4"):
        table.report.add(what, found["use case 4"]["wall_ms"] * 4096 * 0.4 / 1e3, "s", at_most=10)
    what = "the TVB-HPC paper's sweep on 2 cores, from a part of it"
    if table.there(what, "sweep"):
        seconds = found["sweep"]["wall_ms"] * SWEEP * SECONDS / 1e3
        reference = "one A100, as published"
        table.report.add(what, seconds, "s", reference=reference, reference_value=A100)


def add_gpu(table: Table) -> None:
    """Add what takes a GPU, in wall time; the peers' figures are those that were published."""
    for what, name, most, reference, seconds in (
        ("16,384 AdEx sets of 5 s", "sweep on a GPU", 10.0, "A100, TVB-HPC paper", A100),
        ("100,000 AdEx sets in one call, of 0.1 s", "resident on a GPU", None, None, None),
        ("32,768 DMF sets of 60 s, FC, FCD", "DMF on a GPU", 60.0, *CUBNM_A100[32_768]),
        ("64 DMF sets of 60 s, FC, FCD", "64 DMF on a GPU", 1.0, *CUBNM_A100[64]),
    ):
        what = f"GPU: {what}"
        if table.there(what, name):
            job, found = table.runs.jobs[name], table.runs.found[name]
            took = found["wall_ms"] * job.sets * job.ms / 1e6
            table.report.add(
                f"{what} ({found['device']})", took, "s",
                reference=reference, reference_value=seconds, at_most=most,
            )  # fmt: skip


def add_compiling(table: Table) -> None:
    """Add what the first call of each takes beyond the others."""
    for name, run in table.runs.found.items():
        if table.runs.jobs[name].contender is L2L:
            table.report.add(f"first call beyond the next, {name}", run["first_s"], "s")
