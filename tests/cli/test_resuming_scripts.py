"""``l2l resume`` of runs that a script began."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import l2l
from l2l.cli import main

TWO = """
import sys
import l2l

def model(individual):
    return individual.x

stop = [int(text) for text in sys.argv[1:]]
for seed in (1, 2):
    l2l.optimize(model, {"name": "random_search", "pop_size": 5}, space={"x": (-1.0, 1.0)},
                 generations=2, evaluations=stop[seed - 1], seed=seed, executor="inline",
                 progress=False)
"""

MOVES = """
import os
import l2l

os.chdir("below")
l2l.optimize(lambda p: p.x, {"name": "random_search", "pop_size": 5}, space={"x": (0.0, 1.0)},
             generations=1, run="run", executor="inline", progress=False)
"""

NEIGHBOUR = "def gain():\n    return 2.0\n"

MODEL = """
import l2l
import gains

class Model(l2l.Optimizee):
    space = l2l.ParameterSpace({"x": (0.0, 1.0)})

    def __init__(self, offset=0.0):
        super().__init__()
        self.offset = offset

    def simulate(self, traj):
        return gains.gain() * traj.individual.x + self.offset
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_second_unnamed_run_of_a_script(folder: Path) -> None:
    (folder / "results" / "model").mkdir(parents=True)  # taken: the script's begin with model-2
    (folder / "two.py").write_text(TWO)
    python("two.py", "10", "7")
    python("-m", "l2l", "resume", "results/model-3", "--evaluations", "10")
    assert sorted(p.name for p in Path("results").iterdir()) == ["model", "model-2", "model-3"]
    assert [len(l2l.load(f"results/model-{n}")) for n in (2, 3)] == [10, 10]
    assert [l2l.load(f"results/model-{n}").config["seed"] for n in (2, 3)] == [1, 2]


def test_a_script_that_was_edited(folder: Path) -> None:
    script = folder / "edited.py"
    text = TWO.replace("(1, 2)", "(1,)").replace("seed=seed,", 'seed=seed, run="run", resume=True,')
    script.write_text(text)
    python("edited.py", "10")
    script.write_text(text.replace("generations=2", "generations=3"))
    python("edited.py", "15")  # it asks for it itself
    assert len(l2l.load("run")) == 15
    script.write_text(text + "# another remark\n")
    command = [sys.executable, "-m", "l2l", "resume", "run"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode != 0
    assert "the script has been edited since" in refused.stderr
    subprocess.run([*command, "--force"], timeout=60, check=True)


def test_a_script_that_changes_its_folder_and_gets_another_executor(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "moves.py").write_text(MOVES)
    python("moves.py")
    python("-m", "l2l", "resume", "below/run", "--generations", "2",
           "--executor", "local", "--workers", "1")  # fmt: skip
    history = l2l.load("below/run")
    assert len(history) == 10
    assert history.config["executor"]["name"] == "local"


def test_an_optimizee_in_a_file_resumes_by_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gains.py").write_text(NEIGHBOUR)
    (folder / "model.py").write_text(MODEL)
    l2l.optimize({"name": "model.py:Model", "offset": 1.0}, {"name": "random_search"},
                 generations=1, run="run", workers=1, progress=False)  # fmt: skip
    first = len(l2l.load("run"))
    monkeypatch.chdir("/")
    assert main(["resume", str(folder / "run"), "--generations", "2", "--quiet"]) == 0
    history = l2l.load(folder / "run")
    assert len(history) == 2 * first
    assert (history.fitness[:, 0] == 2.0 * history["x"] + 1.0).all()


def test_an_optimizee_in_a_file_with_a_space_of_its_own(folder: Path) -> None:
    (folder / "gains.py").write_text(NEIGHBOUR)
    (folder / "model.py").write_text(MODEL)
    result = l2l.optimize("model.py:Model", {"name": "random_search"}, space={"x": (5.0, 6.0)},
                          generations=1, run="run", workers=1, progress=False)  # fmt: skip
    assert (result.history.fitness >= 10.0).all()
