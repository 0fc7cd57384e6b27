"""Reading a run from another process while it is written, sealed and taken over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.stores import block

from l2l.store.reader import Records

TESTS = Path(__file__).parents[1]

WRITER = """
import sys, time
import numpy as np
from helpers.stores import block, config, failing
from l2l.store.folder import Store
path, kind = sys.argv[1:]
store = Store.create(path, config())
print("made", flush=True)
sys.stdin.readline()
end, n, g = time.monotonic() + 2, 0, 0
while time.monotonic() < end:
    ids = np.arange(n, n + 8)
    store.append(block(ids[::-1], generation=g, metrics=("m",)))
    store.append(*failing([n + 8], generation=g))
    n, g = n + 9, g + 1
    store.snapshot({"x": np.arange(10.0)}, g, n)
    if g % 5 == 0:
        store.seal()
    if kind == "take-overs" and g % 7 == 0:
        store = Store.open(path, force=True)
store.close()
print(n, flush=True)
"""


@pytest.mark.parametrize("kind", ["seals", "take-overs"])
def test_reading_while_the_run_goes_on(tmp_path, kind):
    run = tmp_path / "run"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, run, kind], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert writer.stdout.readline() == "made\n"
    writer.stdin.write("go\n")
    writer.stdin.flush()
    reads, last, kept = 0, 0, []
    while writer.poll() is None:
        records = Records(run)
        n = len(records)
        assert n >= last
        last = n
        ids = records.column("id")
        assert len(ids) == n == records.tally.ok + records.tally.bad
        assert len(np.unique(ids)) == n
        assert not [text for text in records.damage if "no whole frame" not in text]
        if reads % 10 == 0:
            fitness = records.column("fitness")
            ok = records.column("status") == 0
            some = np.flatnonzero(ok)[:: max(1, n // 20)]
            assert (fitness[some] == block(ids[some])["fitness"]).all()
            assert len(records.failures()) >= n - ok.sum()
            records.digest()
        if reads % 25 == 0 and len(kept) < 4:
            kept.append((records, n, records.digest()))  # and read it again when all is different
        else:
            records.close()
        reads += 1
        time.sleep(0.001)
    out, _ = writer.communicate()
    assert writer.returncode == 0
    assert len(Records(run)) == int(out)
    assert reads > 5  # however busy the machine is
    assert last > 0
    for records, n, digest in kept:
        assert len(records.column("id")) == n
        assert records.digest() == digest
