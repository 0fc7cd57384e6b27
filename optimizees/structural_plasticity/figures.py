"""Figures of a run: how networks grow before and after it, and where it searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import L2LError
from l2l.evaluation import Status
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l2l.optimizees.structural_plasticity.growth import Growth
    from l2l.optimizees.structural_plasticity.optimizee import StructuralPlasticity
    from l2l.trajectory import Entry, Trajectory

COLOURS = ("#1f5fa8", "#c23b22")
POPULATIONS = ("excitatory", "inhibitory")


def growth(history: Trajectory, optimizee: StructuralPlasticity) -> Figure:
    """Return calcium and connections over time, before and after a run.

    Left the first individual of the run, right its best one, both on the first held-out network:
    NEST grows it anew here, in some seconds.
    """
    from l2l.optimizees.structural_plasticity.network import grow

    figure = blank(9.0, 5.4)
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    network = optimizee.tasks.held_out(0)[0]
    for column, (name, entry) in enumerate(_ends(history).items()):
        egr, igr = (float(entry.individual[rate]) for rate in ("egr", "igr"))
        grown = grow(egr, igr, network, optimizee.parameters)
        _draw_growth(panels[:, column], grown, optimizee.targets)
        panels[0, column].set_title(f"{name}: egr {egr:.2g}, igr {igr:.2g} per ms", fontsize=10)
        panels[1, column].set_xlabel("time (s)")
    panels[0, 0].set_ylabel("calcium (Hz)")
    panels[1, 0].set_ylabel("connections")
    panels[1, 0].set_yscale("symlog", linthresh=10)  # from none to thousands
    panels[0, 1].legend(frameon=False, fontsize=9)
    return figure


def search(history: Trajectory, optimizee: StructuralPlasticity) -> Figure:
    """Return where a run has been: all growth rates it tried, in the colour of their fitness."""
    figure = blank(6.4, 4.8)
    axes = figure.subplots()
    ok = history.status == Status.OK
    points = axes.scatter(
        history["egr"][ok], history["igr"][ok], c=history.fitness[ok, 0], s=18, cmap="viridis"
    )
    figure.colorbar(points, label="fitness", ax=axes)
    failed = history["egr"][~ok], history["igr"][~ok]
    axes.scatter(*failed, color="0.5", marker="x", s=18, label="failed" if len(failed[0]) else None)
    for colour, (name, entry) in zip(("black", "#c23b22"), _ends(history).items(), strict=True):
        where = entry.individual["egr"], entry.individual["igr"]
        axes.scatter(*where, s=90, facecolors="none", edgecolors=colour, linewidths=1.5, label=name)
    p = optimizee.parameters
    limits = 0.8 * p.slowest, 1.25 * p.fastest
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    axes.set_xlabel("growth rate of excitatory elements, egr (1/ms)")
    axes.set_ylabel("growth rate of inhibitory elements, igr (1/ms)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def _ends(history: Trajectory) -> dict[str, Entry]:
    """Return the first individual that ended ok, and the best one."""
    good = history.id[history.status == Status.OK]
    if not len(good):
        raise L2LError(f"no evaluation of {history.path} has ended ok, so there is nothing to draw")
    return {"first individual": history.entry(int(good[0])), "best individual": history.best}


def _draw_growth(panels: Any, grown: Growth, targets: Any) -> None:
    """Draw into the panels of calcium and of connections."""
    seconds = np.concatenate(([0.0], grown.times)) / 1000
    for k, (name, colour) in enumerate(zip(POPULATIONS, COLOURS, strict=True)):
        panels[0].axhline(targets[k], color=colour, lw=4, alpha=0.25)
        panels[0].plot(seconds, np.append(0, grown.calcium[:, k]), color=colour, label=name)
        panels[1].plot(seconds, np.append(0, grown.connections[:, k]), color=colour, label=name)
    for axes in panels:
        axes.grid(alpha=0.25, lw=0.6)
        axes.margins(x=0.02)
        axes.spines[["top", "right"]].set_visible(False)
