"""What the store keeps of asynchronous runs: when points were asked for, and states by landing."""

from __future__ import annotations

import h5py
import numpy as np
from helpers.stores import abandon, block, config, state_of

from l2l.evaluation import Status
from l2l.store import claims
from l2l.store.contents import open_contents
from l2l.store.doctor import examine
from l2l.store.folder import Store
from l2l.store.reader import Records

N = 40


def asynchronous() -> dict:
    return {**config(), "mode": "async"}


def landed(rows: slice) -> dict:
    """Return results that land in the order 1, 0, 3, 2, ..., with the asks before each block."""
    order = np.arange(N).reshape(-1, 2)[:, ::-1].ravel()[rows]
    made = block(order)
    asks = np.arange(rows.start + 4, min(rows.stop + 4, N)) if rows.start else np.arange(rows.stop)
    if rows.start == 4:
        asks = np.arange(4, 12)
    made["ask_id"], made["ask_known"] = asks, np.full(len(asks), rows.start)
    return made


def fill(store: Store, first: int, last: int, states: bool = True) -> None:
    for start in range(first, last, 4):
        store.append(landed(slice(start, start + 4)))
        store.sync()
        if states:
            store.snapshot(state_of(start + 4), 0, start + 4, force=True)


def test_known_comes_back_from_journal_and_history(tmp_path):
    store = Store.create(tmp_path / "run", asynchronous())
    fill(store, 0, 20)
    before = store.known().tolist()
    assert before[:12] == [0] * 4 + [4] * 8
    store.seal()
    assert store.known().tolist() == before
    fill(store, 20, N)
    whole = store.known().tolist()
    assert whole[: len(before)] == before
    assert store.landed(0)["id"].tolist() == landed(slice(0, N))["id"].tolist()
    assert store.landed(18)["id"].tolist() == landed(slice(18, N))["id"].tolist()
    assert store.landed(N)["parameters"].shape == (0, 3)
    store.close()
    with h5py.File(tmp_path / "run" / "history.h5") as history:
        assert history["asks/known"][:].tolist() == whole
        assert "asked for" in history["asks/known"].attrs["description"]
    with Records(tmp_path / "run") as records:
        assert records.known().tolist() == whole
        known, ids = records.column("known"), records.column("id")
        assert known.tolist() == [whole[i] for i in ids]
        assert records.column("landed", 3, 6).tolist() == [3, 4, 5]


def test_a_state_counts_if_all_that_it_was_told_is_there(tmp_path):
    store = Store.create(tmp_path / "run", asynchronous())
    fill(store, 0, 20)
    assert store.last_snapshot().told == 20  # although ids beyond the first gap were told
    store.seal()
    fill(store, 20, 28)
    store.append(landed(slice(28, 32)))
    assert store.last_snapshot().told == 28
    abandon(store)
    store = Store.open(tmp_path / "run")
    assert store.last_snapshot().told == 28
    assert store.landed(28)["id"].tolist() == [29, 28, 31, 30]
    store.close()


def test_after_damage_no_state_counts_that_builds_on_what_is_gone(tmp_path):
    store = Store.create(tmp_path / "run", asynchronous())
    fill(store, 0, 12)
    start = store._journal.length
    fill(store, 12, 16)
    end = store._journal.length
    fill(store, 16, N)
    abandon(store)
    path = tmp_path / "run" / "journal-1"
    raw = bytearray(path.read_bytes())
    raw[start + 100] ^= 0xFF
    assert start + 100 < end
    path.write_bytes(raw)
    store = Store.open(tmp_path / "run")
    assert store.damage
    assert store.last_snapshot().told == 12
    store.close()
    assert "36 evaluations in all" in str(examine(tmp_path / "run"))


def test_the_digest_tells_orders_apart(tmp_path):
    digests = []
    for name, order in (("one", [0, 1, 2]), ("other", [0, 2, 1])):
        with Store.create(tmp_path / name, asynchronous()) as store:
            for number in order:
                made = block([number])
                if number == 0:
                    made["ask_id"], made["ask_known"] = np.arange(3), np.zeros(3, np.int64)
                store.append(made)
        with Records(tmp_path / name) as records:
            digests.append(records.digest())
    assert digests[0] != digests[1]


def test_only_a_run_with_asks_has_the_format_that_has_them(tmp_path):
    """An l2l without the asynchronous mode would read such blocks wrongly: it must refuse."""
    for mode, schema in (("async", 2), ("generational", 1)):
        path = tmp_path / mode
        fill(Store.create(path, {**config(), "mode": mode}), 0, 8)
        with Store.open(path, force=True) as store:  # takes it over, and seals it
            header = claims.header_in(*_top(path))
            assert header["schema"] == schema
            store.seal()
        assert claims.header_in(*_top(path))["schema"] == schema
        with h5py.File(path / "history.h5") as history:
            assert history.attrs["schema_version"] == schema


def _top(path):
    contents = open_contents(path)
    return contents.parts[-1].source, contents.parts[-1].end


def test_run_times_are_those_of_what_ended_ok(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        for ids in ([0, 1], [2, 3], [4]):
            made = block(ids)
            made["status"][:] = Status.OK
            made["duration"] = np.array(ids, float)
            store.append(made)
            if ids == [0, 1]:
                store.seal()
        failed = block([5])
        failed["status"][:] = Status.TIMEOUT
        store.append(failed)
        assert store.run_times(5) == [1.0, 2.0, 3.0, 4.0]
