"""`l2l --help` answers at once because nothing heavy is imported; that is what is tested here.

The time itself is measured by benchmarks/startup.py, on a machine that does nothing else.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "h5py", "deap", "rich", "yaml", "matplotlib", "pandas", "cloudpickle")


@pytest.mark.parametrize("code", ["import l2l.cli", "from l2l.cli import main; main(['--help'])"])
def test_nothing_heavy_is_imported(code: str) -> None:
    check = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        "atexit.register(lambda: print('LOADED', [m for m in heavy if m in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check + code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_status_imports_only_what_reading_needs() -> None:
    code = (
        "import sys, l2l.view.status, l2l.view.statustext, l2l.store.reader\n"
        "print([m for m in ('deap', 'rich', 'matplotlib', 'pandas', 'cloudpickle')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
