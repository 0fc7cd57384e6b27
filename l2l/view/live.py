"""Live progress on a terminal, drawn by rich."""

from __future__ import annotations

import math
import sys

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from l2l.view import text
from l2l.view.progress import Counting


class LiveProgress(Counting):
    """A display that is redrawn four times a second by a thread of rich."""

    def __init__(self, console: Console, title: str = "", workers: int | None = None) -> None:
        super().__init__(title, workers)
        self._live = Live(
            console=console,
            get_renderable=self.draw,
            refresh_per_second=4,
            redirect_stderr=sys.stderr.isatty(),
        )

    def start(self, generations: int | None, evaluations: int | None, done: int) -> None:
        """Say how long the run will be, and how many evaluations are there already."""
        super().start(generations, evaluations, done)
        self._live.start(refresh=True)

    def stop(self, reason: str) -> None:
        """Say why the run ended."""
        self.close()
        self._live.console.print(f"ended after {text.clock(self.elapsed)}: {reason}")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live.is_started:
            self._live.stop()

    def draw(self) -> RenderableType:
        """Return the display as it stands now."""
        left = text.clock(self.left)
        bar = Table.grid(padding=(0, 2))
        total = self.total if math.isfinite(self.total) else None
        bar.add_row(
            Text(self.where(), style="bold"),
            ProgressBar(total=total, completed=self.done, width=30, pulse=total is None),
            f"{text.clock(self.elapsed)} elapsed" + (f", {left} left" if left != "-" else ""),
        )
        counts = [text.count(self.done, "evaluation"), text.per_second(self.rate)]
        if self.workers:
            counts.append(text.count(self.workers, "worker"))
        line = Text(", ".join(counts))
        if self.failed():
            line.append(f", {self.failed()}", style="red")
        return Group(Text(self.title, style="dim"), bar, Text(self.fitness(), style="green"), line)
