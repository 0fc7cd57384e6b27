"""What the store keeps of tests on held-out tasks: beside the evaluations, and apart from them."""

from __future__ import annotations

import csv
import json
import sqlite3

import h5py
import numpy as np
import pytest
from helpers.stores import abandon, block, config, digest, equal, state_of

from l2l.errors import ConfigError
from l2l.evaluation import Failure, Status
from l2l.heldout import ids_of
from l2l.store import claims
from l2l.store import frames as fr
from l2l.store.contents import open_contents
from l2l.store.doctor import examine
from l2l.store.export import export
from l2l.store.folder import Store
from l2l.store.reader import Records

PARTS, EVERY = 3, 2


def with_tests() -> dict:
    return {**config(), "test_every": EVERY}


def made_of(generation: int, role: int, metrics: tuple[str, ...] = ()) -> dict:
    """Return the tests of one individual: numbers that are different for each."""
    ids = ids_of(generation, role, PARTS)
    made = block(-ids, generation=generation, metrics=metrics)
    return {**made, "id": ids, "index": np.arange(PARTS, dtype=np.int32)}


def generations(store: Store, first: int, last: int) -> None:
    """Write generations of three individuals, every other one with tests."""
    for g in range(first, last):
        store.append(block(np.arange(3 * g, 3 * g + 3), generation=g))
        if g % EVERY == 0:
            store.append_tests(made_of(g, 0, metrics=("late",) if g > 3 else ()))
            store.append_tests(made_of(g, 1))
        store.sync()
        store.snapshot(state_of(g + 1), g + 1, 3 * g + 3, force=True)


@pytest.fixture
def run(tmp_path):
    """A run of which some tests are sealed and some are not."""
    store = Store.create(tmp_path / "run", with_tests())
    generations(store, 0, 3)
    store.seal()
    generations(store, 3, 7)
    abandon(store)
    return tmp_path / "run"


def due(*numbers: int) -> list[int]:
    """Return the ids of the tests of some generations, in order."""
    return sorted((i for g in numbers for role in (0, 1) for i in ids_of(g, role, PARTS)), key=abs)


def test_tests_come_back_from_journal_and_history(run):
    with Records(run) as records:
        tests, before = records.tests, records.digest()
    assert tests["id"].tolist() == due(0, 2, 4, 6)
    for g in (0, 2, 4, 6):
        for role in (0, 1):
            rows = np.isin(tests["id"], ids_of(g, role, PARTS))
            expected = made_of(g, role)
            assert equal({n: tests[n][rows] for n in expected}, expected)
    late = tests["metrics/late"]
    assert np.isnan(late[tests["generation"] < 4]).all()
    assert np.isfinite(late[np.isin(tests["id"], ids_of(6, 0, PARTS))]).all()
    with Store.open(run):
        pass
    with Records(run) as records:
        assert equal(records.tests, tests)
        assert records.digest() == before
        assert not records.damage


def test_they_count_nowhere_else(run, tmp_path):
    plain = Store.create(tmp_path / "plain", config())
    for g in range(7):
        plain.append(block(np.arange(3 * g, 3 * g + 3), generation=g))
    plain.close()
    with Records(run) as one, Records(tmp_path / "plain") as other:
        assert one.digest(tests=False) == other.digest() == other.digest(tests=False)
        assert one.digest() != other.digest()
        assert one.tally.describe() == other.tally.describe()
        assert one.names() == other.names()
        assert one.column("id").tolist() == list(range(21))
        assert not other.tests


def test_the_extra_ones_at_the_end_are_not_in_the_digest(run):
    before = digest(run)
    with Store.open(run) as store:
        store.append_tests(made_of(5, 0))
        assert store.tests()["id"].tolist() == due(0, 2, 4) + ids_of(5, 0, PARTS).tolist() + due(6)
    assert digest(run) == before


def test_what_is_recorded_is_not_recorded_again(run):
    with Records(run) as records:
        before = records.tests
    with Store.open(run) as store:
        store.append_tests({**made_of(2, 0), "fitness": np.zeros((PARTS, 1))})
        some = made_of(7, 0)
        store.append_tests({name: column[:1] for name, column in some.items()})
        store.append_tests(some)
        found = store.tests()
    assert np.array_equal(found["fitness"][: len(before["id"])], before["fitness"])
    assert found["id"].tolist() == due(0, 2, 4, 6) + ids_of(7, 0, PARTS).tolist()


def test_the_history_has_a_group_of_its_own(run):
    Store.open(run).close()
    with h5py.File(run / "history.h5") as history:
        assert history.attrs["schema_version"] == claims.SCHEMA_WITH_TESTS == 3
        group = history["test"]
        assert sorted(group) == sorted([*made_of(0, 0), "role", "metrics"])
        assert set(group["role"][:].tolist()) == {0, 1}
        assert len({len(group[name]) for name in made_of(0, 0)}) == 1
        assert "from -1 downwards" in group["id"].attrs["description"]
        assert group["seed"].attrs["description"] == history["seed"].attrs["description"]
        assert json.loads(group["parameters"].attrs["units"]) == ["pA"]
    with open_contents(run) as contents:
        assert contents.header["schema"] == 3


@pytest.mark.parametrize("every", [None, 2])
def test_only_a_run_with_tests_has_their_format(tmp_path, every):
    Store.create(tmp_path / "run", {**config(), "test_every": every}).close()
    with open_contents(tmp_path / "run") as contents:
        assert contents.header["schema"] == (1 if every is None else 3)


