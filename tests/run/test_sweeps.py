"""Sweeps: many sets in batches, in memory that does not grow, in columns, through a kill."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.models import Swept, SweptParameters

import l2l
from l2l import BatchResult, wire
from l2l.errors import ConfigError
from l2l.evaluation import Job, Outcome, Status
from l2l.records import block_of
from l2l.returned import outcomes_of
from l2l.store.export import export

SCRIPT = """
import resource, sys
import l2l
from l2l import BatchResult, wire
from helpers.models import Swept, SweptParameters
run, log, delay, points = sys.argv[1:]
l2l.optimize(
    Swept(parameters=SweptParameters(log=log, delay=float(delay), metrics=30)),
    {"name": "grid_search", "n_points": int(points), "batch": 1024},
    run=run, resume=True, workers=2, progress=False,
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def start(run: Path, *, log="", delay=0.0, points=100):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    arguments = map(str, (run, log, delay, points))
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def finished(driver) -> float:
    """Return the largest resident size of a run that ended well, in MiB."""
    said = driver.communicate(timeout=250)[0]
    assert driver.returncode == 0
    return int(said) / (1024 if sys.platform == "linux" else 2**20)


def sweep(run: Path, n_points: int = 20, **options):
    return l2l.optimize(
        Swept(parameters=SweptParameters(**options)), {"name": "grid_search", "n_points": n_points},
        run=run, executor="inline", progress=False,
    ).history  # fmt: skip


def test_memory_does_not_grow_with_the_number_of_sets(tmp_path):
    few = finished(start(tmp_path / "few", points=80))
    many = finished(start(tmp_path / "many", points=220))
    assert len(l2l.load(tmp_path / "many")) == 48_400
    # the results alone are 13 MiB of numbers, and a seal takes pieces of up to 16,384 rows
    assert many < few + 10


def test_a_kill_costs_a_batch_a_worker(tmp_path):
    calm = start(tmp_path / "calm", points=60)
    run, log, kills = tmp_path / "run", tmp_path / "log", 2
    for _ in range(kills):
        driver = start(run, log=log, delay=0.05, points=60)
        wait_for_results(run, driver)
        driver.kill()
        driver.communicate()
    assert 0 < len(l2l.load(run)) < 3600
    finished(start(run, log=log, delay=0.05, points=60))
    finished(calm)
    assert l2l.load(run).digest() == l2l.load(tmp_path / "calm").digest()
    batches = [int(line) for line in log.read_text().split()]
    # one batch more, for one that lands in the very moment of a kill is not written yet
    assert sum(batches) <= 3600 + (2 * kills + 1) * 128


def wait_for_results(run: Path, driver) -> None:
    """Wait until the journal has grown by three batches, and a little longer."""
    before, end = size(run), time.monotonic() + 60
    while size(run) < before + 3 * 128 * 30 * 8 and time.monotonic() < end:
        assert driver.poll() is None
        time.sleep(0.002)
    time.sleep(0.02)


def size(run: Path) -> int:
    return sum(file.stat().st_size for file in run.glob("journal-*") if file.exists())


def test_the_columns_of_a_wide_run(tmp_path):
    history = sweep(tmp_path / "run", metrics=600)
    assert len([name for name in history.names if name.startswith("metrics/")]) == 600
    x, y = history["x"], history["y"]
    for number in (0, 7, 599):
        assert np.array_equal(history[f"m{number}"], number * x + y)
    assert history.best == history.entry(history.best.id)
    with sqlite3.connect(export(tmp_path / "run", "sqlite")) as database:
        found = database.execute("SELECT x, y, m599, status FROM evaluations ORDER BY id")
        table = np.array([row[:3] for row in found if row[3] == "ok"])
    assert np.array_equal(table, np.column_stack([x, y, 599 * x + y]))
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(export(tmp_path / "run", "parquet"))
    assert np.array_equal(rows["m599"].to_numpy(), history["m599"])
    assert set(rows["status"].to_pylist()) == {"ok"}


def test_sqlite_says_what_to_do_with_more_columns_than_it_holds(tmp_path):
    sweep(tmp_path / "run", n_points=2, metrics=2100)
    with pytest.raises(ConfigError, match=r"at most 2000 columns.*export to parquet or csv"):
        export(tmp_path / "run", "sqlite")


def test_sets_need_not_have_the_same_metrics():
    values = np.zeros(1)
    named = [{"b": 1.0, "a": 2.0}, {}, {"a": 3.0, "c": 4.0}]
    outcomes = [
        Outcome(Job(i, 0, i, 0, 1, values), Status.OK, (0.0,), metrics=metrics)
        for i, metrics in enumerate(named)
    ]
    block = block_of(outcomes, np.zeros((3, 1)), 1)
    columns = {name: column for name, column in block.items() if name.startswith("metrics/")}
    assert list(columns) == ["metrics/a", "metrics/b", "metrics/c"]
    assert np.array_equal(columns["metrics/a"], [2, np.nan, 3], equal_nan=True)
    assert np.array_equal(columns["metrics/b"], [1, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(columns["metrics/c"], [np.nan, np.nan, 4], equal_nan=True)
    assert not any(name.startswith("metrics/") for name in block_of([], np.zeros((0, 1)), 1))


def test_the_metrics_of_a_batch_travel_as_one_table():
    n, k = 200, 300
    jobs = [Job(i, 0, i, 0, 1, np.zeros(2)) for i in range(n)]
    values = np.random.default_rng(1).normal(size=(n, k))
    metrics = {f"m{j}": values[:, j] for j in range(k)}
    outcomes = outcomes_of(jobs, BatchResult(np.zeros(n), np.arange(n) != 3, metrics=metrics), 1)
    assert outcomes[3].status is Status.FAILED
    assert not outcomes[3].metrics
    assert outcomes[7].metrics == {f"m{j}": values[7, j] for j in range(k)}
    reply = wire.pack_outcomes(outcomes)
    assert len(reply) < 1.1 * values.nbytes + 200 * n
    (came,) = wire.ReplyReader().feed(reply)
    block = block_of(wire.unpack_outcomes(came, jobs), np.zeros((n, 2)), 1)
    expected = values[:, 17].copy()
    expected[3] = np.nan
    assert np.array_equal(block["metrics/m17"], expected, equal_nan=True)


def test_a_metric_is_a_number_a_set():
    jobs = [Job(i, 0, i, 0, 1, np.zeros(2)) for i in range(3)]
    for wrong, message in ((np.zeros((3, 2)), r"got \(3, 2\)"), (np.zeros(2), "of length 3")):
        outcomes = outcomes_of(jobs, BatchResult(np.zeros(3), metrics={"m": wrong}), 1)
        assert {outcome.status for outcome in outcomes} == {Status.INVALID}
        assert re.search(message, outcomes[0].message)
