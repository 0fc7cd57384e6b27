"""How much is written, how large the files are, and how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WRITER = """
import sys
from pathlib import Path
import numpy as np
from helpers.stores import config
from l2l.store.folder import Store

def written():
    return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])

path, total, population, chunk = Path(sys.argv[1]), *map(int, sys.argv[2:])
rng, before = np.random.default_rng(1), written()
store, states = Store.create(path, config(10)), 0
for g in range(total // population):
    order = rng.permutation(population)
    X = rng.normal(size=(population, 10))
    for o in np.array_split(order, population // chunk):
        n = len(o)
        store.append({
            "id": g * population + o, "generation": np.full(n, g, np.int32),
            "index": o.astype(np.int32), "parameters": X[o], "fitness": X[o, :1],
            "status": np.zeros(n, np.uint8), "draw": np.zeros(n, np.uint16),
            "seed": rng.integers(1, 2**32, n, dtype=np.uint32), "started": 1.7e9 + rng.random(n),
            "duration": rng.random(n), "worker": rng.integers(0, 4, n).astype(np.int32)})
    states += X.nbytes * store.snapshot({"x": X}, g + 1, (g + 1) * population)
    store.maybe_seal()
store.close()
size = (path / "history.h5").stat().st_size
memory = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
print(written() - before, states, size, memory)
"""
#: Parameters, fitness, status, seed and times of one evaluation of 10 parameters.
PAYLOAD = 10 * 8 + 8 + 1 + 4 + 16


def amounts(path: Path, total: int, population: int, chunk: int) -> list[int]:
    command = [sys.executable, "-c", WRITER, path, total, population, chunk]
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1], env={"PYTHONPATH": "."},
    )  # fmt: skip
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs /proc/self/io")
@pytest.mark.parametrize("chunk", [4, 64])
def test_a_small_run_writes_little(tmp_path, chunk):
    written, _, size, _ = amounts(tmp_path / "run", 5120, 256, chunk)
    assert written / 5120 <= 500
    assert size / 5120 <= 1.35 * PAYLOAD  # chunks that are not full weigh more in a small file


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs /proc/self/io")
def test_a_long_run_writes_each_result_a_few_times(tmp_path):
    total = 130_000  # ends soon after a seal, which is the worst that can happen
    written, states, size, memory = amounts(tmp_path / "run", total, 1000, 100)
    assert written - states <= 5 * PAYLOAD * total
    assert states <= PAYLOAD * total
    assert size <= 1.25 * PAYLOAD * total
    assert memory < 100 << 20  # the run itself is no part of it


def test_an_empty_history_is_small(tmp_path):
    *_, size, _ = amounts(tmp_path / "run", 8, 8, 8)
    assert size < 120_000
