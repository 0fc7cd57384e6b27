"""The optimizee command in an allocation of Slurm: the same history as in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cluster.cluster import Cluster

import l2l

pytest.importorskip("parsl")

L2L = str(Path(sys.executable).parent / "l2l")
CONFIG = Path(__file__).parents[2] / "experiments" / "command" / "config.yaml"


def test_a_command_on_several_nodes(cluster: Cluster, tmp_path: Path) -> None:
    run = (L2L, "run", str(CONFIG), "--generations", "2", "--quiet")
    for name, words in (
        ("here", (*run, "--run", "here", "--executor", "inline")),
        ("there", ("salloc", "-Q", "-N2", "-n4", *run, "--run", "there", "--executor", "slurm")),
    ):
        done = subprocess.run(
            words, cwd=tmp_path, env=cluster.environment(), text=True, timeout=200,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        assert (l2l.load(tmp_path / name).status == 0).all()
    assert l2l.load(tmp_path / "there").digest() == l2l.load(tmp_path / "here").digest()
