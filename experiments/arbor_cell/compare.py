"""Compare runs: python experiments/arbor_cell/compare.py RUN... [--figures FOLDER]

Prints a line a run, and draws the figures of reproduce.md: responses of the best cells that mean
squares and that features have found (in the manner of figure 5 of the paper), and how near the
conductances of all runs are to the truth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import l2l
from l2l.optimizees.arbor_cell import ArborCell, ArborCellParameters
from l2l.optimizees.arbor_cell.figures import (
    BEST,
    NEAR,
    REFERENCE,
    draw_errors,
    draw_response,
    errors,
)
from l2l.view.plots import blank

COLORS = {"ensemble_kalman_filter": REFERENCE, "cma_es": BEST, "genetic_algorithm": "#2a9d3a"}
#: Columns of the figure of traces: the paper's optimizer by both fitnesses, and the best one.
COLUMNS = (
    ("mean_square", "genetic_algorithm"),
    ("features", "genetic_algorithm"),
    ("features", "ensemble_kalman_filter"),
)
#: Named as not identifiable by `python -m l2l.optimizees.arbor_cell identify`.
WEAK = ("soma_Im_gbar", "soma_Ca_LVA_gbar")


class Run:
    """What a run has found: its best individual, and the mean of its last generation.

    Attributes:
        best: ``(d,)`` errors of the best individual, in log10.
        mean: ``(d,)`` errors of the mean, of the logarithms, of the last generation.
    """

    def __init__(self, folder: str) -> None:
        self.history = l2l.load(folder)
        config = self.history.config
        self.kind = config["optimizee"].get("fitness", "features")
        self.optimizer = config["optimizer"]["name"]
        self.seed = config["seed"]
        self.cell = ArborCell(parameters=ArborCellParameters(fitness=self.kind))
        error = errors(self.cell, self.history.parameters)
        row = int(np.flatnonzero(self.history.id == self.history.best.id)[0])
        self.best = error[row]
        self.mean = error[self.history.generation == self.history.generation.max()].mean(axis=0)
        self.fitness = float(self.history.best.fitness[0])
        metrics = self.history.metrics
        self.mean_square = float(metrics["mean_square"][row])
        self.spikes = float(metrics["spike_difference"][row])

    @property
    def line(self) -> str:
        """A line of the table."""
        strong = [i for i, name in enumerate(self.cell.space.names) if name not in WEAK]
        counts = []
        for error in (self.best, self.mean):
            near = np.abs(error) <= NEAR
            counts.append(f"{near[strong].sum()}/{len(strong)}, {near.sum()}/{len(near)}")
        return (
            f"| {self.kind} | {self.optimizer} | {self.seed} | {len(self.history)} | "
            f"{self.fitness:.3g} | {self.mean_square:.3g} | {self.spikes:.2g} | "
            + " | ".join(counts)
            + " |"
        )


HEAD = """\
| fitness by | optimizer | seed | evaluations | fitness | mean square (mV^2) | spikes off | \
best: within 0.1 of those identifiable, of all | mean of the last generation: likewise |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def draw_traces(runs: list[Run]) -> object:
    """Draw responses of the best cell of each of :data:`COLUMNS`."""
    groups = [[r for r in runs if (r.kind, r.optimizer) == column] for column in COLUMNS]
    groups = [group for group in groups if group]
    figure = blank(3.4 * len(groups), 5.0)
    panels = figure.subplots(2, len(groups), squeeze=False, sharey="row", sharex=True)
    for column, group in enumerate(groups):
        best = max(group, key=lambda r: r.fitness)
        cell = best.cell
        voltage = cell.responses(cell.space.flatten([best.history.best.individual]))[0]
        for row, i in enumerate((2, 3)):
            axes = panels[row, column]
            draw_response(
                axes, cell.cell.times, voltage[i], cell.reference[i], cell.cell.stimuli[i]
            )
        panels[0, column].set_title(
            f"{best.optimizer.replace('_', ' ')}, by {best.kind.replace('_', ' ')}\n"
            f"{cell.cell.stimuli[2].name}, {1000 * cell.cell.stimuli[2].amplitude:g} pA",
            fontsize=9,
        )
    panels[0, 0].legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def draw_recovery(runs: list[Run]) -> object:
    """Draw the errors of the best individuals, a panel a kind of fitness."""
    kinds = [kind for kind in ("mean_square", "features") if any(r.kind == kind for r in runs)]
    figure = blank(9.0, 4.2)
    panels = figure.subplots(1, len(kinds), squeeze=False, sharex=True)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        for k, (optimizer, color) in enumerate(COLORS.items()):
            for run in runs:
                if (run.kind, run.optimizer) == (kind, optimizer):
                    names = run.cell.space.names
                    draw_errors(axes, names, run.best[None], color=color, shift=0.22 * (1 - k))
        axes.set_title(f"fitness by {kind.replace('_', ' ')}", fontsize=10)
    panels[-1].tick_params(labelleft=len(kinds) == 1)
    dots = {
        optimizer.replace("_", " "): axes.plot([], [], "o", color=color)[0]
        for optimizer, color in COLORS.items()
    }
    figure.legend(dots.values(), dots.keys(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def main() -> None:
    """Print the table and draw the figures."""
    parser = argparse.ArgumentParser(description="Compare runs of arbor_cell.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="where to put figures")
    options = parser.parse_args()
    runs = [Run(folder) for folder in options.runs]
    print(HEAD)
    for run in sorted(runs, key=lambda r: (r.kind, r.optimizer, r.seed)):
        print(run.line)
    if options.figures:
        draw_traces(runs).savefig(options.figures / "arbor_cell_traces.png", dpi=110)
        draw_recovery(runs).savefig(options.figures / "arbor_cell_recovery.png", dpi=110)


if __name__ == "__main__":
    main()
