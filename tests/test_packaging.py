"""What is installed is whole: the wheel, and the wheel made of the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers.processes import uncovered

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "optimizers").is_dir(), reason="not in a clone")

CHECK = """
import l2l, l2l.optimizers.evolution, l2l.optimizees.functions.optimizee
assert l2l.__file__.startswith({site!r}), l2l.__file__
assert l2l.optimizers.evolution.__file__.startswith({site!r})
from l2l import registry
assert {{"genetic_algorithm", "grid_search", "random_search"}} <= set(registry.names("optimizers"))
r = l2l.optimize({{"name": "functions", "function": "Rastrigin2d"}},
                 {{"name": "random_search", "pop_size": 5}}, generations=2, workers=1,
                 weights=(-1.0,), run="run", progress=False)
assert len(r.history) == 10
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_the_linked_folders(distributions):
    with zipfile.ZipFile(distributions[0]) as archive:
        names = archive.namelist()
    for name in (
        "l2l/optimizers/evolution.py", "l2l/optimizees/mountain_car/optimizee.py", "l2l/py.typed",
        "l2l/testing/__init__.py", "l2l/optimizees/mountain_car/README.md",
    ):  # fmt: skip
        assert names.count(name) == 1, name
    assert not [name for name in names if name.startswith(("optimizers/", "tests/", "docs/"))]


def test_the_source_distribution_holds_what_a_clone_does(distributions):
    with tarfile.open(distributions[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "README.md", "LICENSE", "tests/test_packaging.py"} <= names
    assert "l2l/optimizers/evolution.py" in names or "optimizers/evolution.py" in names


@pytest.mark.parametrize("which", ["wheel", "sdist"])
def test_it_works_once_installed(tmp_path, distributions, which):
    site = tmp_path / "site"
    source = distributions[0 if which == "wheel" else 1]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--target", site, source], check=True, capture_output=True,
    )  # fmt: skip
    environment = {**uncovered(), "PYTHONPATH": str(site)}
    code = CHECK.format(site=str(site))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
