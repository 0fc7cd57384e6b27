"""The ``jube`` executor with the real JUBE: by itself on this machine, and through a real Slurm."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cluster.cluster import Cluster, wait_until
from helpers import models
from helpers.faults import check_faults, finish, make_jobs, task_of

import l2l
from l2l.errors import ConfigError, L2LError
from l2l.evaluation import Status
from l2l.executors.jube import chunkfiles
from l2l.executors.jube.chunkfiles import LineReader, LineWriter
from l2l.executors.jube.executor import JubeExecutor, JubeOptions
from l2l.testing import executors as contract

L2L = str(Path(sys.executable).parent / "l2l")
CONFIG = """\
run: run
seed: 5
weights: [-1.0]
optimizee: {{name: "{model}:Stateful", delay: {delay}}}
optimizer: {{name: cma_es, pop_size: 8}}
executor: {{name: jube, {executor}}}
stop: {{generations: {generations}}}
"""
LOCAL = "platform: none, packages: 2, workers_per_job: 1"
SLURM = "packages: 4, workers_per_job: 1"


def local(workers: int = 2, timeout: float | None = None, **options: Any) -> JubeExecutor:
    packages = min(workers, 2)
    each = max(1, workers // packages)
    return JubeExecutor(
        JubeOptions(
            platform="none", packages=packages, workers_per_job=each, timeout=timeout, **options
        )
    )


def on_slurm(workers: int = 2, timeout: float | None = None) -> JubeExecutor:
    options = JubeOptions(packages=min(workers, 2), workers_per_job=1, timeout=timeout)
    return JubeExecutor(options)


def configure(folder: Path, executor: str, *, delay: float = 0.0, generations: int = 2) -> None:
    values = {"model": models.__file__, "executor": executor}
    text = CONFIG.format(**values, delay=delay, generations=generations)
    (folder / "config.yaml").write_text(text)


def call(folder: Path, *words: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [L2L, *words], cwd=folder, env=env, text=True, timeout=240, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}"
    return done.stdout


def start(folder: Path, *words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [L2L, *words], cwd=folder, env=env, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def digest(folder: Path, run: str) -> str:
    return l2l.Trajectory(folder / run).digest()


def inline_digest(folder: Path, *words: str) -> str:
    call(folder, "run", "config.yaml", "--run", "inline", "--executor", "inline",
         "--set", "optimizee.delay=0", *words)  # fmt: skip
    return digest(folder, "inline")


def result_table(jube: str, folder: Path, number: int) -> list[dict[str, str]]:
    """Return the rows of ``jube result``."""
    command = [jube, "result", str(folder), "--id", str(number)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    rows = [re.split(r"\s*\|\s*", line.strip("| \n")) for line in text.splitlines() if "|" in line]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


# -- without a batch system -----------------------------------------------------------------------


@pytest.mark.campaign
def test_contract_without_a_batch_system(jube: str) -> None:
    contract.check_executor(local)


def test_a_run_is_that_of_inline_and_leaves_its_job_scripts(jube: str, tmp_path: Path) -> None:
    configure(tmp_path, LOCAL)
    call(tmp_path, "run", "config.yaml")
    assert digest(tmp_path, "run") == inline_digest(tmp_path)
    rows = result_table(jube, tmp_path / "run/jube", 1)
    assert [(row["package"], row["individuals"], row["ok"]) for row in rows] == [
        ("0", "4", "4"), ("1", "4", "4"),
    ]  # fmt: skip
    history = l2l.Trajectory(tmp_path / "run")
    second = history.fitness[history.generation == 1]
    found = [float(row[name]) for row in rows for name in ("lowest", "highest")]
    assert (min(found), max(found)) == (second.min(), second.max())
    assert "chunkwork" in (tmp_path / "run/jube/000001/configuration.xml").read_text()
    assert not (tmp_path / "run/scratch").exists()


def test_faults_have_the_statuses_that_they_have_everywhere(jube: str) -> None:
    check_faults(local)


def test_a_package_that_is_killed_loses_only_what_it_had_not_done(jube: str) -> None:
    jobs = contract.make_jobs(contract.Noisy, [[float(i), 0.3] for i in range(12)])
    with contract.started(local, contract.Noisy, workers=1) as executor:
        executor.submit(jobs)
        outcomes = executor.collect(60.0)
        [pid] = [p for p in contract.processes_with(executor.engine.token) if is_chunk(p)]
        os.kill(pid, signal.SIGKILL)
        outcomes += contract.collected(executor, len(jobs) - len(outcomes))
        lost = [o for o in contract.in_order(outcomes, jobs) if o.status is Status.LOST]
        assert 8 <= len(lost) <= 11
        assert re.search(r"workpackage 0 ended before it was done", lost[0].message)
        again = contract.run(executor, [o.job for o in lost])
    assert all(outcome.status is Status.OK for outcome in again)


def is_chunk(pid: int) -> bool:
    """Whether a process is a package's, and not what jube or a worker is."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"l2l.executors.jube.chunkwork" in words and b"-P" in words


