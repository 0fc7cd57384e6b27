"""What every experiment and every optimizee that is shipped must have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

import l2l
from l2l import config, registry
from l2l.optimizee import family_of

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = sorted(path.parent for path in (ROOT / "experiments").glob("*/README.md"))
CONFIGS = sorted((ROOT / "experiments").glob("*/*.yaml"))
RUNS = [path for path in CONFIGS if "optimizer" in yaml.safe_load(path.read_text())]
PAPER = [path for path in RUNS if path.stem == "config-paper"]
SCRIPTS = sorted((ROOT / "experiments").glob("*/run.py"))
OPTIMIZEES = {entry.name: entry.value for entry in entry_points(group="l2l.optimizees")}
#: What no process may load that does not simulate with it.
SIMULATORS = {"nest", "arbor", "gymnasium", "numba", "efel", "sklearn", "jinja2", "matplotlib"}


def name_of(path):
    return str(path.relative_to(ROOT / "experiments"))


@pytest.mark.parametrize("folder", EXPERIMENTS, ids=name_of)
def test_an_experiment_has_a_laptop_and_a_paper_size_and_says_how_it_compares(folder):
    for name in ("config.yaml", "config-paper.yaml", "run.py", "reproduce.md"):
        assert (folder / name).is_file(), name
    assert f"experiments/{folder.name}" in (folder / "README.md").read_text()


@pytest.mark.parametrize("path", RUNS, ids=name_of)
def test_a_configuration_names_what_exists(path):
    resolved = config.load(path)
    assert resolved["run"].startswith("results/")
    assert any(value is not None for value in resolved["stop"].values())


@pytest.mark.parametrize("path", PAPER, ids=name_of)
def test_a_run_folder_of_its_own(path):
    folders = [config.load(other)["run"] for other in RUNS]
    assert folders.count(config.load(path)["run"]) == 1


@pytest.mark.parametrize("name", sorted(OPTIMIZEES))
def test_importing_an_optimizee_imports_no_simulator(name):
    module = OPTIMIZEES[name].partition(":")[0]
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not SIMULATORS & set(loaded.stdout.split())


@pytest.mark.parametrize("name", sorted(OPTIMIZEES))
def test_an_optimizee_explains_itself(name):
    cls = registry.load("optimizees", name)
    assert (cls.__doc__ or "").strip()
    for figure in getattr(cls, "figures", {}).values():
        module, _, function = figure.partition(":")
        assert module.startswith("l2l.optimizees."), figure
        assert f"def {function}(" in _source(module), figure


def _source(module: str) -> str:
    folder = ROOT / "optimizees" / "/".join(module.split(".")[2:])
    path = folder.with_suffix(".py")
    return (path if path.is_file() else folder / "__init__.py").read_text()


@pytest.mark.parametrize("path", RUNS, ids=name_of)
def test_held_out_tests_are_asked_for_where_there_are_tasks(path):
    resolved = config.load(path)
    if resolved.get("test_every") is None:
        pytest.skip("it asks for none")
    options = dict(resolved["optimizee"])
    cls = registry.load("optimizees", options.pop("name"))
    assert family_of(registry.construct(cls, options)) is not None


def needs_netlogo():
    """Skip where NetLogo, or the model that its users bring, is not here."""
    if "NETLOGO_HOME" not in os.environ:
        pytest.skip("NETLOGO_HOME is not set: NetLogo is not here")
    if not list((ROOT / "experiments" / "netlogo").glob("*.nlogo*")):
        pytest.skip("no model in experiments/netlogo: it is not ours to ship")


@pytest.mark.campaign
@pytest.mark.parametrize("path", PAPER, ids=name_of)
def test_the_first_generation_at_the_papers_size(path, tmp_path):
    if path.parent.name == "netlogo":
        needs_netlogo()
    run = [sys.executable, "-m", "l2l", "run", name_of(path), "--run", str(tmp_path / "run")]
    done = subprocess.run(
        [*run, "--generations", "1", "--quiet"], cwd=ROOT / "experiments", timeout=3000,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    history = l2l.load(tmp_path / "run")
    assert len(history) >= 4
    assert (history.status == 0).mean() > 0.9


@pytest.mark.campaign
@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_a_run_script_starts_and_stops_when_asked(script, tmp_path):
    if script.parent.name == "netlogo":
        needs_netlogo()
    running = subprocess.Popen([sys.executable, script], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while running.poll() is None and not _evaluations(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) in (0, 75)
    assert _evaluations(tmp_path)


def _evaluations(folder: Path) -> int:
    runs = [path.parent for path in folder.glob("results/[!.]*/run.yaml")]
    return sum(len(l2l.load(run)) for run in runs)
