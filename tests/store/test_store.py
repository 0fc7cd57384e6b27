"""What is written comes back, whatever the order and whether it is sealed."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stores import abandon, block, config, digest, equal, filled, state_of

from l2l.errors import RunExists, StoreError
from l2l.evaluation import Failure, Status
from l2l.store import folder
from l2l.store.folder import Store
from l2l.store.reader import Records


def test_an_empty_run(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        assert store.last_snapshot() is None
        assert store.first_failure is None
        assert store.since(0)["parameters"].shape == (0, 3)
        assert store.since(0)["fitness"].shape == (0, 1)
    with Records(tmp_path / "run") as records:
        assert (len(records), records.stands, records.damage) == (0, None, [])
        assert records.tally.best is None
        assert records.column("parameters").shape == (0, 3)
        assert records.failures() == records.events == []
        assert len(records.digest()) == 64
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "artifacts", "journal-1", "logs", "provenance.json", "run.yaml"
    ]  # fmt: skip


def test_a_run_that_exists_is_not_made_again(tmp_path):
    Store.create(tmp_path / "run", config()).close()
    before = sorted((p.name, p.read_bytes()) for p in (tmp_path / "run").glob("*[!s]"))
    with pytest.raises(RunExists):
        Store.create(tmp_path / "run", config())
    (tmp_path / "file").write_text("")
    with pytest.raises(RunExists):
        Store.create(tmp_path / "file", config())
    assert before == sorted((p.name, p.read_bytes()) for p in (tmp_path / "run").glob("*[!s]"))
    (tmp_path / "empty").mkdir()
    Store.create(tmp_path / "empty", config()).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file", "run"]


@pytest.mark.parametrize("seal_at", [(), (1,), (0, 2), (0, 1, 2, 3)])
def test_everything_comes_back(tmp_path, seal_at):
    store = Store.create(tmp_path / "run", config())
    written = []
    for generation in range(4):
        ids = np.random.default_rng(generation).permutation(np.arange(5) + 5 * generation)
        made = block(ids, generation=generation)
        store.append(made)
        store.sync()
        written.append(made)
        if generation in seal_at:
            store.seal()
        with Records(tmp_path / "run") as records:
            for name in made:
                expected = np.concatenate([b[name] for b in written])
                assert equal({name: records.column(name)}, {name: expected})
                assert equal({name: records.column(name, 3, 5)}, {name: expected[3:5]})
            best = int(np.argmax(records.column("fitness")[:, 0]))
            assert records.tally.best.id == records.column("id")[best]
            assert records.tally.best.row == best
            assert (records.tally.best.values == records.column("parameters")[best]).all()
            assert records.tally.describe() == store.tally.describe()
        since = store.since(7)
        assert since["id"].tolist() == list(range(7, 5 * generation + 5))
        assert equal(since, block(since["id"]) | {"generation": since["generation"]})
    store.close()
    assert (tmp_path / "run" / "history.h5").exists()


def test_ids_that_are_recorded_are_dropped(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        store.append(block([3, 1]))
        late = block([1, 2, 2, 3])
        late["fitness"] += 100
        late["repair_id"] = np.array([1, 2])
        late["repair_column"], late["repair_asked"] = np.array([0, 1]), np.array([0.5, 1.5])
        store.append(late)
        store.append(block([1, 2, 3]))
        assert store.tally.n == 3
        store.seal()
        store.append(block([0, 1, 2, 3]))
    with Store.open(tmp_path / "run") as store:
        store.append(block([3, 2, 4]))
    with Records(tmp_path / "run") as records:
        assert records.column("id").tolist() == [3, 1, 2, 0, 4]
        assert (records.column("fitness") > 50).ravel().tolist() == [False, False, True] + [
            False
        ] * 2
        assert [a.tolist() for a in records.asked()] == [[2], [1], [1.5]]


def test_columns_that_come_late_or_grow(tmp_path):
    """A metric that is there now and then, an observation that grows: NaN elsewhere."""
    digests = set()
    for sealed in (False, True):
        path = tmp_path / f"run-{sealed}"
        store = Store.create(path, config())
        for i, (width, metrics) in enumerate([(0, ()), (2, ("a",)), (3, ("b", "a/b%")), (1, ())]):
            made = block([2 * i, 2 * i + 1], metrics=metrics)
            if width:
                made["observation"] = np.full((2, width), float(i))
            store.append(made)
            if sealed:
                store.seal()
        with Records(path) as records:
            assert records.names()[-4:] == ["metrics/a", "metrics/a/b%", "metrics/b", "observation"]
            a, b = records.column("metrics/a"), records.column("metrics/a/b%")
            assert np.isnan(a).tolist() == [True, True, False, False, True, True, True, True]
            assert b[4:6].tolist() == [0.5, 0.625]
            seen = records.column("observation")
            assert seen.shape == (8, 3)
            assert (~np.isnan(seen)).sum(axis=1).tolist() == [0, 0, 2, 2, 3, 3, 1, 1]
            assert records.column("observation", 6).shape == (2, 3)
        assert store.since(5)["observation"].shape[1] == 3
        assert store.since(5)["metrics/a/b%"].tolist()[0] == 0.625
        store.close()
        digests |= {digest(path)}
    assert len(digests) == 1


def test_repairs_and_failures_come_back(tmp_path):
    store = filled(tmp_path / "run", generations=3)
    retried = Failure(99, 1, Status.CRASHED, "killed by SIGSEGV", "", "x" * 70000 + "end\udc80")
    store.append(block([]), [retried])
    assert store.first_failure.id == 4
    for _ in range(2):
        with Records(tmp_path / "run") as records:
            failures = records.failures()
            assert [f.id for f in failures] == [4, 9, 14, 99]
            assert failures[1].traceback == "Traceback 9\n"
            assert failures[1].output == "printed 9\n"
            assert failures[1].status is Status.FAILED
            assert failures[3].output.endswith("xend\udc80")
            assert len(failures[3].output) == 65536
            ids, columns, asked = records.asked()
            assert (ids.tolist(), columns.tolist()) == ([0, 5, 10], [1, 1, 1])
            assert asked.tolist() == [0.5, 1.5, 2.5]
            assert records.tally.by_status[Status.FAILED] == records.tally.bad == 3
        since = store.since(5)
        assert since["repair_id"].tolist() == [5, 10]
        assert "repair_id" not in store.since(11)
        store.seal()
    store.close()
    with Store.open(tmp_path / "run") as store:
        assert store.first_failure.message == "bad 4"


def test_digest_does_not_depend_on_landing_sealing_or_timing(tmp_path):
    expected = None
    for seed in range(6):
        rng = np.random.default_rng(seed)
        path = tmp_path / f"run-{seed}"
        store = Store.create(path, config())
        for generation in range(3):
            ids = rng.permutation(np.arange(20) + 20 * generation)
            for part in np.array_split(ids, rng.integers(1, 20)):
                made = block(part, generation=generation, metrics=("m",))
                made["started"] = rng.random(len(part))
                made["duration"] = rng.random(len(part))
                made["worker"] = rng.integers(0, 9, len(part)).astype(np.int32)
                odd = part[part % 2 == 1]
                made["repair_id"] = odd
                made["repair_column"] = np.zeros(len(odd), np.int32)
                made["repair_asked"] = odd / 7
                store.append(made)
                if rng.random() < 0.2:
                    store.seal()
        store.close(seal=bool(seed % 2))
        expected = expected or digest(path)
        assert digest(path) == expected


@pytest.mark.parametrize("column", ["id", "generation", "index", "parameters", "fitness", "status",
                                    "draw", "seed", "metrics/m", "repair_asked"])  # fmt: skip
def test_digest_sees_every_canonical_column(tmp_path, column):
    digests = set()
    for change in (0, 1):
        path = tmp_path / f"run-{change}"
        with Store.create(path, config()) as store:
            made = block(range(5), metrics=("m",))
            made["repair_id"], made["repair_column"] = np.array([1]), np.array([0])
            made["repair_asked"] = np.array([1.0])
            made[column] = made[column].copy()
            made[column][-1] += change
            store.append(made)
        digests.add(digest(path))
    assert len(digests) == 2


@pytest.mark.parametrize("weights", [(1.0,), (-1.0,), (0.5, -2.0)])
def test_tally_knows_the_best(tmp_path, weights):
    rng = np.random.default_rng(1)
    with Store.create(tmp_path / "run", config(weights=weights)) as store:
        rows = []
        for generation in range(30):
            ids = rng.permutation(np.arange(7) + 7 * generation)
            made = block(ids, m=len(weights), generation=generation)
            made["fitness"] = np.round(made["fitness"], 1)  # ties
            made["status"][rng.random(7) < 0.4] = Status.TIMEOUT
            made["fitness"][made["status"] > 0] = np.nan
            store.append(made)
            rows.append(made)
            if generation % 11 == 3:
                store.seal()
        whole = {name: np.concatenate([b[name] for b in rows]) for name in rows[0]}
        score = np.nan_to_num(whole["fitness"]) @ np.array(weights)
        score[whole["status"] > 0] = -np.inf
        top = np.flatnonzero(score >= score.max() - 1e-12)
        first = top[np.argmin(whole["id"][top])]
        for tally in (store.tally, Records(tmp_path / "run").tally):
            assert tally.best.id == whole["id"][first]
            assert tally.best.score == pytest.approx(score.max(), rel=1e-12)
            assert (tally.best.values == whole["parameters"][first]).all()
            assert tally.ok == (whole["status"] == 0).sum()
            assert tally.generation == 29
            assert tally.began == whole["started"].min()
            assert tally.ended == (whole["started"] + whole["duration"]).max()


def test_wide_individuals(tmp_path):
    """28,800 parameters: exact, and hardly more than the numbers themselves."""
    d, n = 28_800, 20
    with Store.create(tmp_path / "run", config(d)) as store:
        for generation in range(3):
            store.append(block(np.arange(n) + n * generation, d, generation=generation))
            store.sync()
            if generation == 1:
                store.seal()
        since = store.since(n + 3)
        assert since["parameters"].tobytes() == block(since["id"], d)["parameters"].tobytes()
    size = (tmp_path / "run" / "history.h5").stat().st_size
    assert size < 1.01 * 3 * n * d * 8 + 200_000
    with Records(tmp_path / "run") as records:
        row = records.column("parameters", 41, 42)
        assert row.tobytes() == block([41], d)["parameters"].tobytes()


def test_malformed_blocks_change_nothing(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        store.append(block(range(3)))
        length = store._journal.length
        wide = block([3], d=4)
        short = block([3, 4]) | {"seed": np.array([1], np.uint32)}
        missing = {name: column for name, column in block([3]).items() if name != "seed"}
        for bad in (wide, short, missing):
            with pytest.raises(StoreError, match=r"parameters|seed"):
                store.append(bad)
        assert (store.tally.n, store._journal.length) == (3, length)
        store.append(block([3]))
    assert digest(tmp_path / "run")


def test_a_resumed_run_goes_on(tmp_path):
    store = filled(tmp_path / "run", generations=2)
    store.note({"event": "stopped", "time": 2.0, "reason": "asked"})
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.append(block([100]))
    store.close()  # does nothing
    for generation in range(2, 6):
        with Store.open(tmp_path / "run") as store:
            assert store.config == config()
            assert store.last_snapshot().generation == generation
            assert store.tally.n == 5 * generation
            ids = np.arange(5) + 5 * generation
            store.append(block(ids, generation=generation, metrics=("a",)))
            told = 5 * generation + 5
            store.snapshot(state_of(generation + 1), generation + 1, told, force=True)
            store.update_config({**config(), "changed": generation})
            store.update_config(config())
    with Records(tmp_path / "run") as records:
        assert records.column("id").tolist() == list(range(30))
        assert [e["event"] for e in records.events] == ["started", "stopped"]
        assert len(records.provenance["resumed"]) == 4
        assert records.stands == (6, 30)
        assert (records.last_snapshot().state["x"] == state_of(6)["x"]).all()
        assert records.released
        assert records.owner is None


def test_many_kills_do_not_pile_up_journals(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MANY_PARTS", 4)
    abandon(filled(tmp_path / "run", generations=1))
    for i in range(10):
        store = Store.open(tmp_path / "run")
        store.append(block([5 + i]))
        abandon(store)
        assert len(list((tmp_path / "run").glob("journal-*"))) <= 6
    with Store.open(tmp_path / "run") as store:
        assert store.since(5)["id"].tolist() == list(range(5, 15))
    assert len(list((tmp_path / "run").glob("journal-*"))) == 1


def test_nothing_in_a_run_is_a_pickle(tmp_path):
    filled(tmp_path / "run").close()
    for file in (tmp_path / "run").iterdir():
        if file.is_file():
            data = file.read_bytes()
            assert b"numpy.core" not in data
            assert b"cpickle" not in data.lower()
            assert not data.startswith(b"\x80")
