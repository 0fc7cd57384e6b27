"""A journal that is cut or altered anywhere: it opens, says what it dropped, keeps the rest."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
from helpers.stores import abandon, block, config, digest, filled, state_of

from l2l.errors import StoreError
from l2l.store import frames as fr
from l2l.store.doctor import examine
from l2l.store.folder import Store
from l2l.store.reader import Records


@pytest.fixture
def journal(tmp_path):
    """The journal of a run that was killed, and its frames."""
    abandon(filled(tmp_path / "run"))
    path = tmp_path / "run" / "journal-1"
    with path.open("rb") as file:
        found = [frame for frame, _ in fr.scan(fr.Source(file.fileno()), path.stat().st_size)]
    return path, found


def rows_before(path, frames, offset) -> list[int]:
    """Return the ids in all frames that end at or before an offset."""
    return _ids(path, [frame for frame in frames if frame.end <= offset])


def rows_but(path, frames, offset) -> list[int]:
    """Return the ids in all frames but the one in which an offset lies."""
    inside = lambda f: f.start - fr.HEADER.size <= offset < f.end  # noqa: E731
    return _ids(path, [frame for frame in frames if not inside(frame)])


def _ids(path, frames) -> list[int]:
    from l2l.store.blocks import decode_block

    data = memoryview(path.read_bytes())
    blocks = [decode_block(data[f.start : f.end]) for f in frames if f.kind == fr.BLOCK]
    return [int(i) for b in blocks for i in b["id"]]


def test_cut_at_every_offset_of_the_last_frames(journal):
    path, frames = journal
    whole = path.read_bytes()
    first = frames[-5].start - fr.HEADER.size
    assert len({frame.kind for frame in frames[-5:]}) == 3
    ends = {frame.end for frame in frames}
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        with Records(path.parent) as records:
            assert records.column("id").tolist() == rows_before(path, frames, cut)
            assert len(records.damage) == (cut not in ends), cut
            if cut not in ends:
                assert "journal-1" in records.damage[0]
                assert "dropped" in records.damage[0]


@pytest.mark.parametrize("bit", [0, 7])
def test_one_bit_flipped_anywhere(journal, bit):
    path, frames = journal
    whole = path.read_bytes()
    offsets = {*range(0, len(whole), 31), *range(2 * 24), *range(len(whole) - 60, len(whole))}
    offsets |= {f.start - k for f in frames for k in (24, 23, 20, 12, 8, 4, 1)}
    for offset in sorted(offsets):
        data = bytearray(whole)
        data[offset] ^= 1 << bit
        path.write_bytes(data)
        with Records(path.parent) as records:
            assert records.column("id").tolist() == rows_but(path, frames, offset), offset
            assert len(records.damage) == 1, offset
            assert records.config["name"] == "made"
            assert len(records.digest()) == 64


@pytest.mark.parametrize("size", [1, 24, 700, 5000])
def test_a_stretch_of_zeros(journal, size):
    """What a power cut leaves of pages that were not written."""
    path, frames = journal
    whole = path.read_bytes()
    for offset in range(0, len(whole) - size, 211):
        data = bytearray(whole)
        data[offset : offset + size] = bytes(size)
        path.write_bytes(data)
        intact = [f for f in frames if f.end <= offset or f.start - 24 >= offset + size]
        with Records(path.parent) as records:
            ids = records.column("id").tolist()
            assert set(ids) >= set(_ids(path, intact)), offset
            assert bytes(data) == whole or records.damage, offset


def test_a_resume_names_what_was_dropped_and_brings_it_back(journal, caplog):
    """A state that knows of a lost result is not used: an older one leads to its evaluation."""
    path, frames = journal
    run = path.parent
    expected = digest(run)
    blocks = [frame for frame in frames if frame.kind == fr.BLOCK]
    victim = blocks[4]  # ids 10 to 13, of generation 2
    data = bytearray(path.read_bytes())
    data[victim.start + 50] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        store = Store.open(run)
    assert "journal-1" in caplog.text
    assert len(store.damage) == 1
    snapshot = store.last_snapshot()
    assert (snapshot.generation, snapshot.told) == (2, 10)
    assert (snapshot.state["x"] == state_of(2)["x"]).all()
    assert store.since(10)["id"].tolist() == [14, 15, 16, 17, 18, 19]
    made = block([10, 11, 12, 13], generation=2, metrics=("a",))
    made["repair_id"], made["repair_column"] = np.array([10]), np.array([1])
    made["repair_asked"] = np.array([2.5])
    store.append(made)
    assert store.last_snapshot().told == 20
    store.close()
    assert digest(run) == expected
    with Records(run) as records:
        (event,) = [e for e in records.events if e["event"] == "taken over"]
        assert event["dropped"] == store.damage
        assert event["from"]["pid"]
        assert records.stands == (4, 20)
    assert examine(run).intact


def test_damage_is_told_once(journal, caplog):
    path, frames = journal
    data = bytearray(path.read_bytes())
    data[frames[-2].start] ^= 1
    path.write_bytes(data)
    for _ in range(3):
        abandon(Store.open(path.parent))
    with Records(path.parent) as records:
        dropped = [text for event in records.events for text in event.get("dropped", ())]
    assert len(dropped) == 1


def test_both_copies_of_the_header_gone(journal):
    """Nothing says any more what the journal goes on from; it is taken for the obvious."""
    path, frames = journal
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    data[frames[1].start + 5] ^= 1
    path.write_bytes(data)
    with Records(path.parent) as records:
        assert len(records) == 20
        assert "header" in records.damage[0]
    with Store.open(path.parent) as store:
        assert store.tally.n == 20
    assert len(Records(path.parent)) == 20


def test_a_damaged_history_is_named(tmp_path):
    filled(tmp_path / "run", generations=30).close()
    path = tmp_path / "run" / "history.h5"
    whole = path.read_bytes()
    expected = digest(tmp_path / "run")
    seen = set()
    for offset in range(8, len(whole), len(whole) // 80):
        data = bytearray(whole)
        data[offset] ^= 0x10
        path.write_bytes(data)
        error = None
        try:
            with Records(tmp_path / "run") as records:
                same = records.digest() == expected and len(records.failures()) == 30
                same = same and records.last_snapshot().generation == 30
        except StoreError as raised:
            error = raised
        # else it hit empty space in the file, or rows that are not there yet
        assert "history.h5" in str(error) if error else same, offset
        assert error is None or not examine(tmp_path / "run").intact, offset
        seen.add(error is None)
    assert seen == {True, False}


def test_the_doctor_says_which_rows_are_damaged(tmp_path):
    with Store.create(tmp_path / "run", config()) as store:
        store.append(block(range(3000)))
    path = tmp_path / "run" / "history.h5"
    needle = block([2000])["parameters"].tobytes()
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)
    report = examine(tmp_path / "run")
    assert not report.intact
    assert report.bad == ["history.h5: parameters: rows 1536 to 2047 are damaged (wrong checksum)"]
    with Records(tmp_path / "run") as records:
        assert len(records.column("parameters", 0, 1000)) == 1000
        with pytest.raises(StoreError, match=r"dataset parameters: .*l2l doctor"):
            records.column("parameters", 1900, 2100)
        assert len(records.column("fitness")) == 3000


def test_the_doctor_on_runs_in_all_conditions(tmp_path):
    store = filled(tmp_path / "run")
    report = examine(tmp_path / "run")
    assert report.intact
    assert "is held by process" in str(report)
    assert "8 x block of results" in str(report)
    store.seal()
    assert "history.h5: 20 evaluations" in str(examine(tmp_path / "run"))
    store.close()
    assert "no process holds" in str(examine(tmp_path / "run"))
    with pytest.raises(StoreError, match="no run at"):
        examine(tmp_path / "missing")
    with pytest.raises(StoreError, match="no run at"):
        examine(tmp_path)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    (tmp_path / "copy" / "history.h5").unlink()
    report = examine(tmp_path / "copy")
    assert not report.intact
    assert "epoch" in str(report)
    (tmp_path / "run" / "run.yaml").unlink()
    assert "run.yaml" in examine(tmp_path / "run").bad[0]
