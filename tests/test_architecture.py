"""What the design promises of the code's structure."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import l2l

ROOT = Path(__file__).parents[1]
PACKAGE = Path(l2l.__file__).parent
CORE = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not {"optimizers", "optimizees"} & set(path.relative_to(PACKAGE).parts)
)


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_imports_no_optimizer_and_no_optimizee(path):
    forbidden = ("l2l.optimizers", "l2l.optimizees", "optimizers", "optimizees")
    assert not [name for name in imports_of(path) if name.startswith(forbidden)]


def test_no_pickle_in_the_store_and_in_optimizers():
    for folder in (PACKAGE / "store", PACKAGE / "optimizers"):
        for path in folder.rglob("*.py"):
            assert not {"pickle", "cloudpickle"} & imports_of(path), path


def test_no_global_randomness_in_optimizers():
    for path in (PACKAGE / "optimizers").rglob("*.py"):
        assert "np.random.seed" not in path.read_text(), path
        if path.name not in ("deapoperators.py", "variation.py"):  # DEAP's, swapped in and out
            assert "random" not in imports_of(path), path


HEAVY = {"numpy", "h5py", "deap", "rich", "yaml", "cloudpickle", "matplotlib", "nest", "pandas"}


def test_importing_l2l_imports_nothing_heavy():
    code = "import sys, l2l; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())


@pytest.mark.skipif(not (ROOT / "optimizers").is_dir(), reason="not in a clone")
@pytest.mark.parametrize("name", ["optimizers", "optimizees"])
def test_a_second_copy_of_the_classes_is_refused(name):
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"l2l.{name}" in done.stderr
