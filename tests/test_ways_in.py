"""The same engine from the prompt, from a notebook and from the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import l2l

ROOT = Path(__file__).parents[1]

CELL = """
import l2l

class Mine(l2l.Optimizee):
    space = l2l.ParameterSpace({"x": (-2.0, 2.0), "kind": ["a", "b"]})

    def simulate(self, traj):
        return -(traj.individual.x - 1) ** 2 - (traj.individual.kind == "b")

result = l2l.optimize(Mine(), {"name": "genetic_algorithm", "pop_size": 10}, generations=5,
                      run="run", workers=2, seed=1)
print("BEST", result.best.individual["kind"], len(result.history.to_pandas()))
"""


def test_at_the_prompt(tmp_path):
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input=CELL.replace("\n\n    def", "\n    def") + "\n",
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert "BEST a" in done.stdout, done.stderr


def test_ctrl_c_at_the_prompt_ends_the_call_and_not_the_session(tmp_path):
    code = """
import l2l, os, signal, threading, time
def slow(p): time.sleep(0.05); return p.x

def go(**kwargs): return l2l.optimize(
    slow, {"name": "random_search", "pop_size": 20}, space={"x": (0.0, 1.0)}, generations=2,
    run="run", workers=1, progress=False, **kwargs)

def interrupt():
    while not os.path.exists("run/journal-1"): time.sleep(0.05)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
go()
print("STILL", "HERE")
print("ENDED", len(go(resume=True).history))
"""
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input=code, cwd=tmp_path, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert "STILL HERE" in done.stdout, done.stderr
    assert "resume=True" in done.stderr
    assert "ENDED 40" in done.stdout


def test_in_a_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    again = 'print("DIGEST", l2l.optimize(Mine(), {"name": "genetic_algorithm", "pop_size": 10}, '
    again += 'generations=8, run="run", workers=1, seed=1, resume=True).history.generation.max())'
    cells = [nbformat.v4.new_code_cell(code) for code in (CELL, again)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    kernel = NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    kernel.execute()
    text = "".join(o.get("text", "") for cell in notebook.cells for o in cell.outputs)
    assert "BEST a" in text
    assert "DIGEST 7" in text


def test_a_script_without_a_main_guard(tmp_path):
    (tmp_path / "script.py").write_text(CELL)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=100, check=False)  # fmt: skip
    assert "BEST a" in done.stdout, done.stderr
    assert l2l.load(tmp_path / "run").config["optimizee"]["name"] == "__main__:Mine"


def test_ask_and_tell_without_a_run():
    def evolve(seed):
        opt = l2l.make_optimizer("genetic_algorithm", {"x": (-5.0, 5.0)}, pop_size=20, seed=seed)
        for _ in range(20):
            points = opt.ask()
            fitness = [-((ind["x"] - 1) ** 2) for ind in opt.space.decode(points)]
            opt.tell(l2l.Evaluations.of(points, fitness))
        return opt.hall_of_fame.scores[0]

    assert evolve(1) == evolve(1)
    assert all(evolve(seed) > -1e-3 for seed in range(5))


DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "docs" / "getting-started.md",
    ROOT / "docs" / "optimizees.md",
    ROOT / "docs" / "tutorial-learning-to-learn.md",
]


def snippets():
    for path in DOCUMENTS:
        if path.exists():
            found = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
            yield from ((f"{path.name}-{i}", code) for i, code in enumerate(found))


@pytest.mark.parametrize(("name", "code"), [pytest.param(*s, id=s[0]) for s in snippets()])
def test_what_the_documents_show_runs(tmp_path, name, code):
    program = code if name.endswith("-0") else f"{first_of(name)}\n{code}"
    program = program.replace("generations=200", "generations=5")
    (tmp_path / "script.py").write_text(program)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def first_of(name: str) -> str:
    """The first snippet of the same document, on which the later ones build."""
    return dict(snippets())[f"{name.rsplit('-', 1)[0]}-0"]
