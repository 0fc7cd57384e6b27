"""The table of BehaviorSpace (``--table``): a few lines about the model, then CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l2l.errors import SimulationFailed, nearest
from l2l.optimizees.command.extraction import number
from l2l.optimizees.command.readers import Outputs
from l2l.optimizees.command.tables import rows_of

FILE = "table.csv"  #: its name in the working folder
_RUN, _STEP = "[run number]", "[step]"


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns, and its rows by run, in order of their steps."""

    names: Sequence[str]
    runs: Sequence[Sequence[Sequence[str]]]

    @classmethod
    def parse(cls, text: str) -> Table:
        """Return the table in a text; raise SimulationFailed if it is none."""
        rows = rows_of(text, ",")
        start = next((i for i, row in enumerate(rows) if row and row[0] == _RUN), None)
        if start is None or _STEP not in rows[start]:
            shown = text.strip()[:120]
            raise SimulationFailed(
                f"{FILE}: expected a table of BehaviorSpace, with the columns {_RUN} and {_STEP}; "
                f"got {shown!r}"
            )
        names, step = [" ".join(name.split()) for name in rows[start]], rows[start].index(_STEP)
        runs: dict[str, list[list[str]]] = {}
        for row in rows[start + 1 :]:
            if len(row) != len(names):
                raise SimulationFailed(
                    f"{FILE}: expected rows of {len(names)} cells, got one of {len(row)}: it was "
                    "cut off, NetLogo did not end its work"
                )
            runs.setdefault(row[0], []).append(row)
        return cls(names, [sorted(run, key=lambda row: float(row[step])) for run in runs.values()])


@dataclass(frozen=True)
class ReporterReader:
    """A reporter's value: in the last step of a run or the mean over its steps, mean over runs.

    Attributes:
        reporter: As it was given to NetLogo.
        over: ``last`` or ``mean``.
        runs: Number of runs that there must be; None where the model's own experiment says it.
    """

    reporter: str
    over: str
    runs: int | None

    def read(self, outputs: Outputs) -> list[float]:
        """Return the value; raise SimulationFailed where there is none."""
        table = Table.parse(outputs.text(FILE))
        if not table.runs or (self.runs is not None and len(table.runs) < self.runs):
            raise SimulationFailed(
                f"{FILE}: expected {self.runs or 'at least 1'} run(s), got {len(table.runs)}: an "
                "error in the model ended the others"
            )
        name = " ".join(self.reporter.split())
        if name not in table.names:
            columns = [n for n in table.names if n not in (_RUN, _STEP)]
            raise SimulationFailed(
                f"{FILE}: there is no column for the reporter {name!r}; {nearest(name, columns)}"
            )
        at = table.names.index(name)
        values = []
        for run in table.runs:
            steps = [self._number(row[at]) for row in (run if self.over == "mean" else run[-1:])]
            values.append(sum(steps) / len(steps))
        return [sum(values) / len(values)]

    def _number(self, cell: str) -> float:
        if cell in ("true", "false"):
            return float(cell == "true")
        try:
            return number(cell)
        except ValueError:
            raise SimulationFailed(
                f"{FILE}: the reporter {self.reporter!r} must report a number, got {cell!r}"
            ) from None
