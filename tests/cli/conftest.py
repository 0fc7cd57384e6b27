from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2l import registry

MODELS = """
from l2l import Optimizee, OptimizeeParameters, ParameterSpace, option

class ShinyParameters(OptimizeeParameters):
    size: int = option(doc="how large", low=1, unit="mm")
    colour: str = option("red", "of its surface")

class Shiny(Optimizee):
    '''A shiny model.

    More of it.
    '''
    Parameters = ShinyParameters
    space = ParameterSpace({"x": (0.0, 1.0)})
    def simulate(self, traj):
        return traj.individual.x * self.parameters.size
"""


def add_package(folder: Path, name: str, entry_points: str, **modules: str) -> None:
    """Install a package by hand: its modules, and the metadata that pip would write."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path`` with one good plug-in, and three ways to be a bad one."""
    folder = tmp_path / "site"
    add_package(
        folder,
        "shiny",
        "[l2l.optimizees]\nshiny = l2l_shiny:Shiny\n",
        l2l_shiny=MODELS,
    )
    add_package(
        folder,
        "broken",
        "[l2l.optimizees]\nbroken = l2l_broken:Model\nabsent = l2l_not_there:Model\n"
        "[l2l.optimizers]\nmisplaced = l2l_shiny:Shiny\ngrid_search = l2l_shiny:Shiny\n",
        l2l_broken="raise RuntimeError('no licence found')\n",
    )
    monkeypatch.syspath_prepend(str(folder))
    registry.refresh()
    yield folder
    monkeypatch.undo()
    registry.refresh()
    for name in ("l2l_shiny", "l2l_broken"):
        sys.modules.pop(name, None)
