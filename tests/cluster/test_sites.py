"""Sites as they are: uneven nodes, memory, hyper-threads, no shared /tmp, an idle login node."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.cluster import Cluster, missing

TESTS = Path(__file__).parents[1]

#: The outer loop on the login node: salloc starts its command there, not in the allocation.
SCENARIO = textwrap.dedent("""
    import json, os, subprocess, sys
    os.environ["L2L_TEST_DRIVER"] = str(os.getpid())
    from helpers.ranks import Site
    from l2l.executors.base import Task
    from l2l.executors.srun.executor import SrunExecutor, SrunOptions
    from l2l.testing.executors import make_jobs
    said = []
    for options, n, rest in json.loads(sys.argv[1]):
        with SrunExecutor(SrunOptions(**options)) as executor:
            executor.start(Task(("helpers.ranks:Site", {}), Site.space))
            executor.submit(make_jobs(Site, [[rest]] * n))
            landed, children = [], set()
            while len(landed) < n:
                landed += executor.collect(0.2)
                below = ["ps", "-o", "comm=", "--ppid", str(os.getpid())]
                names = subprocess.run(below, capture_output=True, text=True).stdout
                children |= set(names.split()) - {"ps"}
            rows = [[o.started, o.duration, o.status.name, o.metrics] for o in landed]
            said.append([executor.workers, sorted(children), rows])
    print(json.dumps(said))
""")


@pytest.fixture
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster of its own kind."""
    if reason := missing():
        pytest.skip(reason)
    monkeypatch.delenv("SLURM_TEST_BASE", raising=False)
    monkeypatch.delenv("SLURM_TEST_PORT", raising=False)
    cluster = Cluster(**request.param)
    try:
        cluster.start()
        yield cluster
        assert not cluster.processes()
    finally:
        cluster.stop()


def scenario(site: Cluster, cases: list[Any], *words: str) -> Any:
    """Return what the outer loop says of each case, started in an allocation."""
    env = site.environment(PYTHONPATH=str(TESTS), TMPDIR="/nowhere/tmp", OMP_NUM_THREADS="99")
    command = ["salloc", "-Q", *words, sys.executable, "-c", SCENARIO, json.dumps(cases)]
    done = subprocess.run(command, env=env, text=True, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def at_once(rows: list[Any]) -> dict[int, int]:
    """Return the most evaluations that ran on each node at the same time."""
    found: dict[int, int] = {}
    for started, _, _, metrics in rows:
        node = int(metrics["node"])
        n = sum(
            m["node"] == node and begin <= started < begin + lasted for begin, lasted, _, m in rows
        )
        found[node] = max(found.get(node, 0), n)
    return found


UNEVEN = {"nodes": 3, "cpus": "2 4 8", "memory": 4000, "select": "CR_CPU_Memory"}


@pytest.mark.parametrize("site", [UNEVEN], indirect=True, ids=["uneven"])
def test_uneven_nodes_and_memory(site: Cluster) -> None:
    cases = [
        [{"threads": 2}, 7, 1.0],  # fills all nodes: memory is shared out by CPUs
        [{"mem": "1200M", "threads": 1}, 8, 0.5],  # three of these fit into a node's 4000 MB
    ]
    words = ("-N3", "-n14", "--mem=4000")
    (workers, children, rows), (_, _, heavy) = scenario(site, cases, *words)
    assert workers == 1 + 2 + 4
    assert children == ["srun"]  # nothing is computed on the login node
    assert Counter(m["node"] for *_, m in rows) == {1: 1, 2: 2, 3: 4}
    for _, _, status, metrics in rows + heavy:
        assert status == "OK"
        assert metrics["step"] >= 0
        assert metrics["tmp"] == 1  # that of the node, wherever the outer loop has its own
    assert {(m["threads"], m["task"]) for *_, m in rows} == {(2, 2)}
    assert {(m["threads"], m["task"]) for *_, m in heavy} == {(1, 1)}
    assert all(n <= 3 for n in at_once(heavy).values()), at_once(heavy)
    assert sum(at_once(heavy).values()) > 2  # not one after the other


THREADED = {"nodes": 2, "cpus": "4", "threads": 2}


@pytest.mark.parametrize("site", [THREADED], indirect=True, ids=["threaded"])
@pytest.mark.parametrize(
    "words",
    [("-n8",), pytest.param(("-n4", "--hint=nomultithread"), marks=pytest.mark.campaign)],
)
def test_hyper_threads(site: Cluster, words: tuple[str, ...]) -> None:
    """Whole cores or single threads: what Slurm can't hold waits, and all of it ends ok."""
    [(workers, _, rows)] = scenario(site, [[{"cpus_per_task": 1}, 6, 0.3]], "-N2", *words)
    assert [status for _, _, status, _ in rows] == ["OK"] * 6
    assert 1 <= workers <= 8
    assert {m["threads"] for *_, m in rows} == {1}
