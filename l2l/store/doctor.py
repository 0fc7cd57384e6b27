"""Doctor: check every frame of the journals and every chunk of the history, and say what is left.

It reads only, and works on damaged runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from l2l.errors import StoreError
from l2l.evaluation import Status
from l2l.store import claims, files, owner
from l2l.store import frames as fr
from l2l.store.blocks import Block, shape_of
from l2l.store.contents import Contents, Part, open_contents
from l2l.store.survey import Survey

_NAMES = {
    fr.HEAD: "header", fr.BLOCK: "block of results", fr.FAILURES: "list of failures",
    fr.STATE: "optimizer state", fr.NOTE: "event", fr.CLOSED: "closing mark",
    fr.TEST: "block of tests on held-out tasks",
}  # fmt: skip
#: So many bytes of a dataset are checked at once.
_PIECE = 4 << 20


@dataclass
class Report:
    """What the doctor found; its text is made to be read.

    Attributes:
        path: The run folder.
        good: What is intact.
        bad: What is damaged or missing.
    """

    path: Path
    good: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.bad

    def __str__(self) -> str:
        lines = [f"  ok       {text}" for text in self.good]
        lines += [f"  DAMAGED  {text}" for text in self.bad]
        if self.intact:
            end = "All is intact."
        else:
            end = f"{len(self.bad)} damaged; the rest can be read and, if it is a run, resumed."
        return "\n".join([f"{self.path}", *lines, end])


def examine(path: str | PathLike[str]) -> Report:
    """Check a run folder.

    Raises:
        StoreError: If there is no such folder, or no run in it.
    """
    path = Path(path)
    report = Report(path)
    if not path.is_dir() or not (
        claims.journal_numbers(path)
        or (path / "run.yaml").exists()
        or (path / "history.h5").exists()
    ):
        raise StoreError(f"there is no run at {path}")
    config = _check_texts(report)
    try:
        contents = open_contents(path)
    except StoreError as error:
        report.bad.append(str(error))
        _check_journals_alone(report)
        return report
    with contents:
        _check_holder(report, contents)
        if contents.history is not None:
            _check_history(report, contents.history.path)
        _check_journals(report, contents)
        _check_whole(report, contents, config)
    return report


def _check_texts(report: Report) -> dict[str, Any]:
    config: dict[str, Any] = {}
    try:
        config = files.read_config(report.path)
        report.good.append("run.yaml")
    except StoreError as error:
        report.bad.append(str(error))
    if files.read_provenance(report.path):
        report.good.append("provenance.json")
    else:
        report.bad.append("provenance.json is missing or unreadable (nothing needs it)")
    return config


def _check_holder(report: Report, contents: Contents) -> None:
    holder = contents.header["owner"]
    if contents.released or not holder:
        report.good.append("no process holds the run")
        return
    lives = owner.is_alive(holder, contents.path / f"journal-{contents.number}")
    words = "is held by" if lives else "was not closed by its last holder,"
    report.good.append(f"the run {words} {owner.describe(holder)}")


def _check_journals(report: Report, contents: Contents) -> None:
    kinds: dict[str, Counter[bytes]] = {part.name: Counter() for part in contents.parts}
    rows: Counter[str] = Counter()
    for frame, payload, part in contents.frames():
        kinds[part.name][frame.kind] += 1
        if frame.kind == fr.BLOCK:
            rows[part.name] += shape_of(payload)[0]
    for part in contents.parts:
        report.good.append(_frames_in_words(part, kinds[part.name], rows[part.name]))
    report.bad += contents.damage


def _frames_in_words(part: Part, kinds: Counter[bytes], rows: int) -> str:
    found = [f"{count} x {_NAMES.get(k, repr(k))}" for k, count in kinds.items() if k != fr.HEAD]
    return f"{part.name}: {rows} evaluations; " + (", ".join(found) or "nothing but its header")


def _check_journals_alone(report: Report) -> None:
    """Check journals that do not fit to a history, each by itself."""
    for number in claims.journal_numbers(report.path):
        name = f"journal-{number}"
        with open(report.path / name, "rb") as file:
            part = Part(name, fr.Source(file.fileno()), file.seek(0, 2))
            kinds: Counter[bytes] = Counter()
            rows = 0
            for found in fr.scan(part.source, part.end):
                if isinstance(found, fr.Gap):
                    report.bad.append(f"{name}: {found.end - found.start} bytes: {found.what}")
                else:
                    kinds[found[0].kind] += 1
                    rows += shape_of(found[1])[0] if found[0].kind == fr.BLOCK else 0
            report.good.append(_frames_in_words(part, kinds, rows))


def _check_history(report: Report, path: Path) -> None:
    """Read every chunk of every dataset, which compares its checksum."""
    datasets: list[str] = []
    with h5py.File(path, "r", locking=False) as file:
        try:
            file.visititems(
                lambda name, item: datasets.append(name) if isinstance(item, h5py.Dataset) else None
            )
            n = int(file.attrs["sealed_upto"])
            bad = [text for name in datasets for text in _bad_rows(file, name)]
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            bad, n = [f"its table of contents is damaged: {error}"], 0
    report.bad += [f"{path.name}: {text}" for text in bad]
    if not bad:
        report.good.append(f"{path.name}: {n} evaluations; {len(datasets)} datasets")


def _bad_rows(file: Any, name: str) -> list[str]:
    """Return which rows of a dataset can't be read."""
    try:
        dataset = file[name]
        if not dataset.shape:
            dataset[()]
            return []
        rows = dataset.chunks[0] if dataset.chunks else max(1, len(dataset))
        size = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])) * rows
        step = rows * max(1, _PIECE // max(1, size))
        bad = []
        for start in range(0, len(dataset), step):
            bad += _bad_within(dataset, start, min(start + step, len(dataset)), rows)
    except (OSError, KeyError, RuntimeError) as error:
        return [f"{name} is unreadable: {error}"]
    return [f"{name}: rows {a} to {b - 1} are damaged (wrong checksum)" for a, b in bad]


def _bad_within(dataset: Any, start: int, end: int, rows: int) -> list[tuple[int, int]]:
    """Return the chunks between two rows that can't be read."""
    try:
        dataset[start:end]
    except OSError:
        if end - start <= rows:
            return [(start, end)]
        pieces = ((a, min(a + rows, end)) for a in range(start, end, rows))
        return [bad for a, b in pieces for bad in _bad_within(dataset, a, b, rows)]
    return []


def _check_whole(report: Report, contents: Contents, config: dict[str, Any]) -> None:
    """Check that all parts together make sense."""
    try:
        in_order = files.told_in_order(config)
        survey = Survey(contents, files.weights_of(config), in_order=in_order)
        ids, tests = survey.ids(), survey.all_tests()
    except (StoreError, OSError, KeyError, ValueError) as error:
        report.bad.append(f"history and journals together: {error}")
        return
    twice = len(ids) - len(np.unique(ids))
    if twice:
        report.bad.append(f"{twice} evaluations are recorded twice")
    if len(ids) != survey.tally.n:
        report.bad.append(f"{survey.tally.n} evaluations are counted, {len(ids)} are there")
    missing = int(ids.max()) + 1 - len(np.unique(ids)) if len(ids) else 0
    text = f"{len(ids)} evaluations in all, {survey.tally.ok} of them ended ok"
    report.good.append(text + (f"; {missing} have no record (a resume runs them)" * bool(missing)))
    if tests:
        _check_tests(report, tests, files.test_every(config))
    if (stands := survey.stands()) is not None:
        report.good.append(f"optimizer state of generation {stands[0]}")


def _check_tests(report: Report, tests: Block, every: int | None) -> None:
    """Check that each generation that was to be tested has as many results as the others."""
    generations, counts = np.unique(tests["generation"], return_counts=True)
    ok = int((tests["status"] == Status.OK).sum())
    report.good.append(f"{len(tests['id'])} tests on held-out tasks, {ok} of them ended ok")
    twice = len(tests["id"]) - len(np.unique(tests["id"]))
    if twice:
        report.bad.append(f"{twice} tests on held-out tasks are recorded twice")
    there = dict(zip(generations.tolist(), counts.tolist(), strict=True))
    due = range(0, int(generations.max()), every or 1)  # the last one may not have ended
    lacks = [str(g) for g in due if g % (every or 1) == 0 and there.get(g, 0) < counts.max()]
    if lacks:
        report.good.append(f"tests of generation {', '.join(lacks)} are not all there")
