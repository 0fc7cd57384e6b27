"""Progress on a terminal, on a pipe, and what it costs."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from l2l.evaluation import Status
from l2l.store.tally import Tally
from l2l.view import progress as view
from l2l.view.progress import LineProgress, NullProgress, make_progress

CONFIG = """\
optimizee: {name: active_wait, difficulty: 1000}
optimizer: {name: random_search, pop_size: 4}
executor: {name: inline}
stop: {generations: 5}
"""


def summary(generation: int, n: int = 10, ok: int = 10, **changes: float) -> dict:
    numbers = {"best": 1.5, "best_so_far": 2.0, "mean": 0.25, "std": 0.125}
    return {
        "generation": generation,
        "n": n,
        "ok": ok,
        "evaluations": n * (generation + 1),
        **numbers,
        **changes,
    }


def tally(n: int, bad: int = 0) -> Tally:
    counted = Tally(weights=(1.0,), n=n)
    counted.by_status[Status.OK] = n - bad
    counted.by_status[Status.TIMEOUT] = bad
    return counted


@pytest.fixture
def lines() -> LineProgress:
    return LineProgress(io.StringIO(), "test", workers=3)


def written(progress: LineProgress) -> list[str]:
    assert isinstance(progress.stream, io.StringIO)
    return progress.stream.getvalue().splitlines()


def test_the_last_test_is_shown(lines: LineProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "LINES_EVERY", 0.0)
    lines.start(None, None, 0)
    test = {"generation": 4, "best of the generation": [1.25], "recommended": [0.5, 7.0]}
    for last in (None, test, {"generation": 4, "best of the generation": [float("nan")]}):
        lines.generation({**summary(5), "test": last})
    first, second, third = written(lines)[1:]
    assert "held-out" not in first
    assert "best so far 2, held-out 1.25 | 0.5 (generation 5); 60 evaluations" in second
    assert "held-out - (generation 5)" in third


def test_a_line_a_generation(lines: LineProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "LINES_EVERY", 0.0)
    lines.start(3, None, 0)
    for generation in range(3):
        lines.update(tally(10 * (generation + 1), bad=2), generation)
        lines.generation(summary(generation))
    lines.stop("3 generations")
    shown = written(lines)
    assert shown[0] == "test, 3 workers"
    assert shown[1].startswith(
        "generation 1/3: best 1.5, mean 0.25 ± 0.125, best so far 2; 10 evaluations, "
        "2 failed (2 timeout), "
    )
    assert "left" in shown[1]
    assert shown[-1] == "ended after 0:00: 3 generations"
    assert len(shown) == 5


def test_fast_generations_are_not_all_shown_but_the_last_one_is(lines: LineProgress) -> None:
    lines.start(1000, None, 0)
    for generation in range(1000):
        lines.generation(summary(generation))
    lines.stop("1000 generations")
    shown = written(lines)
    assert shown[1].startswith("generation 1/1000")
    assert shown[-2].startswith("generation 1000/1000")
    assert len(shown) < 10


def test_a_long_generation_gives_a_sign_of_life(
    lines: LineProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "HEARTBEAT_EVERY", 0.02)
    lines.start(None, 100, 40)
    assert written(lines) == ["test, 3 workers, goes on after 40 evaluations"]
    time.sleep(0.03)
    lines.update(tally(50), 4)
    lines.update(tally(51), 4)
    assert len(written(lines)) == 2
    assert written(lines)[-1].startswith("generation 5: 50 evaluations, ")


def test_time_left_follows_generations_and_evaluations(lines: LineProgress) -> None:
    lines.start(10, 60, 0)
    assert lines.left == float("inf")
    lines.update(tally(10), 0)
    lines.generation(summary(0))
    assert lines.total == 60  # evaluations end it before the tenth generation does
    lines.begun = time.monotonic() - 10.0
    assert lines.left == pytest.approx(50, rel=0.01)
    lines.evaluations = None
    assert lines.left == pytest.approx(90, rel=0.01)


def test_a_generation_without_a_single_ok_is_shown(lines: LineProgress) -> None:
    nan = float("nan")
    lines.start(None, None, 0)
    lines.generation(summary(0, ok=0, best=nan, best_so_far=nan, mean=nan, std=nan))
    assert "best -, mean -, best so far -" in written(lines)[-1]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(quiet=True) as progress:
        assert type(progress) is NullProgress
        progress.start(1, None, 0)
        progress.generation(summary(0))
        progress.stop("done")
    assert capsys.readouterr().out == ""


def test_it_costs_nothing_an_evaluation(lines: LineProgress) -> None:
    """An update is at most 5 us (20 us here, for a busy machine), with 25 us to fill by all."""
    counted = tally(5)
    lines.start(10, None, 0)
    best = min(_time_of(lambda: lines.update(counted, 0), 10_000) for _ in range(5))
    assert best < 20e-6


def _time_of(call, n: int) -> float:
    begun = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - begun) / n


# -- the real thing -------------------------------------------------------------------------------


def on_terminal(
    command: list[str], folder: Path, *, term: str = "xterm", columns: int = 100
) -> tuple[str, int]:
    """Run a command on a terminal of its own; return what it showed, and its exit code."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": str(columns)}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, cwd=folder, env=environment
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                data = os.read(leader, 65536)
            except OSError:  # the other side has closed
                break
            if not data:
                break
            shown += data
    os.close(leader)
    return shown.decode(), process.wait(10)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return [sys.executable, "-m", "l2l", "run", "config.yaml", "--run", "here"]


def test_on_a_terminal_it_is_live(command: list[str], tmp_path: Path) -> None:
    shown, code = on_terminal(command, tmp_path)
    assert code == 0
    assert "\x1b[?25l" in shown  # the cursor is hidden ...
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # ... and comes back
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "generation 5/5" in plain
    assert "20 evaluations" in plain
    assert "ended after" in plain
    assert "run: here" in plain


def test_on_a_dumb_terminal_it_is_plain(command: list[str], tmp_path: Path) -> None:
    shown, code = on_terminal(command, tmp_path, term="dumb")
    assert code == 0
    assert "\x1b" not in shown
    assert "generation 5/5: best" in shown


def test_on_a_pipe_it_is_plain(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "generation 5/5: best" in done.stdout
    assert done.stderr == ""


def test_the_live_display_tells_all() -> None:
    from rich.console import Console

    from l2l.view.live import LiveProgress

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with LiveProgress(console, "test", workers=3) as progress:
        progress.start(10, None, 0)
        progress.update(tally(10, bad=4), 0)
        progress.generation(summary(0))
        progress.update(tally(15, bad=5), 1)
        progress.begun = time.monotonic() - 15.0
        assert isinstance(console.file, io.StringIO)
        console.print(progress.draw())
        progress.stop("enough")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())
    assert "generation 2/10" in shown
    assert "0:15 elapsed, 1:25 left" in shown
    assert "best 1.5, mean 0.25 ± 0.125, best so far 2" in shown
    assert "15 evaluations, 1 evaluations/s, 3 workers, 5 failed (5 timeout)" in shown
    assert "ended after 0:15: enough" in shown
