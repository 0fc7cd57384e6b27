"""A tiny run killed at every write, fsync, rename, open, ... that it makes in its folder.

At every fourth one in the normal suite, at each behind the marker.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.processes import uncovered

TESTS = Path(__file__).parents[1]
FAST = "/dev/shm"  # each kill is followed by many fsyncs; what they cost is not the question here


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for the fault injection")
@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library, as Linux does")
@pytest.mark.parametrize(
    "stride", [pytest.param(1, marks=[pytest.mark.campaign, pytest.mark.timeout(1200)]), 4]
)
def test_killed_at_every_system_call(stride):
    with tempfile.TemporaryDirectory(dir=FAST if os.access(FAST, os.W_OK) else None) as folder:
        library = Path(folder) / "killpoint.so"
        source = TESTS / "helpers" / "killpoint.c"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        environment = {**uncovered(), "LD_PRELOAD": str(library), "PYTHONPATH": str(TESTS)}
        all_four = [
            subprocess.Popen(
                [sys.executable, "-m", "helpers.killpoints", Path(folder) / which, which,
                 str(stride)],
                env=environment, cwd=TESTS, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for which in ("new", "resumed", "async", "tested")
        ]  # fmt: skip
        said = [process.communicate(timeout=1000)[0] for process in all_four]
    print(*said)
    assert [process.returncode for process in all_four] == [0, 0, 0, 0], "\n".join(said)
