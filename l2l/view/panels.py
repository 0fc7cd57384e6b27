"""Panels: what a figure of a run's parameter space shows, found and checked before it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError, nearest
from l2l.trajectory import Trajectory
from l2l.view.cells import Axis, Cells, fixed

#: Bins of an axis that lies on no grid, and of one that makes rows or columns of panels.
BINS, RANGES = 24, 4
#: Most panels of a figure.
PANELS = 100


@dataclass(frozen=True)
class Panel:
    """One panel: what is drawn, of which evaluations.

    Attributes:
        metric: What is drawn.
        mask: ``(n,)`` of which evaluations.
        title: Above it.
        side: Left of its row, in a line above the label of the axis.
    """

    metric: str
    mask: NDArray[np.bool_]
    title: str = ""
    side: str = ""


class Sheet:
    """All panels of a figure.

    Attributes:
        cells: Of the run.
        mask: ``(n,)`` which evaluations fulfil the conditions.
        words: The conditions in words.
        x: The axis across.
        y: The axis upwards.
        over: Parameters that vary and are none of the axes.
        binned: Whether an axis has bins.
        panels: Row by row.

    Args:
        history: The run.
        x: Quantity across; the first parameter that varies if None.
        y: Quantity upwards; the next one that varies.
        metric: What is drawn: one name, or a list.
        rows: A parameter of which each value has a row of panels.
        columns: Likewise for columns.
        where: Conditions, see :meth:`Cells.chosen`.
        bins: Bins of an axis that lies on no grid; given, also of one that does.
    """

    def __init__(
        self,
        history: Trajectory,
        x: str | None,
        y: str | None,
        metric: str | Sequence[str] | None,
        rows: str | None,
        columns: str | None,
        where: dict[str, Any] | None,
        bins: int | None,
    ) -> None:
        self.cells = cells = Cells(history)
        if bins is not None and (type(bins) is not int or bins < 1):
            raise ConfigError(f"bins: expected a whole number of at least 1, got {bins!r}")
        if not isinstance(where or {}, dict):
            raise ConfigError(f"where: expected where.NAME=VALUE, got {where!r}")
        self.mask, self.words = cells.chosen(where or {})
        self.metrics = [metric] if isinstance(metric, str) else list(metric or cells.results[:1])
        for name in self.metrics:
            if name not in cells.results:
                raise ConfigError(f"metric: no {name!r}; {nearest(str(name), cells.results)}")
        varying = [name for name in cells.varying if name not in fixed(where or {})]
        free = [name for name in varying if name not in (x, y, rows, columns)]
        self.x = self._axis("x", x, free, bins)
        self.y = self._axis("y", y, free, bins)
        self.rows = None if rows is None else cells.axis(rows, RANGES)
        self.columns = None if columns is None else cells.axis(columns, RANGES)
        shown = {a.name for a in (self.x, self.y, self.rows, self.columns) if a is not None}
        self.over = [name for name in varying if name not in shown]
        self.binned = self.x.binned or self.y.binned
        self.panels = self._panels()
        if (n := sum(map(len, self.panels))) > PANELS:
            raise ConfigError(
                f"that makes {n} panels, at most {PANELS} can be seen; choose rows and columns "
                "with fewer values, or one metric"
            )

    def _axis(self, which: str, name: str | None, free: list[str], bins: int | None) -> Axis:
        """Return one of the two axes; ``free`` are those that may be taken if no name is given."""
        if name is None:
            if not free:
                raise ConfigError(
                    f"{which}: no parameter is left that varies in this run; those that do: "
                    f"{', '.join(self.cells.varying) or 'none'}"
                )
            name = free.pop(0)
        return self.cells.axis(str(name), bins or BINS, always=bins is not None)

    def _panels(self) -> list[list[Panel]]:
        """Return the panels, row by row."""
        if self.rows is None and self.columns is None and len(self.metrics) > 1:
            across = math.ceil(math.sqrt(len(self.metrics)))
            panels = [Panel(name, self.mask, title=name) for name in self.metrics]
            return [panels[at : at + across] for at in range(0, len(panels), across)]
        found = []
        for metric in self.metrics:
            for row, below in _parts(self.rows, self.mask):
                found.append([Panel(metric, m, t, row) for t, m in _parts(self.columns, below)])
        return found

    def good(self, panel: Panel) -> NDArray[np.bool_]:
        """Return which evaluations ``(n,)`` a panel shows: those with finite numbers."""
        finite = np.isfinite(self.cells.values(panel.metric))
        for axis in (self.x, self.y):
            finite &= np.isfinite(self.cells.values(axis.name))
        good: NDArray[np.bool_] = panel.mask & self.cells.ok & finite
        return good


def _parts(axis: Axis | None, mask: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return for each cell of an axis what it is, and which evaluations are in it."""
    if axis is None:
        return [("", mask)]
    masks = [(f"{axis.name} = {t}", mask & (axis.cells == i)) for i, t in enumerate(axis.ticks)]
    return [part for part in masks if part[1].any()]
