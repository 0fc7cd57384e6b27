"""The package of optimizees: paths, and the copy that must not be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import l2l.optimizee
import l2l.optimizees.optimizee as classic

ROOT = Path(__file__).resolve().parents[2]


def test_the_classic_path_has_the_same_classes():
    assert classic.Optimizee is l2l.optimizee.Optimizee
    assert classic.OptimizeeParameters is l2l.optimizee.OptimizeeParameters


def test_the_folder_refuses_to_be_imported_by_its_own_name():
    out = subprocess.run(
        [sys.executable, "-c", "import optimizees.optimizee"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert out.returncode == 1
    assert "import it as `from l2l.optimizees...`, not as 'optimizees'" in out.stderr


def test_every_optimizee_has_a_readme():
    folders = [path.parent for path in (ROOT / "optimizees").glob("*/__init__.py")]
    assert len(folders) >= 4
    assert all((folder / "README.md").is_file() for folder in folders)
