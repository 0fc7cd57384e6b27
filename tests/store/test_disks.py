"""Disks that are full or read-only, and folders that are no run: clear errors, nothing lost."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.stores import abandon, block, config, digest, filled, state_of

from l2l.errors import StoreError
from l2l.store import folder
from l2l.store.doctor import examine
from l2l.store.folder import Store
from l2l.store.reader import Records


@pytest.fixture
def mount(tmp_path):
    """Mounts a small file system; skips where that is not allowed."""
    mounted = []

    def mount(*options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", *options, folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"can't mount here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(store: Store) -> None:
    """Append and sync, for ever."""
    for start in range(0, 10**6, 100):
        store.append(block(range(start, start + 100), 50, generation=start // 100))
        store.sync()


def test_disk_full(mount, caplog):
    disk = mount("-t", "tmpfs", "-o", "size=3m", "none")
    run = disk / "run"
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    store = Store.create(run, config(50))
    store.snapshot({"x": 1}, 0, 0, force=True)
    with pytest.raises(StoreError, match=r"disk is full.*make space.*resume"):
        fill(store)
    acknowledged = len(Records(run))
    assert acknowledged > 1000
    assert store.tally.n == acknowledged
    with Records(run) as records:
        assert records.damage == []  # the half-written frame was taken back
        assert len(records) == acknowledged
    with pytest.raises(StoreError, match="disk is full"):
        store.append(block(range(acknowledged, acknowledged + 100), 50))
    with caplog.at_level(logging.WARNING):
        store.close()
    assert "can't be sealed now" in caplog.text
    assert not list(run.glob("*.tmp"))
    assert len(Records(run)) == acknowledged

    ballast.unlink()
    store = Store.open(run)
    assert store.tally.n == acknowledged
    for start in range(acknowledged, acknowledged + 1000, 100):
        store.append(block(range(start, start + 100), 50))
        store.sync()
    store.close()
    with Records(run) as records:
        assert records.column("id").tolist() == list(range(acknowledged + 1000))
        whole = block(records.column("id"), 50)
        assert records.column("parameters").tobytes() == whole["parameters"].tobytes()


def test_disk_full_when_a_run_is_created_or_taken_over(mount):
    disk = mount("-t", "tmpfs", "-o", "size=100k", "none")
    abandon(filled(disk / "run", generations=1))
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    before = sorted(os.listdir(disk / "run"))
    for make in (lambda: Store.create(disk / "other", config()), lambda: Store.open(disk / "run")):
        with pytest.raises(StoreError, match="disk is full"):
            make()
    assert sorted(os.listdir(disk)) == ["ballast", "run"]
    assert sorted(os.listdir(disk / "run")) == before
    (disk / "ballast").unlink()
    with Store.open(disk / "run") as store:
        assert store.tally.n == 5


@pytest.mark.parametrize("limit", [20_000, 60_000, 120_000, 200_000])
def test_a_seal_that_fails_inside_hdf5(tmp_path, limit, caplog):
    """A quota, here the size of a file: no preliminary look at the disk sees it coming."""
    store = Store.create(tmp_path / "run", config(50))
    store.append(block(range(40), 50))
    store.snapshot(state_of(0, 20000), 1, 40, force=True)
    expected = digest(tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with caplog.at_level(logging.WARNING):
            store.seal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert "can't be sealed now" in caplog.text
    assert not (tmp_path / "run" / "history.h5").exists()
    assert not list((tmp_path / "run").glob("*.tmp"))
    assert digest(tmp_path / "run") == expected
    store.append(block(range(40, 80), 50))
    store.close()
    assert len(Records(tmp_path / "run")) == 80
    assert (tmp_path / "run" / "history.h5").exists()
    assert examine(tmp_path / "run").intact


@pytest.mark.parametrize("large", [1, 1 << 20], ids=["in two steps", "in one"])
def test_a_quota_that_ends_a_write(tmp_path, monkeypatch, large):
    monkeypatch.setattr(folder, "LARGE", large)
    store = Store.create(tmp_path / "run", config(50))
    store.append(block(range(40), 50))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (store._journal.length + 100_000, hard))
        with pytest.raises(StoreError, match="a quota or limit is reached"):
            store.append(block(range(40, 400), 50))  # of which a part is written
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert len(Records(tmp_path / "run")) == store.tally.n == 40
    store.append(block(range(40, 400), 50))
    store.close()
    assert len(Records(tmp_path / "run")) == 400
    assert Records(tmp_path / "run").damage == []


def test_a_failed_fsync_ends_the_writing(tmp_path, monkeypatch):
    store = filled(tmp_path / "run")

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("l2l.store.journal._fdatasync", fail)
    store.append(block([20]))
    with pytest.raises(StoreError, match="Input/output error"):
        store.sync()
    monkeypatch.undo()
    for write in (store.sync, lambda: store.append(block([21]))):
        with pytest.raises(StoreError, match=r"failed before.*resume"):
            write()
    store.close()
    with Store.open(tmp_path / "run") as store:
        assert store.tally.n in (20, 21)


@pytest.mark.parametrize("sealed", [False, True])
def test_read_only_folder(mount, tmp_path, sealed):
    store = filled(tmp_path / "run")
    store.close(seal=sealed)
    view = mount("--bind", "-o", "ro", str(tmp_path / "run"))
    if os.access(view, os.W_OK):  # an old mount(8) binds first, and then makes it read-only
        subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
    with pytest.raises(StoreError, match=r"Read-only file system.*must be writable"):
        Store.open(view)
    with pytest.raises(StoreError, match="Read-only file system"):
        Store.create(view / "new", config())
    with Records(view) as records:
        assert len(records) == 20
        assert records.digest() == digest(tmp_path / "run")
    assert examine(view).intact


def test_a_folder_without_permission(tmp_path):
    filled(tmp_path / "run").close()
    (tmp_path / "run").chmod(0o500)
    try:
        if os.access(tmp_path / "run", os.W_OK):
            pytest.skip("root may write everywhere")
        with pytest.raises(StoreError, match=r"Permission denied.*must be writable"):
            Store.open(tmp_path / "run")
        assert len(Records(tmp_path / "run")) == 20
    finally:
        (tmp_path / "run").chmod(0o700)


def both(path: Path, match: str) -> None:
    """Reader and writer raise a StoreError that says what is wrong, and change nothing."""
    before = sorted(p.name for p in path.parent.rglob("*"))
    for make in (Records, Store.open):
        with pytest.raises(StoreError, match=match):
            make(path)
    assert sorted(p.name for p in path.parent.rglob("*")) == before


def test_what_is_no_run(tmp_path):
    both(tmp_path / "missing", "does not exist")
    (tmp_path / "empty").mkdir()
    both(tmp_path / "empty", "no run folder")
    (tmp_path / "file").write_text("x")
    both(tmp_path / "file", "does not exist|no run")


def test_a_history_that_is_no_history(tmp_path):
    filled(tmp_path / "run").close()
    history = tmp_path / "run" / "history.h5"
    whole = history.read_bytes()
    for content in (b"", b"hello" * 1000, whole[: len(whole) // 2], whole[:100]):
        history.write_bytes(content)
        both(tmp_path / "run", "history.h5 is not a whole HDF5 file")
        assert not examine(tmp_path / "run").intact
    history.unlink()
    with h5py.File(history, "w") as file:
        file["x"] = np.arange(3)
    both(tmp_path / "run", "is HDF5, but no history")
    history.unlink()
    both(tmp_path / "run", r"do not fit together.*l2l doctor")
    history.mkdir()
    both(tmp_path / "run", "history.h5")


def test_another_schema_version(tmp_path):
    filled(tmp_path / "run").close()
    with h5py.File(tmp_path / "run" / "history.h5", "r+") as file:
        file.attrs["schema_version"] = 4
    both(tmp_path / "run", r"schema version 4, this l2l reads versions 1 to 3; install the vers")
    run = tmp_path / "new" / "run"
    abandon(filled(run, generations=1))
    journal = run / "journal-1"
    from l2l.store import frames as fr

    head = fr.pack(fr.HEAD, [json.dumps({"schema": 4, "base": 0, "previous": []}).encode()])[0]
    journal.write_bytes(head + journal.read_bytes())
    both(run, "schema version 4")


def test_run_yaml_missing_or_broken(tmp_path):
    filled(tmp_path / "run").close()
    for text, match in [("a: [", "no valid YAML"), ("- 1", "must hold a mapping")]:
        (tmp_path / "run" / "run.yaml").write_text(text)
        both(tmp_path / "run", match)
    (tmp_path / "run" / "run.yaml").unlink()
    both(tmp_path / "run", "no run.yaml")


def test_a_copy_without_its_journals_can_be_read_and_resumed(tmp_path):
    filled(tmp_path / "run").close()
    shutil.copytree(tmp_path / "run", tmp_path / "copy", ignore=shutil.ignore_patterns("journal-*"))
    with Records(tmp_path / "copy") as records:
        assert records.digest() == digest(tmp_path / "run")
        assert "journal-2 is missing" in records.damage[0]
    with Store.open(tmp_path / "copy") as store:
        store.append(block([20]))
    assert len(Records(tmp_path / "copy")) == 21
    assert Records(tmp_path / "copy").damage == []


def test_provenance_says_with_what_a_run_was_made(tmp_path):
    filled(tmp_path / "run").close()
    provenance = Records(tmp_path / "run").provenance
    assert provenance["versions"]["numpy"] == np.__version__
    assert provenance["versions"]["h5py"] == h5py.__version__
    assert provenance["pid"] == os.getpid()
    assert {"host", "user", "command", "folder", "python", "platform", "git", "slurm", "threads",
            "blas", "processor", "cores", "time"} <= provenance.keys()  # fmt: skip
    json.dumps(provenance)


def test_provenance_of_a_git_repository(tmp_path, monkeypatch):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (tmp_path / "script.py").write_text("1")
    for command in (["init", "-q"], ["add", "script.py"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    from l2l.store.provenance import collect

    found = collect()["git"]["folder"]
    assert (len(found["commit"]), found["dirty"]) == (40, False)
    (tmp_path / "script.py").write_text("2")
    assert collect()["git"]["folder"]["dirty"] is True
    monkeypatch.setenv("PATH", "/nowhere")
    assert collect()["git"]["folder"] is None
