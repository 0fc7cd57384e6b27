"""Every optimizer in a real run: stopped in the middle and resumed, from Python and from YAML."""

from __future__ import annotations

import pytest
import yaml

import l2l
from l2l import registry
from l2l.cli import main

NAMES = registry.names("optimizers")
#: Options with which several generations fit into the trial.
SMALL = {"grid_search": {"batch": 40}, "multi_gradient_ascent": {"n_sets": 8}}
SPACE = l2l.ParameterSpace(
    [
        l2l.Parameter("x", -5.0, 5.0, shape=(3,)),
        l2l.Parameter("tau", 0.1, 100.0, scale="log"),
        l2l.Parameter("n", 1, 9, kind="int"),
    ]
)


class Bowl(l2l.Optimizee):
    """A bowl that observers can look into; some evaluations fail."""

    space = SPACE

    def simulate(self, traj):
        p = traj.individual
        if p.seed % 11 == 0:
            raise ValueError("boom")
        residual = [*(p.x - 1.0), p.tau / 10.0 - 1.0, p.n - 3.0]
        return l2l.Result(-sum(r * r for r in residual), observation=residual)


def run(path, name, evaluations, resume=False):
    optimizer = {"name": name, **SMALL.get(name, {})}
    return l2l.optimize(
        Bowl(), optimizer, evaluations=evaluations, run=path, seed=2, executor="inline",
        progress=False, resume=resume,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_run_in_parts_is_the_run_in_one_piece(tmp_path, name):
    whole = run(tmp_path / "whole", name, 130)
    run(tmp_path / "parts", name, 37)
    run(tmp_path / "parts", name, 88, resume=True)
    parts = run(tmp_path / "parts", name, 130, resume=True)
    assert parts.history.digest() == whole.history.digest()
    assert parts.recommended is not None
    inside = SPACE.flatten([parts.recommended])
    assert (SPACE.repair(inside) == inside).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_from_a_file_is_resumed_by_itself(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(
        "import l2l\n"
        "class Model(l2l.Optimizee):\n"
        "    space = {'x': (-5.0, 5.0), 'tau': (0.1, 100.0)}\n"
        "    def simulate(self, traj):\n"
        "        p = traj.individual\n"
        "        return l2l.Result(-p.x**2 - p.tau, observation=[p.x, p.tau])\n"
    )
    config = {
        "optimizee": "model.py:Model",
        "optimizer": name,
        "executor": "inline",
        "stop": {"evaluations": 60},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    assert main(["run", "c.yaml", "--run", "whole", "--quiet"]) == 0
    assert main(["run", "c.yaml", "--run", "parts", "--quiet", "--evaluations", "25"]) == 0
    assert main(["resume", "parts", "--evaluations", "60", "--quiet"]) == 0
    assert l2l.load("parts").digest() == l2l.load("whole").digest()
