"""The commands, on real runs: what they print, what they write, how they exit."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import l2l
from l2l.cli import main

CONFIG = """\
name: waiting
run: here
seed: 7
optimizee: {name: active_wait, difficulty: 500}
optimizer: {name: random_search, pop_size: 6}
executor: {name: inline}
stop: {generations: 3}
"""

MODEL = """
import os, time
from l2l import Optimizee, ParameterSpace

class Model(Optimizee):
    space = ParameterSpace({"x": (0.0, 1.0), "n": (1, 5)})

    def __init__(self, traj, sleep: float = 0.0, fail_above: float = 2.0):
        self.sleep, self.fail_above = sleep, fail_above

    def simulate(self, traj):
        time.sleep(self.sleep)
        print("about to look at x")
        if traj.individual.x > self.fail_above:
            raise ValueError(f"x = {traj.individual.x} is too large")
        return -traj.individual.x
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "model.yaml").write_text(
        CONFIG.replace("{name: active_wait, difficulty: 500}", "{name: 'model.py:Model'}")
    )
    return tmp_path


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*argv: str) -> tuple[int, str, str]:
        try:
            code = main(argv)
        except SystemExit as exit:  # by argparse
            code = int(exit.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def process(*argv: str, **kwargs) -> subprocess.Popen[str]:
    kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **kwargs}
    return subprocess.Popen([sys.executable, "-m", "l2l", *argv], **kwargs)


# -- run ------------------------------------------------------------------------------------------


def test_run_says_what_came_out_and_where_it_lies(command: Command, folder: Path) -> None:
    code, out, err = command("run", "config.yaml")
    assert code == 0, err
    best = l2l.load("here").best
    assert "ended after 0:0" in out
    assert ": 3 generations" in out
    assert f"best: fitness {best.fitness[0]:.4g}, evaluation {best.id} of generation" in out
    assert f"difficulty = {best.individual['difficulty']:.6g}" in out
    assert "run: here" in out
    assert (folder / "here" / "evolution.png").stat().st_size > 10_000
    assert f"figure: {Path('here/evolution.png')}" in out


def test_quiet_prints_nothing(command: Command) -> None:
    assert command("run", "config.yaml", "--quiet") == (0, "", "")