def test_a_test_that_failed_has_its_failure(run):
    with Store.open(run) as store:
        made = made_of(8, 0)
        made["status"][0] = Status.LOST
        made["fitness"][0] = np.nan
        number = int(made["id"][0])
        lost = Failure(number, 0, Status.LOST, "gone", "", "")
        store.append_tests({n: c[:0] for n, c in made.items()}, [lost])  # it is tried again
        store.append_tests(made, [lost])
    with Records(run) as records:
        assert [f.id for f in records.failures()] == [number, number]
        assert records.lost() == 0  # no evaluation was
        assert records.tests["status"][records.tests["id"] == number] == Status.LOST


# -- damage ---------------------------------------------------------------------------------------


def places(run, kind: bytes) -> list[fr.Frame]:
    path = run / "journal-2"
    with path.open("rb") as file:
        found = fr.scan(fr.Source(file.fileno()), path.stat().st_size)
        return [frame for frame, _ in found if frame.kind == kind]


def test_a_damaged_block_of_tests_is_dropped_and_the_rest_is_kept(run):
    path = run / "journal-2"
    data = bytearray(path.read_bytes())
    frame = places(run, fr.TEST)[0]  # of generation 4
    data[frame.start + 20] ^= 1
    path.write_bytes(data)
    lost = set(ids_of(4, 0, PARTS).tolist())
    with Records(run) as records:
        assert set(records.tests["id"].tolist()) == set(due(0, 2, 4, 6)) - lost
        assert len(records.column("id")) == 21
    report = examine(run)
    assert any("checksum of a 'test' frame" in text for text in report.bad)
    assert "tests of generation 4 are not all there" in report.good
    with Store.open(run) as store:
        assert store.last_snapshot().generation == 7
        store.append_tests(made_of(4, 0))
        assert store.tests()["id"].tolist() == due(0, 2, 4, 6)


def test_cut_at_every_offset_of_a_block_of_tests(run):
    path = run / "journal-2"
    whole, frame = path.read_bytes(), places(run, fr.TEST)[-1]
    for cut in [*range(frame.start - fr.HEADER.size, frame.end, 9), frame.end]:
        path.write_bytes(whole[:cut])
        with Records(run) as records:
            there = due(0, 2, 4, 6) if cut == frame.end else due(0, 2, 4)
            found = records.tests["id"].tolist()
            assert found[: len(due(0, 2, 4))] == due(0, 2, 4)
            assert (
                len(found) == len(there) if cut == frame.end else len(found) < len(due(0, 2, 4, 6))
            )
            assert len(records.column("id")) == 21


@pytest.mark.parametrize("name", ["id", "fitness"])
def test_a_run_is_of_use_where_sealed_tests_are_damaged(run, name):
    Store.open(run).close()
    with h5py.File(run / "history.h5") as history:
        chunk = history[f"test/{name}"].id.get_chunk_info(0)
    data = bytearray((run / "history.h5").read_bytes())
    data[chunk.byte_offset + 5] ^= 1
    (run / "history.h5").write_bytes(data)
    report = examine(run)
    assert any(f"test/{name}" in text for text in report.bad)
    with Records(run) as records:
        assert len(records.column("fitness")) == 21
        assert not records.tests
        assert any(f"test/{name}" in text for text in records.damage)
    store = Store.open(run)
    store.append(block(np.arange(21, 24), generation=7))
    store.append_tests(made_of(8, 0))
    assert store.tests()["id"].tolist() == ids_of(8, 0, PARTS).tolist()
    store.close(seal=False)


def test_doctor_counts_them(run):
    report = examine(run)
    assert report.intact
    text = str(report)
    assert "24 tests on held-out tasks, 24 of them ended ok" in text
    assert "4 x block of tests on held-out tasks" in text


# -- export ---------------------------------------------------------------------------------------


def test_tests_are_exported_as_a_table_of_their_own(run):
    with Records(run) as records:
        tests = records.tests
    file = export(run, "csv", tests=True)
    assert file.name == "tests.csv"
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    head = ["id", "generation", "role", "part", "w[0]", "w[1]", "w[2]", "fitness", "late"]
    assert list(rows[0]) == [*head, "status", "draw", "seed", "started", "duration", "worker"]
    assert [int(row["id"]) for row in rows] == tests["id"].tolist()
    assert [float(row["fitness"]) for row in rows] == tests["fitness"][:, 0].tolist()
    assert {row["role"] for row in rows} == {"0", "1"}
    assert rows[0]["late"] == ""
    file = export(run, "sqlite", tests=True)
    with sqlite3.connect(file) as database:
        found = database.execute("SELECT generation, part FROM tests ORDER BY id DESC").fetchall()
    database.close()
    columns = zip(tests["generation"].tolist(), tests["index"].tolist(), strict=True)
    assert found == list(columns)
    export(run, "csv")
    with (run / "evaluations.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 21


def test_tests_as_parquet(run):
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    table = pq.read_table(export(run, "parquet", tests=True))
    assert str(table.schema.field("role").type) == "uint8"
    assert str(table.schema.field("part").type) == "int32"
    assert table.num_rows == 24


def test_a_run_without_tests_has_none_to_export(tmp_path):
    Store.create(tmp_path / "run", config()).close()
    with pytest.raises(ConfigError, match="has no tests on held-out tasks; a run has them that"):
        export(tmp_path / "run", "csv", tests=True)
