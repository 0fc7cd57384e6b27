"""One writer: who is refused, who may take over, and what a writer that was cut off can do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers.stores import abandon, block, config, digest, filled

from l2l.errors import RunLocked, StoreError
from l2l.store import claims, owner, seal
from l2l.store import frames as fr
from l2l.store.folder import Store
from l2l.store.reader import Records

TESTS = Path(__file__).parents[1]

HOLDER = """
import sys, time
from helpers.stores import filled
filled(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_writer_is_refused_until_the_first_is_dead(holder, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(RunLocked, match=rf"process {holder.pid} on .*, since 20") as refused:
        Store.open(run)
    assert refused.value.exit_code == 4
    with Records(run) as records:
        assert records.owner["pid"] == holder.pid
        expected = records.digest()
    os.kill(holder.pid, signal.SIGSTOP)  # a process that sleeps is not dead
    with pytest.raises(RunLocked):
        Store.open(run)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # a zombie, which writes no more
    with Records(run) as records:
        assert records.owner is None
        assert not records.released
    with Store.open(run) as store:
        assert store.tally.n == 20
        assert [e["event"] for e in Records(run).events] == ["started", "taken over"]
    assert digest(run) == expected


def test_the_same_process_is_a_second_writer_too(tmp_path):
    store = filled(tmp_path / "run")
    (tmp_path / "link").symlink_to("run")
    with pytest.raises(RunLocked):
        Store.open(tmp_path / "link")
    store.close()
    Store.open(tmp_path / "link").close()


def test_a_writer_that_was_cut_off_changes_nothing_and_notices(tmp_path):
    run = tmp_path / "run"
    first = filled(run)
    second = Store.open(run, force=True)
    first.append(block([20, 21]))  # goes to a journal of which this part does not count
    second.append(block([20]) | {"fitness": block([20])["fitness"] + 5})
    second.sync()
    with Records(run) as records:
        assert records.column("id").tolist()[20:] == [20]
        assert records.column("fitness")[20] == block([20])["fitness"] + 5
    with pytest.raises(RunLocked, match="taken over by process"):
        first.sync()
    writes = [lambda: first.append(block([30])), lambda: first.note({}), first.sync, first.seal]
    for write in writes:
        with pytest.raises(RunLocked):
            write()
    first.close()
    second.close()
    assert len(Records(run)) == 21


@pytest.mark.parametrize("sealed", [False, True])
def test_a_writer_that_was_cut_off_can_not_seal(tmp_path, sealed):
    run = tmp_path / "run"
    first = filled(run)
    second = Store.open(run, force=True)
    second.append(block([20]))
    if sealed:
        second.seal()  # by which the journal of the first is removed
    expected = digest(run)
    with pytest.raises(RunLocked):
        first.seal()
    assert digest(run) == expected
    with pytest.raises(RunLocked):
        first.append(block([21]))
    second.append(block([22]))
    second.close()
    assert Records(run).column("id").tolist()[20:] == [20, 22]


@pytest.mark.parametrize("when", ["before the claim", "after the claim"])
@pytest.mark.parametrize("seals", [False, True])
def test_taken_over_in_the_middle_of_a_seal(tmp_path, monkeypatch, when, seals):
    """A driver that stands still for hours at the worst moment of its seal."""
    run = tmp_path / "run"
    first = filled(run)
    second = None

    def taken_over_now() -> None:
        nonlocal second
        if second is None:
            second = Store.open(run, force=True)
            second.append(block([20, 21]))
            if seals:
                second.seal()
            second.append(block([22]))
            second.sync()

    if when == "before the claim":
        write = seal.write_history
        monkeypatch.setattr("l2l.store.folder.write_history",
                            lambda *args: (write(*args), taken_over_now()))  # fmt: skip
        with pytest.raises(RunLocked):
            first.seal()
    else:
        complete = claims.complete_seal

        def late(*args):
            monkeypatch.setattr(claims, "complete_seal", complete)
            taken_over_now()
            complete(*args)

        monkeypatch.setattr(claims, "complete_seal", late)
        first.seal()
        first.append(block([23]))  # does not count
        with pytest.raises(RunLocked):
            first.sync()
    with Records(run) as records:
        assert records.column("id").tolist()[20:] == [20, 21, 22]
    second.close()
    with Records(run) as records:
        assert records.column("id").tolist()[20:] == [20, 21, 22]
        assert records.damage == []
    left = sorted(p.name for p in run.iterdir() if p.is_file())
    assert len([name for name in left if name.startswith("journal")]) == 1
    assert not [name for name in left if name.endswith(".tmp")]


def test_of_many_that_take_over_at_once_one_wins(tmp_path):
    run = tmp_path / "run"
    abandon(filled(run))
    script = (
        "import sys; from l2l.store.folder import Store; from l2l.errors import RunLocked\n"
        "sys.stdin.readline()\n"
        "try: Store.open(sys.argv[1]); print('won', flush=True)\n"
        "except RunLocked as e: print('refused:', e, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    _change_owner(run, start="1")  # a process that has gone
    several = [
        subprocess.Popen([sys.executable, "-c", script, run], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(5)
    ]  # fmt: skip
    for process in several:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.stdout.readline() for process in several]
    for process in several:
        process.kill()
        process.communicate()
    assert sum(line == "won\n" for line in said) == 1, said
    assert sum(line.startswith("refused: ") for line in said) == 4, said


def _change_owner(run: Path, **changes) -> None:
    """Rewrite the header of journal-1."""
    path = run / "journal-1"
    with path.open("rb") as file:
        source = fr.Source(file.fileno())
        frames = [(f.kind, bytes(p)) for f, p in fr.scan(source, path.stat().st_size)]
    head = json.loads(frames[0][1])
    head["owner"].update(changes)
    frames = [(k, json.dumps(head).encode() if k == fr.HEAD else p) for k, p in frames]
    path.write_bytes(b"".join(fr.pack(kind, [payload])[0] for kind, payload in frames))


@pytest.mark.parametrize(
    ("changes", "environment", "free"),
    [
        ({"boot_id": "x"}, {}, True),  # this machine, started anew
        ({"start": "1"}, {}, True),  # another process has got its number
        ({"boot_id": "x", "host": "elsewhere"}, {}, False),  # nobody to ask
        ({"boot_id": "x", "host": "elsewhere", "slurm_job": "7"}, {"squeue": "RUNNING"}, False),
        ({"boot_id": "x", "host": "elsewhere", "slurm_job": "7"}, {"squeue": ""}, True),
        ({"boot_id": "x", "host": "elsewhere", "slurm_job": "7"}, {"squeue": "!invalid"}, True),
        ({"boot_id": "x", "host": "elsewhere", "slurm_job": "7"}, {"squeue": "!down"}, False),
        (
            {"boot_id": "x", "host": "elsewhere", "slurm_job": "7"},
            {"squeue": "RUNNING", "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1"},
            True,  # this very job, requeued
        ),
        ({"namespace": "other"}, {}, True),  # another container, whose lock has gone
    ],
)
def test_who_counts_as_dead(tmp_path, monkeypatch, changes, environment, free):
    run = tmp_path / "run"
    abandon(filled(run))
    _change_owner(run, **changes)
    answer = environment.pop("squeue", None)
    if answer is not None:
        texts = {"!invalid": "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1",
                 "!down": "echo 'Unable to contact slurm controller' >&2; exit 1"}  # fmt: skip
        (tmp_path / "squeue").write_text(f"#!/bin/sh\n{texts.get(answer, f'echo {answer}')}\n")
        (tmp_path / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setattr("l2l.cluster.slurm._lives", {})  # what was answered a moment ago
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if free:
        Store.open(run).close()
    else:
        with pytest.raises(RunLocked, match="elsewhere"):
            Store.open(run)
        Store.open(run, force=True).close()


def test_a_holder_in_another_container_is_known_by_its_lock(holder, tmp_path):
    run = tmp_path / "run"
    alive = {**Records(run).owner, "namespace": "pid:[1]"}
    assert owner.is_alive(alive, run / "journal-1")
    holder.kill()
    holder.wait()
    assert not owner.is_alive(alive, run / "journal-1")


def test_an_interrupt_right_after_the_claim_of_a_seal(tmp_path, monkeypatch):
    store = filled(tmp_path / "run")
    claim = claims.claim

    def interrupted(*args):
        os.close(claim(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr(claims, "claim", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.seal()
    monkeypatch.undo()
    store.append(block([20]))
    store.note({"event": "stopped"})
    store.close()
    with Records(tmp_path / "run") as records:
        assert len(records) == 21
        assert records.events[-1]["event"] == "stopped"
        assert records.released


def test_an_interrupt_before_the_claim_of_a_seal(tmp_path, monkeypatch):
    store = filled(tmp_path / "run")

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(claims, "claim", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.seal()
    monkeypatch.undo()
    assert not list((tmp_path / "run").glob("*.tmp"))
    store.append(block([20]))
    store.close()
    assert len(Records(tmp_path / "run")) == 21


def test_creating_is_all_or_nothing(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(StoreError, match="the disk is full"):
        Store.create(tmp_path / "run", config())
    assert list(tmp_path.iterdir()) == []


def test_two_that_create_the_same_run_at_once(tmp_path):
    """In threads of one process, that is; other processes have other temporary folders."""
    made, refused = [], []

    def create() -> None:
        try:
            made.append(Store.create(tmp_path / "run", config()))
        except StoreError as error:
            refused.append(error)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) <= 1
    assert len(made) + len(refused) == 2
    if made:
        made[0].close()
