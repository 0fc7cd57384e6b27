"""A JUBE parameter study over whole experiments, with the real JUBE."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cluster.cluster import Cluster
from helpers import models

import l2l
from l2l.cluster import sweeprun
from l2l.cluster.sweep import Sweep, submit_sweep
from l2l.errors import ConfigError

L2L = str(Path(sys.executable).parent / "l2l")
CONFIG = f"""\
weights: [-1.0]
optimizee: {{name: "{models.__file__}:Stateful"}}
optimizer: {{name: cma_es, pop_size: 6}}
executor: {{name: local}}
stop: {{evaluations: 12}}
"""
SWEEP = """\
config: base.yaml
run: study
values:
  optimizer: [cma_es, random_search]
  seed: [1, 2]
job: {JOB}
"""
SMALL = SWEEP.replace("[1, 2]", "[1]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "base.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> str:
    (folder / "sweep.yaml").write_text(text)
    return "sweep.yaml"


def sweep_of(job: str) -> str:
    return SWEEP.replace("{JOB}", job)


def rows_of(text: str) -> list[dict[str, str]]:
    rows = [re.split(r"\s*\|\s*", line.strip("| \n")) for line in text.splitlines() if "|" in line]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def check_rows(
    rows: list[dict[str, str]], folder: Path, evaluations: int, seeds: str = "12"
) -> None:
    expected = [(optimizer, n) for optimizer in ("cma_es", "random_search") for n in seeds]
    assert [(row["optimizer"], row["seed"]) for row in rows] == expected
    for row in rows:
        run = folder / "study" / f"optimizer={row['optimizer']}__seed={row['seed']}"
        history = l2l.Trajectory(run)
        assert float(row["best"]) == history.best.fitness[0]
        assert (int(row["evaluations"]), len(history)) == (evaluations, evaluations)
        assert (row["state"], row["why"]) == ("finished", f"{evaluations} evaluations")
        assert history.config["seed"] == int(row["seed"])


def test_a_study_here_and_a_longer_one_that_goes_on(
    jube: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write(folder, SMALL.replace("{JOB}", "{platform: none, procs: 2}"))
    assert submit_sweep(file, wait=True) == 0
    check_rows(rows_of(capfd.readouterr().out), folder, 12, "1")
    before = l2l.Trajectory(folder / "study/optimizer=cma_es__seed=1").fitness
    (folder / "base.yaml").write_text(CONFIG.replace("12", "18"))
    done = subprocess.run(
        [L2L, "submit", "--jube", file, "--wait"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    check_rows(rows_of(done.stdout), folder, 18, "1")
    after = l2l.Trajectory(folder / "study/optimizer=cma_es__seed=1").fitness
    assert (after[:12] == before).all()


def test_a_study_in_jobs_of_slurm(
    cluster: Cluster, jube: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write(folder, sweep_of("{partition: debug, cpus_per_task: 2, walltime: 10m}"))
    assert submit_sweep(file) == 0
    said = capfd.readouterr().out
    jobs = re.search(r"^jobs: (.*)$", said, re.MULTILINE)
    assert jobs is not None
    assert f"jube result -a {Path('study/jube')} --id 0" in said
    for job in jobs[1].split(", "):
        assert cluster.wait_for(int(job)) == "COMPLETED"
    command = ["jube", "result", "study/jube", "--id", "0"]
    table = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    check_rows(rows_of(table), folder, 12)
    config = l2l.Trajectory(folder / "study/optimizer=cma_es__seed=1").config
    assert config["executor"]["workers"] == 2  # the job's CPUs


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("random_search", "randm_search", r"with optimizer=randm_search, seed=1: (.|\n)*random_s"),
        ("seed: [1, 2]", "seed: 1", r"sweep.yaml:5: expected a list of values, got 1"),
        ("seed: [1, 2]", "sede: [1, 2]", r"there is no section 'sede'"),
        ("job: {JOB}", "jobs: {}", r"sweep.yaml:6: there is no 'jobs'; did you mean 'job'"),
        ("{JOB}", "{partiton: x}", r"there is no job.partiton; did you mean 'partition'"),
        ("base.yaml", "bass.yaml", r"bass.yaml"),
        ("[cma_es,", '["it\'s",', r"has one of ' \$ in it"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_submitted(
    folder: Path, old: str, new: str, message: str
) -> None:
    file = write(folder, SWEEP.replace(old, new).replace("{JOB}", "{platform: none}"))
    with pytest.raises(ConfigError, match=message):
        submit_sweep(file)
    assert not (folder / "study").exists()


def test_a_name_goes_with_settings_of_its_section(folder: Path) -> None:
    text = sweep_of("{}").replace("seed: [1, 2]", "optimizer.pop_size: [4, 8]")
    sweep = Sweep.read(write(folder, text))
    assert len(sweep.combinations()) == 4
    assert sweeprun.settings(["optimizer=xnes", "optimizer={name: xnes}", "seed=1"]) == [
        "optimizer.name=xnes", "optimizer={name: xnes}", "seed=1",
    ]  # fmt: skip


def test_every_combination_has_a_folder_of_its_own(folder: Path) -> None:
    text = sweep_of("{}").replace("seed: [1, 2]", "optimizee.delay: [0.5, 1.5]")
    combinations = Sweep.read(write(folder, text)).combinations()
    assert combinations[1] == ["optimizer=cma_es", "optimizee.delay=1.5"]
    odd = [["a=x/y"], ["a=x y"], ["a=" + 200 * "x"], ["a=" + 201 * "x"]]
    assert len({sweeprun.name_of(values) for values in [*combinations, *odd]}) == 8