def test_flags_stand_for_settings(command: Command) -> None:
    flags = "--generations 9 --evaluations 8 --seed 5 --run there"
    flags += " --time 1h --target 1e9 --patience 7"
    code, _, err = command("run", "config.yaml", "--quiet", *flags.split())
    assert code == 0, err
    history = l2l.load("there")
    assert len(history) == 8
    assert history.config["seed"] == 5
    assert history.config["stop"] == {
        "generations": 9,
        "evaluations": 8,
        "target": 1e9,
        "time": 3600,
        "patience": 7,
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["run", "config.yaml", "--workers", "2"], "--workers 2: there is no executor.workers"),
        (["run", "config.yaml", "--generations", "-1"], "--generations -1: stop.generations must"),
        (["run", "config.yaml", "--set", "seed=x"], "--set seed=x: seed must be a number"),
        (["run", "config.yaml", "--executor", "locl"], "--executor locl: no executor 'locl'; did"),
        (["run", "config.yaml", "--time", "soon"], "--time: expected a duration"),
        (["run", "confg.yaml"], "no file confg.yaml; did you mean 'config.yaml'"),
        (["run", "config.yaml", "--resume", "--overwrite"], "not allowed with"),
        (["runn", "config.yaml"], "invalid choice: 'runn'"),
        ([], "the following arguments are required: COMMAND"),
        (["export", "here", "--to", "xls"], "invalid choice: 'xls'"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_starts_nothing(
    command: Command, folder: Path, argv: list[str], message: str
) -> None:
    code, _, err = command(*argv)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not (folder / "here").exists()


def test_a_run_that_is_there_is_not_touched(command: Command, folder: Path) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    before = l2l.load("here").digest()
    code, _, err = command("run", "config.yaml", "--quiet")
    assert code == 2
    assert "here exists already" in err
    assert "--overwrite" in err
    assert command("run", "config.yaml", "--quiet", "--next-free")[0] == 0
    assert l2l.load("here-2").digest() == before
    assert command("run", "config.yaml", "--quiet", "--overwrite", "--seed", "8")[0] == 0
    assert l2l.load("here.1").digest() == before != l2l.load("here").digest()
    code, _, _ = command(
        "run", "config.yaml", "--quiet", "--resume", "--seed", "8", "--generations", "4"
    )
    assert code == 0
    assert len(l2l.load("here")) == 24


def test_the_same_by_inline_and_local(command: Command) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    flags = "--executor local --workers 2 --run there"
    code, _, err = command("run", "config.yaml", "--quiet", *flags.split())
    assert code == 0, err
    assert l2l.load("there").digest() == l2l.load("here").digest()


def test_the_record_of_a_run_is_a_configuration(command: Command) -> None:
    assert command("run", "model.yaml", "--quiet")[0] == 0
    code, _, err = command("run", "here/run.yaml", "--quiet", "--run", "again")
    assert code == 0, err
    assert l2l.load("again").digest() == l2l.load("here").digest()


def test_where_nothing_works_the_exit_code_is_3(command: Command) -> None:
    code, _, err = command("run", "model.yaml", "--quiet", "--set", "optimizee.fail_above=-1")
    assert code == 3
    assert "ValueError" in err
    assert "is too large" in err


# -- resume ---------------------------------------------------------------------------------------


def test_resume_extends_a_run(command: Command) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    code, out, err = command("resume", "here", "--generations", "5")
    assert code == 0, err
    assert "goes on after 18 evaluations" in out
    assert "5 generations" in out
    assert command("run", "config.yaml", "--quiet", "--run", "whole", "--generations", "5")[0] == 0
    assert l2l.load("here").digest() == l2l.load("whole").digest()


def test_resume_with_another_executor(command: Command) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    argv = "resume here --quiet --executor local --workers 2 --evaluations 30 --generations 9"
    code, _, err = command(*argv.split())
    assert code == 0, err
    assert l2l.load("here").config["executor"]["workers"] == 2
    assert len(l2l.load("here")) == 30


def test_resume_needs_a_run(command: Command) -> None:
    code, _, err = command("resume", "nowhere")
    assert code == 1
    assert "nowhere" in err


def test_a_signal_is_exit_code_75_and_says_how_to_go_on(command: Command, folder: Path) -> None:
    slow = "run model.yaml --set optimizee.sleep=0.05 --generations 20 --set executor.grace=5"
    running = process(*slow.split(), cwd=folder)
    wait_for(lambda: (folder / "here").is_dir() and len(l2l.load("here")) > 3)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 75
    assert "stopped by SIGTERM" in err
    assert "l2l resume here" in err
    assert "Traceback" not in err
    assert "state:       interrupted (stopped by SIGTERM)" in command("status", "here")[1]
    code, _, err = command("resume", "here", "--quiet", "--generations", "4")
    assert code == 0, err
    assert len(l2l.load("here")) == 24


def test_a_run_that_somebody_writes_is_exit_code_4(command: Command, folder: Path) -> None:
    slow = "run model.yaml --quiet --set optimizee.sleep=0.1 --generations 50"
    running = process(*slow.split(), cwd=folder)
    try:
        wait_for(lambda: (folder / "here").is_dir() and len(l2l.load("here")) > 0)
        code, _, err = command("resume", "here")
        assert code == 4
        assert str(running.pid) in err
        out = command("status", "here")[1]
        assert "state:       running" in out
        assert str(running.pid) in out
    finally:
        running.kill()
        running.communicate(timeout=30)
    assert "state:       interrupted" in command("status", "here")[1]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if condition():
                return
        except l2l.L2LError:
            pass
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)


SCRIPT = """
import sys
import l2l

def model(individual):
    return -individual.x ** 2

generations = int(sys.argv[1])
l2l.optimize(model, {"name": "random_search", "pop_size": 5}, space={"x": (-1.0, 1.0)},
             generations=generations, run="scripted", executor="inline", progress=False)
"""


