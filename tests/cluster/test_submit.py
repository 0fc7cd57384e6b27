"""``l2l submit``: the batch script, and what is checked before anything is submitted."""

from __future__ import annotations

import subprocess

import pytest
from cluster.submitted import write

from l2l.cli import build_parser, main


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write(tmp_path))


def script(capsys, *words: str) -> str:
    assert main(["submit", "--dry-run", *words]) == 0
    return capsys.readouterr().out


def test_the_script_asks_in_the_words_of_the_site(config, tmp_path, capsys):
    text = script(
        capsys, config, "--run", "out/a run", "--set", "stop.generations=3", "--seed", "9",
        "--workers", "4", "--mode", "generational", "--partition", "batch", "--account", "brain",
        "--qos", "long", "--constraint", "skylake|zen", "--gres", "gpu:2", "--nodes", "2", "-c8",
        "--ntasks", "2", "--mem", "8G", "--walltime", "8:00:00", "--dependency", "afterok:1",
        "--setup", "module load NEST", "--setup", "export A=1", "--extra=--exclusive",
        "--extra", "#SBATCH --mail-type=END", "--signal-margin", "300",
    )  # fmt: skip
    lines = [line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH " in line]
    assert lines == [
        '--job-name="l2l-a run"', "--partition=batch", "--account=brain", "--qos=long",
        '--constraint="skylake|zen"', "--gres=gpu:2", "--nodes=2", "--ntasks=2",
        "--cpus-per-task=8", "--mem=8G", "--dependency=afterok:1", "--time=8:00:00",
        f'--output="{tmp_path}/out/a run.job-%j.log"', "--requeue", "--signal=B:USR1@300",
        "--open-mode=append", "--no-kill", "--exclusive", "--mail-type=END",
    ]  # fmt: skip
    assert text.index("module load NEST") < text.index("export A=1") < text.index("-m l2l run")
    assert f"'--run={tmp_path}/out/a run' --workers=4 --resume" in text
    assert "--set=stop.generations=3 --seed=9 --mode=generational" in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    assert not (tmp_path / "out").exists()


def test_what_sbatch_would_take_for_something_else_is_quoted(config, tmp_path, capsys):
    text = script(capsys, config, "--run", 'a#b/"50% (1)')
    assert rf'#SBATCH --output="{tmp_path}/a#b/\"50%% (1).job-%j.log"' in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


def test_an_mpi_program_starts_on_all_tasks_and_dies_with_a_node(config, capsys):
    text = script(capsys, config, "--executor", "mpi", "--ntasks", "9")
    assert "srun --mpi=pmi2" in text
    assert "--no-kill" not in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("given", "limit"), [("90", "90"), ("1h30m", "90"), ("2:00:00", "2:00:00")]
)
def test_a_wall_time_may_be_given_with_units(config, capsys, given, limit):
    assert f"#SBATCH --time={limit}\n" in script(capsys, config, "--walltime", given)


def test_a_mistyped_flag_is_named_with_its_nearest(config, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["submit", config, "--patition", "debug"])
    assert ended.value.code == 2
    assert "no flag --patition; did you mean '--partition'?" in capsys.readouterr().err


def test_all_flags_of_run_can_be_submitted():
    commands = next(a for a in build_parser()._actions if a.dest == "command" or a.choices)
    run, submit = (
        {flag for action in commands.choices[name]._actions for flag in action.option_strings}
        for name in ("run", "submit")
    )
    assert run - submit <= {"--quiet"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "optimizer.pop_siz=3"], "pop_size"),
        (["--walltime", "soon"], "wall-time"),
        (["--walltime", "3"], "leaves no time"),
        (["--walltime", "30s"], "in minutes"),
        (["--extra", "exclusive"], "--extra takes an option"),
        (["--resume", "somewhere"], "expected one of"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_submitted(
    config, tmp_path, capsys, monkeypatch, words, said
):
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["submit", config, "--run", "out/run", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_there_is_not_overwritten_by_accident(config, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yaml").touch()
    assert main(["submit", config, "--run", "run", "--dry-run"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert f"--run={tmp_path}/run-2" in script(capsys, config, "--run", "run", "--next-free")


def test_a_run_that_goes_on_keeps_its_settings(config, capsys):
    assert main(["run", config, "--run", "run", "--executor", "inline", "--quiet"]) == 0
    text = script(capsys, "--resume", "run", "--generations", "9")
    assert "-m l2l resume" in text
    assert "--generations=9 &" in text
    assert main(["submit", "--resume", "run", "--seed", "3", "--dry-run"]) == 2
    assert "--seed can't change" in capsys.readouterr().err


def test_a_refusal_of_slurm_leaves_its_words(cluster, config, capsys):
    assert main(["submit", config, "--run", "run", "--partition", "nosuch"]) == 2
    said = capsys.readouterr().err
    assert "invalid partition" in said
    assert "sinfo -s" in said
