"""``l2l doctor --executor slurm``: what it finds of a site."""

from __future__ import annotations

from l2l.cli import main
from l2l.cluster import slurm


def test_a_site_that_is_fine(cluster, tmp_path, capsys):
    code = main(["doctor", "--executor", "slurm", "--folder", str(tmp_path), "-c", "2"])
    said = capsys.readouterr().out
    assert code == 0, said
    rows = {line[9:25].strip(): line[26:] for line in said.splitlines() if line[:2] == "ok"}
    assert "slurm" in rows["commands"]
    assert "4 nodes of 4 CPUs" in rows["partition debug*"]
    assert "answered from n" in rows["pilot"]
    assert "seen both ways" in rows["shared folder"]
    assert "the node reaches this machine" in rows["network"]
    assert rows["CPUs"].startswith("2 allocated") or "2 allocated" in said
    assert "l2l" in rows["python"]
    assert not list(tmp_path.iterdir())


def test_a_site_that_is_not(cluster, tmp_path, capsys, monkeypatch):
    words = ["doctor", "--executor", "slurm", "--folder", str(tmp_path)]
    assert main([*words, "--partition", "debog"]) == 1
    said = capsys.readouterr().out
    assert "did you mean 'debug'?" in said

    monkeypatch.setattr(slurm, "INTERVAL", 1.0)
    assert main([*words, "--setup", "echo no module; exit 3"]) == 1
    assert "printed: no module" in capsys.readouterr().out
    assert main([*words, "--extra=--hold", "--patience", "3"]) == 1
    assert "still waits in the queue" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_without_slurm_it_says_so(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["doctor", "--executor", "slurm"]) == 1
    assert "login node" in capsys.readouterr().out


def test_it_wants_a_run_or_a_site(capsys):
    assert main(["doctor"]) == 2
    assert "--executor slurm" in capsys.readouterr().err


def test_it_wants_a_folder_that_is_there(tmp_path, capsys):
    assert main(["doctor", "--executor", "slurm", "--folder", str(tmp_path / "none")]) == 2
    assert "expected a folder to write to" in capsys.readouterr().err