def test_a_worker_that_cannot_start_is_an_error_that_says_why(jube: str) -> None:
    task = task_of("Faulty")
    with local(setup=["echo no module load here >&2", "exit 3"]) as executor:
        executor.start(task)
        executor.submit(make_jobs(task.space, [{"fault": "takes_a_moment", "x": 0.0}]))
        with pytest.raises(L2LError, match="no module load here"):
            executor.collect(60.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"platform": "/nowhere"}, r"platform.xml in /nowhere, found none.*platform: none"),
        ({"command": "jubb"}, r"expected the command 'jubb' on PATH"),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(
    jube: str, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with (
        JubeExecutor(JubeOptions(**options)) as executor,
        pytest.raises(ConfigError, match=message),
    ):
        executor.start(task_of("Faulty"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"walltime": "soon"}, "expected a duration"),
        ({"setup": 3}, "setup must be a text or a list"),
        ({"parameters": ["queue"]}, "parameters must be a map"),
        ({"packages": 1000}, "at most 50"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        JubeOptions(**options)


def test_only_whole_lines_count_and_numbers_stay_exact(tmp_path: Path) -> None:
    path = chunkfiles.results(tmp_path, 0)
    numbers = [0.1, 1e-320, -0.0, 2.0**60 + 1, float("nan")]
    path.write_text(json.dumps({"id": 1, "numbers": numbers}) + '\n{"id": 2, "num')
    reader = LineReader(path)
    [first] = reader.read()
    assert [value.hex() for value in first["numbers"]] == [value.hex() for value in numbers]
    assert list(reader.read()) == []
    writer = LineWriter(path, shared=True)  # begun again: the torn line is no line
    writer.write([{"id": 3}])
    writer.close()
    assert [entry["id"] for entry in reader.read()] == [3]


# -- through Slurm --------------------------------------------------------------------------------


def test_the_contract(cluster: Cluster, jube: str) -> None:
    contract.check_leftovers(local)
    for check in (contract.check_outcomes, contract.check_drain, contract.check_leftovers):
        check(on_slurm)


@pytest.mark.campaign
def test_whole_contract_with_slurm(cluster: Cluster, jube: str) -> None:
    contract.check_executor(on_slurm)


def test_jobs_and_a_node_are_lost_and_the_run_folder_goes_away(
    cluster: Cluster, jube: str, tmp_path: Path
) -> None:
    """Two of four jobs of a generation: scancel and a power failure; few questions are asked."""
    configure(tmp_path, SLURM, delay=1.0, generations=1)
    begun = time.time()
    process = start(tmp_path, "run", "config.yaml", env=cluster.environment(counted=True))
    try:
        run = tmp_path / "run"
        wait_until(lambda: len(running(cluster)) == 4, 60, "four jobs run")
        run.rename(tmp_path / "away")
        jobs = running(cluster)
        cluster.command("scancel", jobs[0][0])
        cluster.kill_node(jobs[1][1])
        time.sleep(5.0)
        assert not run.exists()  # nobody has made it anew
        (tmp_path / "away").rename(run)
        said = process.communicate(timeout=240)[0]
        assert process.returncode == 0, said[-3000:]
    finally:
        process.kill()
        process.wait()
        cluster.revive()
    took = time.time() - begun
    assert digest(tmp_path, "run") == inline_digest(tmp_path)
    assert re.search(rf"job {jobs[0][0]} of workpackage \d ended before it was done", said)
    assert re.search(rf"job {jobs[1][0]} of workpackage \d ended before it was done", said)
    asked = cluster.calls("squeue", "scontrol", since=begun)
    assert len(asked) <= took / 10 + 1
    assert len(cluster.calls("sinfo", since=begun)) <= 1
    rows = result_table(jube, run / "jube", 0)
    assert sum(int(row["lost"]) for row in rows) >= 1


def running(cluster: Cluster) -> list[tuple[str, str]]:
    """Return job and node of all running jobs."""
    out = cluster.command("squeue", "-h", "-t", "R", "-o", "%A %N")
    return [(job, node) for job, node in (line.split() for line in out.splitlines())]


def test_jobs_of_a_driver_that_was_killed_are_cancelled_by_the_next(
    cluster: Cluster, jube: str, tmp_path: Path
) -> None:
    configure(tmp_path, SLURM + ", grace: 5", delay=0.3, generations=2)
    environment = cluster.environment()
    process = start(tmp_path, "run", "config.yaml", env=environment)
    wait_until(lambda: len(running(cluster)) == 4, 60, "four jobs run")
    cluster.command("scancel", "--signal=STOP", *(job for job, _ in running(cluster)))
    old = [job for job, _ in running(cluster)]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    call(tmp_path, "resume", "run", env=environment)
    assert digest(tmp_path, "run") == inline_digest(tmp_path)
    assert {cluster.state(int(job)) for job in old} <= {"CANCELLED", "COMPLETING", "COMPLETED"}


def test_the_site_gets_what_it_is_told(cluster: Cluster, jube: str, tmp_path: Path) -> None:
    """Options in the site's words, setup lines, and any further parameter, in the job's script."""
    options = {
        "partition": "debug", "walltime": "1h30m", "cpus_per_task": 2, "tasks_per_node": 2,
        "mem": "100M", "setup": ["export PRICE=$HOME,1", "true"],
        "parameters": {"outlogfile": "site.out"}, "threads": 2, "packages": 1,
    }  # fmt: skip
    task = task_of("Faulty")
    task.scratch, task.logs = tmp_path / "scratch", tmp_path / "logs"
    jobs = make_jobs(task.space, [{"fault": "takes_a_moment", "x": i / 4} for i in range(4)])
    with JubeExecutor(JubeOptions(**options)) as executor:
        assert executor.workers == 2
        executor.start(task)
        outcomes = finish(executor, jobs)
    assert all(outcome.status is Status.OK for outcome in outcomes.values())
    assert {outcome.worker for outcome in outcomes.values()} == {0, 1}  # a task each
    work = tmp_path / "jube/000000/000000_evaluate/work"
    script = (work / "submit.job").read_text()
    for line in (
        "#SBATCH --partition=debug", "#SBATCH --time=01:30:00", "#SBATCH --cpus-per-task=2",
        "#SBATCH --ntasks=2", "#SBATCH --mem=100M", "#SBATCH --no-requeue",
        "export PRICE=$HOME,1",
    ):  # fmt: skip
        assert line in script
    assert (work / "site.out").exists()
    wrong = JubeOptions(parameters={"tasksprenode": 3})
    with JubeExecutor(wrong) as executor, pytest.raises(ConfigError, match="taskspernode"):
        executor.start(task)


def test_a_job_that_is_refused_is_an_error_that_says_why(cluster: Cluster, jube: str) -> None:
    task = task_of("Faulty")
    with JubeExecutor(JubeOptions(partition="nowhere")) as executor:
        executor.start(task)
        executor.submit(make_jobs(task.space, [{"fault": "takes_a_moment", "x": 0.0}]))
        with pytest.raises(L2LError, match="invalid partition"):
            executor.collect(60.0)


@pytest.mark.campaign
def test_a_job_that_hits_its_walltime_loses_only_what_it_had_not_done(
    cluster: Cluster, jube: str
) -> None:
    """Ten individuals of 10 s, one after another, in a job of one minute."""
    options = JubeOptions(workers_per_job=1, walltime="1m")
    slow = [[0.0, 10.0]] * 10
    jobs = contract.make_jobs(contract.Noisy, slow)
    with contract.started(lambda: JubeExecutor(options), contract.Noisy) as executor:
        executor.submit(jobs)
        outcomes: list[Any] = []
        wait_until(lambda: outcomes.extend(executor.collect(1.0)) or len(outcomes) == 10, 180)
    lost = [o for o in outcomes if o.status is Status.LOST]
    assert 1 <= len(lost) <= 6  # Slurm counts in its own time
    assert "out of time" in lost[0].message
    assert all(o.status is Status.OK for o in outcomes if o not in lost)