def test_the_run_of_a_script_is_continued_by_the_script(folder: Path, command: Command) -> None:
    (folder / "script.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "script.py", "2"], cwd=folder, check=True, timeout=60)
    resumed = process("resume", "scripted", "--generations", "4", cwd=folder)
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, err
    assert "begun by a script" in out
    assert "script.py 2" in out
    assert len(l2l.load("scripted")) == 20


# -- status ---------------------------------------------------------------------------------------


def test_status_of_a_finished_run(command: Command) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    code, out, err = command("status", "here")
    assert code == 0, err
    assert "state:       finished (3 generations)" in out
    assert "generations: 3 of 3\n" in out
    assert "evaluations: 18\n" in out
    best = l2l.load("here").best
    assert f"best:        fitness {best.fitness[0]:.4g}, evaluation {best.id} of generation" in out
    assert "failed" not in out


def test_status_shows_what_failed_and_why(command: Command) -> None:
    flags = "--set optimizee.fail_above=0.5 --executor local --workers 2"
    code, out, err = command("run", "model.yaml", *flags.split())
    assert code == 0, err
    assert " failed" in out
    history = l2l.load("here")
    bad = int((history["x"] > 0.5).sum())
    assert f"evaluations: 18, {bad} failed (see --failed)" in command("status", "here")[1]
    out = command("status", "here", "--failed")[1]
    first = history.failures()[0]
    assert out.count("about to look at x") == min(bad, 5)
    assert f"evaluation {first.id} (individual " in out
    assert "failed: ValueError: x = " in out
    assert "Traceback (most recent call last)" in out
    assert f"x = {history.entry(first.id).individual['x']:.6g}" in out
    out = command("status", "here", "--failed", "2")[1]
    assert out.count("about to look at x") == 2


def test_status_as_json(command: Command) -> None:
    assert command("run", "model.yaml", "--quiet", "--set", "optimizee.fail_above=0.5")[0] == 0
    found = json.loads(command("status", "here", "--json", "--failed", "1")[1])
    history = l2l.load("here")
    assert found["state"] == "finished"
    assert found["evaluations"]["all"] == 18
    assert found["evaluations"]["failed"] == int((history["x"] > 0.5).sum())
    assert found["best"]["individual"] == history.best.individual
    assert found["best"]["fitness"] == history.best.fitness.tolist()
    assert [failure["status"] for failure in found["failures"]] == ["failed"]
    assert found["stop"]["generations"] == 3


def test_status_of_no_run(command: Command, folder: Path) -> None:
    (folder / "empty").mkdir()
    for path in ("nowhere", "empty", "config.yaml"):
        code, out, err = command("status", path)
        assert code == 1
        assert out == ""
        assert path in err
        assert "Traceback" not in err


# -- export, plot, doctor -------------------------------------------------------------------------


def test_export(command: Command, folder: Path) -> None:
    assert command("run", "model.yaml", "--quiet", "--set", "optimizee.fail_above=0.5")[0] == 0
    history = l2l.load("here")
    code, out, err = command("export", "here", "--to", "csv")
    assert code == 0, err
    with open(out.strip()) as file:
        rows = list(csv.DictReader(file))
    assert [float(row["x"]) for row in rows] == history["x"].tolist()
    code, out, err = command("export", "here", "--to", "sqlite", "--out", "table.db")
    assert code == 0, err
    assert out.strip() == "table.db"
    with sqlite3.connect("table.db") as database:
        (name,) = database.execute("select name from sqlite_master where type='table'").fetchone()
        count = database.execute(f"select count(*) from {name} where status = 'ok'").fetchone()
    assert count == (int((history["x"] <= 0.5).sum()),)


def test_plot(command: Command, folder: Path) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    assert command("plot", "here") == (0, "here/evolution.png\n", "")
    assert command("plot", "here", "--out", "figure.pdf") == (0, "figure.pdf\n", "")
    assert (folder / "figure.pdf").read_bytes().startswith(b"%PDF")
    code, _, err = command("plot", "here", "--out", "figure.xyz")
    assert code == 1
    assert "figure.xyz can't be written" in err


def test_doctor_finds_a_flipped_byte(command: Command, folder: Path) -> None:
    assert command("run", "config.yaml", "--quiet")[0] == 0
    code, out, err = command("doctor", "here")
    assert code == 0, (out, err)
    path = folder / "here" / "history.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    code, out, err = command("doctor", "here")
    assert code == 1
    assert "history.h5" in out + err


# -- list, help, and the rest ---------------------------------------------------------------------


def test_list_shows_parameters_and_defaults(command: Command) -> None:
    code, out, _ = command("list")
    assert code == 0
    for name in ("optimizers\n", "  genetic_algorithm  ", "  mountain_car  ", "  inline  "):
        assert name in out
    assert "difficulty: 10000.0  primes up to" in out
    assert "timeout: null " in out
    code, out, _ = command("list", "executors")
    assert out.startswith("executors\n")
    assert "optimizers" not in out


@pytest.mark.usefixtures("plugins")
@pytest.mark.filterwarnings("ignore:two packages")
def test_list_shows_plugins_broken_ones_too(command: Command) -> None:
    code, out, _ = command("list")
    assert code == 0
    assert "  shiny [shiny]  A shiny model\n      size         how large [mm]" in out
    assert "broken [broken]  can't be loaded (l2l_broken:Model): RuntimeError: no licence" in out
    assert "  active_wait  " in out


def test_help_teaches(command: Command) -> None:
    code, out, _ = command("--help")
    assert code == 0
    for word in ("run", "resume", "status", "export", "plot", "list", "doctor"):
        assert f"\n    {word} " in out
    assert "75   stopped by a signal" in out
    for word in ("run", "resume", "status", "export", "plot", "list", "doctor"):
        code, out, _ = command(word, "--help")
        assert code == 0
        assert "example" in out


def test_version(command: Command) -> None:
    assert command("--version") == (0, f"l2l {l2l.__version__}\n", "")


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    running = process("list", cwd=folder)
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    assert "Traceback" not in running.stderr.read()
    running.stderr.close()
    assert running.wait(30) in (0, 141)


def test_debug_shows_the_traceback(folder: Path) -> None:
    running = process("status", "nowhere", cwd=folder, env={**os.environ, "L2L_DEBUG": "1"})
    _, err = running.communicate(timeout=30)
    assert "Traceback" in err
