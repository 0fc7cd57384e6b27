"""Heat maps and scatter plots of a run over its parameters, whatever optimizer and optimizee.

In the manner of figures 3 to 6 and 8 of the TVB-HPC paper: any metric over two parameters, panels
in rows and columns for two more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.evaluation import Floats
from l2l.trajectory import Trajectory
from l2l.view.cells import numeric
from l2l.view.panels import Panel, Sheet
from l2l.view.plots import blank
from l2l.view.reduction import STATISTICS, reduced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

#: Most points of a scatter plot.
POINTS = 20_000
#: Up to so many values of an axis are all named.
FEW = 6

_IN_WORDS = {"std": "standard deviation", "count": "number"}


def heatmap(
    history: Trajectory,
    *,
    x: str | None = None,
    y: str | None = None,
    metric: str | Sequence[str] | None = None,
    rows: str | None = None,
    columns: str | None = None,
    where: dict[str, Any] | None = None,
    statistic: str = "mean",
    bins: int | None = None,
    limits: Sequence[float] | None = None,
) -> Figure:
    """Return heat maps of metrics over two parameters.

    A parameter on a grid has a cell a value, any other one has bins. A cell without an evaluation
    that ended ok is blank.

    Args:
        history: The run.
        x: Parameter (or metric) across; the first parameter that varies if None.
        y: Likewise upwards; the next one.
        metric: What is drawn, a name or several: metrics, ``fitness``, ``fitness[1]``; the fitness
            if None.
        rows: A parameter of which each value, or each of four ranges, has a row of panels.
        columns: Likewise for columns.
        where: Which evaluations: ``{"speed": 3.0}`` (the nearest value in the run) or
            ``{"speed": [1.0, 3.0]}`` (a range).
        statistic: What a cell shows where it has several evaluations: ``mean``, ``std``, ``min``,
            ``max``, ``best`` (of the one with the best fitness), or their ``count``.
        bins: Bins of each axis; 24, and none on a grid, if None.
        limits: The two ends of the colours; those of what is drawn if None.

    Raises:
        ConfigError: If the run has nothing of these names.
    """
    if statistic not in STATISTICS:
        raise ConfigError(f"statistic: no {statistic!r}; {nearest(str(statistic), STATISTICS)}")
    sheet = Sheet(history, x, y, metric, rows, columns, where, bins)
    maps = [[_map(sheet, panel, statistic) for panel in line] for line in sheet.panels]

    def show(axes: Axes, row: int, column: int, norm: Normalize) -> Any:
        numbers = maps[row][column]
        return axes.pcolormesh(sheet.x.edges, sheet.y.edges, numbers, norm=norm, rasterized=True)

    over = f"over {', '.join(sheet.over)}" if sheet.over else "of each bin" if sheet.binned else ""
    return _draw(
        sheet, maps, show, f"{_IN_WORDS.get(statistic, statistic)} {over}" if over else "", limits
    )


def scatter(
    history: Trajectory,
    *,
    x: str | None = None,
    y: str | None = None,
    metric: str | Sequence[str] | None = None,
    rows: str | None = None,
    columns: str | None = None,
    where: dict[str, Any] | None = None,
    limits: Sequence[float] | None = None,
) -> Figure:
    """Return scatter plots: a point an evaluation, coloured by metrics; see :func:`heatmap`.

    Of more than 20,000 evaluations so many are drawn, evenly chosen.
    """
    sheet = Sheet(history, x, y, metric, rows, columns, where, None)
    masks = [[np.flatnonzero(sheet.good(panel)) for panel in line] for line in sheet.panels]
    n = sum(len(rows) for line in masks for rows in line)
    masks = [[rows[:: -(-n // POINTS) or 1] for rows in line] for line in masks]
    x_values, y_values = sheet.cells.values(sheet.x.name), sheet.cells.values(sheet.y.name)
    colours = [
        [sheet.cells.values(panel.metric)[rows] for panel, rows in zip(*line, strict=True)]
        for line in zip(sheet.panels, masks, strict=True)
    ]

    def show(axes: Axes, row: int, column: int, norm: Normalize) -> Any:
        at = masks[row][column]
        return axes.scatter(
            x_values[at], y_values[at], c=colours[row][column], norm=norm, s=9, lw=0,
            rasterized=True,
        )  # fmt: skip

    drawn = sum(len(rows) for line in masks for rows in line)
    return _draw(sheet, colours, show, "" if drawn == n else f"{drawn:,} of them drawn", limits)


def _map(sheet: Sheet, panel: Panel, statistic: str) -> Floats:
    """Return the numbers of a panel ``(cells of y, cells of x)``; NaN where there is none."""
    rows = np.flatnonzero(sheet.good(panel))
    if statistic == "best":  # the best comes last, of equals the first
        rows = rows[np.lexsort((-rows, sheet.cells.history.score[rows]))]
    cells = sheet.y.cells[rows] * len(sheet.x) + sheet.x.cells[rows]
    values = sheet.cells.values(panel.metric)[rows]
    shape = len(sheet.y), len(sheet.x)
    return reduced(statistic, cells, values, math.prod(shape)).reshape(shape)


# -- drawing --------------------------------------------------------------------------------------


def _draw(
    sheet: Sheet,
    numbers: list[list[Floats]],
    show: Any,
    said: str,
    limits: Sequence[float] | None,
) -> Figure:
    """Draw all panels; those of one metric share their colours. ``said`` is for the title."""
    down, across = len(sheet.panels), max(map(len, sheet.panels))
    figure = blank(1.6 + 2.9 * across, 1.2 + 2.4 * down)
    all_axes = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    images: dict[str, Any] = {}
    for row, line in enumerate(sheet.panels):
        for column in range(len(line), across):
            all_axes[row, column].set_axis_off()
        for column, panel in enumerate(line):
            axes = all_axes[row, column]
            image = show(axes, row, column, _norm(sheet, numbers, panel.metric, limits))
            _dress(axes, sheet, (row, column))
            images.setdefault(panel.metric, (image, []))[1].append(axes)
    for metric, (image, beside) in images.items():
        label = None if beside[0].get_title() == metric else metric
        ends = "both" if limits else "neither"
        figure.colorbar(image, ax=beside, label=label, extend=ends)
    run = f"{sheet.cells.history.path.name} \N{MIDDLE DOT} {int(sheet.mask.sum()):,} evaluations"
    below = "; ".join(part for part in (", ".join(sheet.words), said) if part)
    figure.suptitle(f"{run}\n{below}" if below else run, fontsize=10)
    return figure


def _norm(
    sheet: Sheet, numbers: list[list[Floats]], metric: str, limits: Sequence[float] | None
) -> Normalize:
    """Return the scale of colours of a metric, the same in all its panels."""
    from matplotlib.colors import Normalize

    if limits is not None:
        if not isinstance(limits, (list, tuple)) or len(limits) != 2 or not numeric(limits):
            raise ConfigError(f"limits: expected two numbers, [low, high], got {limits!r}")
        return Normalize(*limits)
    of_it = [
        values[np.isfinite(values)]
        for line, row in zip(numbers, sheet.panels, strict=True)
        for values, panel in zip(line, row, strict=True)
        if panel.metric == metric
    ]
    all_of_it = np.concatenate(of_it)
    if not len(all_of_it):
        return Normalize(0.0, 1.0)
    return Normalize(float(all_of_it.min()), float(all_of_it.max()))


def _dress(axes: Axes, sheet: Sheet, place: tuple[int, int]) -> None:
    """Give a panel its scales and words."""
    row, column = place
    panel = sheet.panels[row][column]
    axes.set_facecolor("0.88")  # of cells without an evaluation that ended ok
    for which, axis in (("x", sheet.x), ("y", sheet.y)):
        if axis.log:
            axes.set(**{f"{which}scale": "log"})
        if not axis.binned and len(axis) <= FEW:
            axes.set(**{f"{which}ticks": axis.middles, f"{which}ticklabels": axis.ticks})
            axes.minorticks_off()
    axes.tick_params(labelsize=8)
    if row == 0 or panel.title != sheet.panels[0][column].title:
        axes.set_title(panel.title, fontsize=9)
    if row + 1 == len(sheet.panels) or column >= len(sheet.panels[row + 1]):
        axes.set_xlabel(sheet.x.label, fontsize=9)
        axes.tick_params(labelbottom=True)
    if column == 0:
        axes.set_ylabel(f"{panel.side}\n{sheet.y.label}".lstrip(), fontsize=9)
