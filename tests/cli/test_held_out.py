"""Tests on held-out tasks from the command line: configuration, run, plot, status, export."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import models

import l2l
from l2l.cli import main

CONFIG = f"""\
run: run
weights: [-1.0]
test_every: 2
optimizee: {{name: "{models.__file__}:Fit", n_test: 4}}
optimizer: {{name: cma_es, pop_size: 6}}
executor: {{name: inline}}
stop: {{generations: 3}}
"""


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as exit:  # by argparse
            code = int(exit.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_from_the_configuration_to_the_export(command):
    code, out, _ = command("run", "config.yaml")
    assert code == 0
    assert "held-out tasks: fitness " in out
    tests = l2l.load("run").tests
    assert tests.generations().tolist() == [0, 2]
    assert len(tests) == 2 * 2 * 4
    assert "test_every: 2" in Path("run/run.yaml").read_text()
    assert command("plot", "run") == (0, "run/evolution.png\n", "")
    assert command("plot", "run", "--metric", "closeness") == (0, "run/closeness.png\n", "")
    assert command("plot", "run", "--figure", "spread", "--out", "a.svg") == (0, "a.svg\n", "")
    assert (
        "has no figure 'x'; valid names: broken, heatmap, moving, scatter, spread"
        in command("plot", "run", "--figure", "x")[2]
    )
    assert "held-out:    fitness " in command("status", "run")[1]
    assert command("export", "run", "--to", "csv", "--tests") == (0, "run/tests.csv\n", "")
    assert len(Path("run/tests.csv").read_text().splitlines()) == 1 + len(tests)
    assert "16 tests on held-out tasks, 16 of them ended ok" in command("doctor", "run")[1]


def test_the_flag_wins_over_the_file(command):
    assert command("run", "config.yaml", "--quiet", "--test-every", "1")[0] == 0
    assert l2l.load("run").tests.generations().tolist() == [0, 1, 2]
    Path("again.yaml").write_text(Path("run/run.yaml").read_text())
    assert command("run", "again.yaml", "--quiet", "--run", "again")[0] == 0
    assert l2l.load("again").digest() == l2l.load("run").digest()


@pytest.mark.parametrize(("given", "message"), [
    ("test_every: 0", "config.yaml:3: test_every must be"),
    ("test_every: often", "config.yaml:3: test_every must be"),
    ("test_every: 2\nmode: async", "config.yaml:3: test_every needs mode: generational, got"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(command, given, message):
    text = CONFIG.replace("test_every: 2", given)
    Path("config.yaml").write_text(text.replace("cma_es", "random_search"))
    code, _, err = command("run", "config.yaml")
    assert code == 2
    assert message in err
    assert not Path("run").exists()


def test_an_optimizee_without_tasks(command):
    Path("config.yaml").write_text(CONFIG.replace(':Fit", n_test: 4', ':Stateful"'))
    code, _, err = command("run", "config.yaml")
    assert code == 2
    assert "test_every needs an optimizee with held-out tasks, Stateful has none" in err
    assert not Path("run").exists()


def test_it_can_not_change_on_the_way(command):
    assert command("run", "config.yaml", "--quiet")[0] == 0
    code, _, err = command("run", "config.yaml", "--resume", "--test-every", "3")
    assert code != 0
    assert "test_every: 2 then, 3 now" in err
    code, _, err = command("resume", "run", "--generations", "5", "--quiet")
    assert code == 0
    assert l2l.load("run").tests.generations().tolist() == [0, 2, 4]


def test_submitted_runs_take_the_flag(command):
    text = command("submit", "config.yaml", "--dry-run", "--test-every", "5")[1]
    assert "--test-every=5" in text


def test_help_names_it(command):
    out = command("run", "--help")[1]
    assert "--test-every N" in out
    assert "test_every: 10" in out
