"""Exports hold what the records hold, a row an evaluation."""

from __future__ import annotations

import csv
import math
import sqlite3

import numpy as np
import pytest
from helpers.stores import block, config, failing

from l2l.errors import ConfigError, MissingExtra, StoreError
from l2l.space import Parameter, ParameterSpace
from l2l.store import reader
from l2l.store.export import export
from l2l.store.folder import Store

pa = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")

SPACE = ParameterSpace(
    [
        Parameter("w", -1.0, 1.0, shape=(2,)),
        Parameter("n", 0, 2**40, kind="int"),
        Parameter("rule", kind="categorical", choices=("hebb", 'a "quoted", one', "ü")),
        Parameter("on", kind="categorical", choices=(False, True)),
        Parameter("mixed", kind="categorical", choices=(None, 1, "x")),
        Parameter("Fitness", 0.0, 1.0),
        Parameter("id", 0.0, 1.0),
    ]
)
COLUMNS = ["id", "generation", "index", "w[0]", "w[1]", "n", "rule", "on", "mixed",
           "Fitness", "parameters/id", "fitness[0]", "fitness[1]", "reward",
           "metrics/seed", "observation[0]", "observation[1]", "status", "draw", "seed",
           "started", "duration", "worker"]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(2)
    with Store.create(tmp_path / "run", {"weights": [1, 1], "space": SPACE.describe()}) as store:
        for start in (30, 0, 15):  # out of order
            ids = rng.permutation(np.arange(start, start + 15))
            made, failures = failing(ids[:1], d=8, m=2)
            for part, bad in ((made, failures), (block(ids[1:], d=8, m=2), [])):
                n = len(part["id"])
                part["parameters"][:, 2] = 2.0**39 + part["id"]
                part["parameters"][:, 3] = rng.integers(0, 3, n)
                part["parameters"][:, 4] = rng.integers(0, 2, n)
                part["parameters"][:, 5] = rng.integers(0, 3, n)
                part["metrics/reward"] = part["id"] / 3
                if start:
                    part["metrics/seed"] = part["id"] / 7
                    part["observation"] = rng.normal(size=(n, 2))
                store.append(part, bad)
            if start == 0:
                store.seal()
    return tmp_path / "run"


def expected(run):
    """Return the table, made one value at a time."""
    with reader.Records(run) as records:
        c = {name: records.column(name) for name in records.names()}
    rows = []
    for i in np.argsort(c["id"]):
        w, p = c["parameters"][i], SPACE.unflatten(c["parameters"][i])
        rows.append([
            c["id"][i], c["generation"][i], c["index"][i], w[0], w[1], p["n"], p["rule"], p["on"],
            str(p["mixed"]), p["Fitness"], p["id"], *c["fitness"][i], c["metrics/reward"][i],
            c["metrics/seed"][i], *c["observation"][i], "failed" if c["status"][i] else "ok",
            c["draw"][i], c["seed"][i], c["started"][i], c["duration"][i], c["worker"][i],
        ])  # fmt: skip
    return [[v.item() if isinstance(v, np.generic) else v for v in row] for row in rows]


def same(a, b) -> bool:
    missing = [v is None or (isinstance(v, float) and math.isnan(v)) for v in (a, b)]
    return all(missing) or a == b


@pytest.fixture(params=[1, 10**6], ids=["row by row", "at once"])
def pieces(request, monkeypatch):
    """How much is read at a time."""
    monkeypatch.setattr(reader, "_PIECE", request.param)


def compare(rows, run):
    table = expected(run)
    assert len(rows) == len(table) == 45
    for row, other in zip(rows, table, strict=True):
        assert all(map(same, row, other)), (row, other)


def test_csv(run, pieces):
    assert export(run, "csv") == run / "evaluations.csv"
    with (run / "evaluations.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert names == COLUMNS
    kinds = [type(value) for value in expected(run)[20]]
    read = {bool: lambda text: text == "True", str: str, int: int,
            float: lambda text: float(text or "nan")}  # fmt: skip
    compare([[read[k](v) for k, v in zip(kinds, row, strict=True)] for row in rows], run)


def test_sqlite(run, pieces, tmp_path):
    target = export(run, "sqlite", tmp_path / "out.db")
    assert export(run, "sqlite", target) == target  # replaced
    with sqlite3.connect(target) as database:
        cursor = database.execute("SELECT * FROM evaluations ORDER BY id")
        assert [column[0] for column in cursor.description] == COLUMNS
        compare(cursor.fetchall(), run)
        best = database.execute('SELECT max("fitness[0]") FROM evaluations WHERE status = "ok"')
        assert best.fetchone()[0] == max(row[11] for row in expected(run) if row[11] == row[11])


def test_parquet(run, pieces):
    table = pa.read_table(export(run, "parquet"))
    assert table.column_names == COLUMNS
    kinds = {"id": "int64", "index": "int32", "seed": "uint32", "n": "int64", "on": "bool",
             "rule": "string", "w[0]": "double", "status": "string"}  # fmt: skip
    assert {name: str(table.schema.field(name).type) for name in kinds} == kinds
    compare([list(row.values()) for row in table.to_pylist()], run)


def test_a_run_without_results(tmp_path):
    Store.create(tmp_path / "run", config()).close()
    export(tmp_path / "run", "csv")
    text = (tmp_path / "run" / "evaluations.csv").read_text()
    assert text.startswith("id,generation,index,w[0],w[1],w[2],fitness,status,")
    assert text.count("\n") == 1
    assert pa.read_table(export(tmp_path / "run", "parquet")).num_rows == 0


def test_too_wide_for_sqlite(tmp_path):
    with Store.create(tmp_path / "run", config(3000)) as store:
        store.append(block(range(3), 3000))
    with pytest.raises(ConfigError, match=r"at most \d+ columns, the run has 30\d\d"):
        export(tmp_path / "run", "sqlite")
    assert not list((tmp_path / "run").glob("*evaluations*"))
    export(tmp_path / "run", "csv")
    assert len((tmp_path / "run" / "evaluations.csv").read_text().splitlines()[3].split(",")) > 3000


def test_errors(run, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="can't export to 'cvs'; did you mean 'csv'"):
        export(run, "cvs")
    with pytest.raises(StoreError, match=r"folder .*nowhere does not exist"):
        export(run, "csv", tmp_path / "nowhere" / "x.csv")
    with pytest.raises(StoreError, match="does not exist"):
        export(tmp_path / "missing", "csv")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="parquet"):
        export(run, "parquet")
    assert not list(run.glob(".evaluations*"))
