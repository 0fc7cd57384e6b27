"""The optimizee command: programs of several languages, their files, and all that goes wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

import l2l
from l2l import config
from l2l.errors import ConfigError, MissingExtra, NothingWorked, SimulationFailed
from l2l.evaluation import Status
from l2l.optimizee import Individual, Trial
from l2l.optimizees.command import Command, CommandParameters
from l2l.optimizees.command.__main__ import main
from l2l.testing import check_optimizee

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = ROOT / "experiments" / "command"
RANDOM = {"name": "random_search", "pop_size": 4}
XN = {"x": [-2.0, 2.0], "n": [1, 5]}
POINT = {"x": 1.5, "n": 3}


def make(**options):
    return Command(None, CommandParameters(**{"parameters": {"x": [-2.0, 2.0]}, **options}))


def sh(script, **options):
    """An optimizee of a shell's script, which uses {x} at least in a comment."""
    return make(command=f"{script}\n# {{x}}", shell=True, **options)


def trial(folder, params=None, **more):
    folder.mkdir(parents=True, exist_ok=True)
    return Trial(Individual(params or {"x": 1.5}, scratch=lambda: folder, **more))


def simulate(optimizee, folder, params=None, **more):
    return optimizee.simulate(trial(folder, params, **more))


def template(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(text)
        path.chmod(0o755)
    return str(folder)


# -- parameters on the command line -----------------------------------------------------------


def test_placeholders_become_arguments(tmp_path):
    parameters = {"x": [0.0, 1.0], "n": [1, 5], "on": [True, False], "kind": ["a b", "c"],
                  "w": {"low": 0.0, "high": 1.0, "shape": [2]}}  # fmt: skip
    words = ["printf", "%s|", "{x}", "{x:.2f}", "n={n:03d}", "{on}", "{kind}", "{w}", "{w[1]}",
             "{seed}", "{generation}-{index}", "{{x}}", "${HOME}", "awk {print $1}"]  # fmt: skip
    given = {"x": 0.1 + 0.2, "n": 4, "on": True, "kind": "a b", "w": np.array([0.25, 1e-9])}
    optimizee = make(parameters=parameters, command=words, fitness={"regex": r"n=(\d+)"})
    individual = trial(tmp_path, given, generation=2, ind_idx=7, seed=5)
    values = optimizee.values(individual.individual, tmp_path)
    assert optimizee.command_line(values)[2:] == [
        "0.30000000000000004", "0.30", "n=004", "true", "a b", "0.25,1e-09", "1e-09", "5", "2-7",
        "{x}", "${HOME}", "awk {print $1}",
    ]  # fmt: skip
    assert optimizee.simulate(individual).fitness == [4.0]


def test_seeds_fit_a_signed_integer(tmp_path):
    optimizee = make(command="echo {x} {seed}")
    for seed, expected in ((1, 1), (2**31 - 1, 2**31 - 1), (2**31, 1), (2**32 - 1, 1 + 2**31 - 1)):
        found = simulate(optimizee, tmp_path, seed=seed).fitness[0]
        assert 1 <= found <= 2**31 - 1
        assert found == (expected if expected < 2**31 else 1)


def test_a_shell_gets_quoted_values_and_has_pipes(tmp_path):
    optimizee = make(
        parameters={"x": ["; touch $HOME", "b"]}, command="echo {x} | wc -c", shell=True
    )
    assert simulate(optimizee, tmp_path, {"x": "; touch $HOME"}).fitness == [14.0]


def test_links_of_the_template_lead_where_they_led(tmp_path):
    (tmp_path / "big.txt").write_text("5")
    folder = template(tmp_path / "t", own__txt="6")
    (tmp_path / "t" / "data").symlink_to("../big.txt")
    (tmp_path / "t" / "mine").symlink_to("own.txt")
    optimizee = sh("echo 7 > own.txt; cat data mine", template=folder, fitness={"regex": r"(.)(.)"})
    assert simulate(optimizee, tmp_path / "w" / "deep").fitness == [5.0, 7.0]
    assert (tmp_path / "t" / "own.txt").read_text() == "6"


def test_a_template_with_the_results_in_it_and_one_that_cannot_be_copied(tmp_path):
    template(tmp_path / "t", data__txt="6")
    (tmp_path / "t" / "old").mkdir()
    work = tmp_path / "t" / "results" / "run" / "scratch" / "0-0"
    (tmp_path / "t" / "own").symlink_to("data.txt")
    (tmp_path / "link").symlink_to("t")  # as a home on a cluster is
    optimizee = sh(
        "cat data.txt; ls", template=str(tmp_path / "link"), fitness={"regex": r"^(6)(?=data)"}
    )
    assert simulate(optimizee, work).fitness == [6.0]
    assert sorted(p.name for p in work.iterdir()) == ["data.txt", "old", "own"]
    assert os.readlink(work / "own") == "data.txt"
    os.mkfifo(tmp_path / "t" / "pipe")
    with pytest.raises(SimulationFailed, match=r"template: .* can't be copied: .*is a named pipe"):
        simulate(optimizee, tmp_path / "w")


def test_environment_stdin_and_cwd(tmp_path):
    folder = template(tmp_path / "t", keep__txt="")
    (tmp_path / "t" / "sub").mkdir()
    (tmp_path / "t" / "sub" / "data").write_text("7\n")
    optimizee = make(
        template=folder, cwd="sub", command="cat - data; echo $GAIN ${HOME-unset}", shell=True,
        stdin="{x}\n", environment={"GAIN": "{x:.1f}", "HOME": None},
        fitness={"regex": r"^7\n(.*) u"}, metrics={"first": {"regex": r"\A(\S+)"}},
    )  # fmt: skip
    result = simulate(optimizee, tmp_path / "w")
    assert (result.fitness, result.metrics) == ([1.5], {"first": 1.5})
    by_file = make(
        inputs={"in.csv": "csv"}, stdin={"file": "in.csv"}, command="cat", fitness={"csv": "stdout"}
    )
    assert simulate(by_file, tmp_path / "v", seed=3).fitness == [1.5]  # x,seed / 1.5,3


# -- input files ------------------------------------------------------------------------------


def test_input_files_hold_the_values_to_the_last_digit(tmp_path):
    parameters = {"x": [0.0, 1.0], "n": [1, 5], "kind": ["a, b", "c"],
                  "w": {"low": 0.0, "high": 1.0, "shape": [2, 2]}}  # fmt: skip
    given = {"x": 1 / 3, "n": 2, "kind": "a, b", "w": np.arange(4).reshape(2, 2) / 7}
    optimizee = make(
        parameters=parameters,
        command="echo 1",
        inputs={
            "p.json": "json", "deep/p.yaml": "yaml", "p.csv": "csv",
            "lines.csv": {"format": "csv", "layout": "lines", "values": ["w", "n"]},
            "x.json": {"format": "json", "values": ["x", "index"]},
        },
    )  # fmt: skip
    simulate(optimizee, tmp_path, given, seed=9, ind_idx=4)
    expected = {**given, "w": given["w"].tolist(), "seed": 9}
    assert json.loads((tmp_path / "p.json").read_text()) == expected
    assert yaml.safe_load((tmp_path / "deep" / "p.yaml").read_text()) == expected
    names, row = (tmp_path / "p.csv").read_text().splitlines()
    assert names == 'x,n,kind,"w[0,0]","w[0,1]","w[1,0]","w[1,1]",seed'
    assert row.startswith(f'{1 / 3!r},2,"a, b",0.0,{1 / 7!r},')
    assert (tmp_path / "lines.csv").read_text().splitlines()[1] == "2"
    assert json.loads((tmp_path / "x.json").read_text()) == {"x": 1 / 3, "index": 4}


def test_jinja_templates_are_filled_in(tmp_path):
    pytest.importorskip("jinja2", reason="jinja2 is not installed (pip install 'l2l[jinja]')")
    folder = template(
        tmp_path / "t",
        model__in="{% for i in range(n) %}{{ x * 2 }} {% endfor %}\n",
        other__j2="seed {{ seed }}\n",
    )
    inputs = {"model.in": "jinja", "o.txt": {"format": "jinja", "from": "other.j2"}}
    optimizee = make(parameters=XN, template=folder, command="cat model.in o.txt", inputs=inputs)
    result = simulate(optimizee, tmp_path / "w", POINT, seed=11)
    assert result.fitness == [11.0]
    assert (tmp_path / "w" / "model.in").read_text() == "3.0 3.0 3.0 \n"
    assert "{%" in (tmp_path / "t" / "model.in").read_text()  # the template stays as it is
    with pytest.raises(ConfigError, match=r"model.in: nothing is known of 'x'"):
        make(parameters={"xx": [0, 1], "n": [1, 2]}, template=folder, command="cat", inputs=inputs)
    (tmp_path / "t" / "model.in").write_text("ok\n{{ x }\n")
    with pytest.raises(ConfigError, match=r"the Jinja template model.in, line 2: "):
        make(parameters=XN, template=folder, command="cat", inputs=inputs)


def test_jinja_is_an_extra(tmp_path, monkeypatch):
    folder = template(tmp_path / "t", model__in="{{ x }}")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[jinja\]'"):
        make(template=folder, command="cat model.in", inputs={"model.in": "jinja"})


# -- results ----------------------------------------------------------------------------------

OUTPUTS = """
cat > r.json <<'X'
{"a": {"b": [1, 2.5e3]}, "a.b": 7, "text": "-4", "null": null, "n": NaN}
X
printf 't,v w,err\\n0,1,2\\n1,3,4\\n2,8,1.5D-1\\n' > r.csv
printf '# head\\n\\n 1   2\\n 3   4\\n' > r.txt
printf 'a;b\\n1;2\\n' > semi.csv
echo "version 1.2.3: loss: 4.5e-3 (rate=7 Hz)"; echo "rate = 8.25"
echo "warning: 99" >&2
"""


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ("stdout", [8.25]),
        ({"text": "stdout", "key": "loss"}, [0.0045]),
        ({"text": "stdout", "key": "rate"}, [8.25]),
        ("stderr", [99]),
        ({"json": "r.json", "key": "a.b"}, [7]),
        ({"json": "r.json", "key": ["a", "b", 1]}, [2500]),
        ({"json": "r.json", "key": "a[b][0]"}, [1]),
        ({"json": "r.json", "key": "text"}, [-4]),
        ({"json": "r.json", "key": "null"}, [np.nan]),
        ({"csv": "r.csv", "column": "err"}, [0.15]),
        ({"csv": "r.csv", "column": "v w", "row": 1}, [3]),
        ({"csv": "r.csv", "column": "v w", "row": "mean"}, [4]),
        ({"csv": "r.csv", "column": "v w", "row": "all"}, [1, 3, 8]),
        ({"csv": "r.csv", "column": 1, "row": "last", "header": True}, [8]),
        ({"csv": "r.txt", "column": -1, "row": 0, "separator": "space", "skip": 1}, [2]),
        ({"csv": "semi.csv", "column": "b", "separator": "semicolon"}, [2]),
        ({"regex": r"loss: (\S+)"}, [0.0045]),
        ({"regex": r"^(\d),(\d)", "file": "r.csv"}, [2, 8]),
        (["stdout", {"json": "r.json", "key": "text"}], [8.25, -4]),
    ],
)
def test_results_are_read(tmp_path, reader, expected):
    result = simulate(sh(OUTPUTS, fitness=reader), tmp_path)
    assert np.array_equal(result.fitness, expected, equal_nan=True)


def test_fitness_metrics_and_observation_in_one(tmp_path):
    result = simulate(
        sh(
            OUTPUTS,
            fitness=["stdout", "stderr"],
            metrics={"rate": {"text": "stdout", "key": "rate"}},
            observation={"csv": "r.csv", "column": "err", "row": "all"},
        ),
        tmp_path,
    )
    assert result.fitness == [8.25, 99.0]
    assert result.metrics == {"rate": 8.25}
    assert result.observation.tolist() == [2, 4, 0.15]


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        ({"json": "out.json"}, r"result file out.json, .*did not write it. It wrote: r.csv"),
        ({"json": "r.jsn"}, r"did not write it.*did you mean 'r.json'"),
        ({"json": "r.json", "key": "a.c"}, r"r.json, at a: there is no key 'c'"),
        ({"json": "r.json", "key": "tex"}, r"the top: there is no key 'tex'; did you mean 'text'"),
        ({"json": "r.json", "key": ["a", "b", 2]}, r"at a.b: a list of 2 entries .* no 2 in it"),
        ({"json": "r.json"}, r"expected a number, got an object with the keys a, a.b, n, null"),
        ({"json": "r.csv"}, r"r.csv: expected JSON: .*line 1 is 't,v w,err'"),
        ({"csv": "r.csv", "column": "er"}, r"no column 'er'; its columns: t, v w, err. did you"),
        ({"csv": "r.csv", "column": 3}, r"there is no column 3; it has 3"),
        ({"csv": "r.csv", "column": "t", "row": 3}, r"there is no row 3; it has 3"),
        ({"csv": "r.csv", "column": 0, "row": 0}, r"expected a number, got 't' .*header: true"),
        ({"csv": "semi.csv", "column": "b"}, r"only one column: is it `separator: semicolon`\?"),
        ({"text": "stdout", "key": "los"}, r"a line such as `los=0.5`; did you mean 'loss'"),
        ({"text": "empty"}, r"did not write it"),
        ({"regex": r"gain (\d+)"}, r"nothing in it matches .*'gain .*'; it is '.*rate = 8.25'"),
        ({"regex": r"(loss).*rate=(\d)"}, r"must match numbers, and matched \['loss', '7'\]"),
    ],
)  # fmt: skip
def test_what_is_missing_in_the_results_is_said(tmp_path, capfd, reader, message):
    with pytest.raises(SimulationFailed, match=message):
        simulate(sh(OUTPUTS, fitness=reader), tmp_path)
    assert "rate = 8.25" in capfd.readouterr().err  # the program's output, for the record


def test_an_old_result_in_the_template_is_not_taken_for_a_new_one(tmp_path):
    folder = template(tmp_path / "t", out__txt="5")
    os.utime(tmp_path / "t" / "out.txt", (1e9, 1e9))
    optimizee = make(template=folder, command="echo {x}", fitness={"text": "out.txt"})
    with pytest.raises(SimulationFailed, match="is the template folder's own"):
        simulate(optimizee, tmp_path / "w")
    fresh = sh("echo 6 > out.txt", template=folder, fitness={"text": "out.txt"})
    assert simulate(fresh, tmp_path / "v").fitness == [6.0]


def test_metrics_are_one_number_each(tmp_path):
    reader = {"csv": "r.csv", "column": "err", "row": "all"}
    with pytest.raises(SimulationFailed, match="metrics, err: expected one number, got 3"):
        simulate(sh(OUTPUTS, metrics={"err": reader}), tmp_path)


@pytest.mark.parametrize(
    ("printed", "reader", "message"),
    [
        ("error=1,5", "stdout", r"got 'error=1,5'. If the comma is a decimal point, set"),
        ("error=1,5", {"text": "stdout", "key": "error"}, r"the last `error=`, got '1,5'. If the"),
        ("error=2\nerror=***", {"text": "stdout", "key": "error"}, r"`error=`, got '\*\*\*'$"),
        ("t,v\n0,5,1,5", {"csv": "stdout", "column": "v"}, r"expected 2 cells, .* got 4: 0, 5, 1,"),
        ("# t v\n1 2", {"csv": "stdout", "column": "t", "separator": "space"}, r"3 cells.*got 2"),
        ('"a" "b"\n"1" 3 4', {"csv": "stdout", "column": "a", "separator": "space"}, r"Row names"),
    ],
)
def test_no_number_is_made_up_of_what_is_none(tmp_path, printed, reader, message):
    with pytest.raises(SimulationFailed, match=message):
        simulate(make(command=["printf", printed, "{x}"], fitness=reader), tmp_path)


def test_numbers_with_units_line_ends_of_windows_and_empty_last_cells(tmp_path):
    text = 'error: 1.5e-3 mV, 7\r\n"a b" c\r\n2 3\r\n'
    rest = {"separator": "space", "skip": 1}
    readers = [{"text": "stdout", "key": "error"}, {"csv": "stdout", "column": "a b", **rest}]
    found = simulate(make(command=["printf", text, "{x}"], fitness=readers), tmp_path).fitness
    assert found == [0.0015, 2.0]
    ragged = make(command=["printf", "a,b\n1,2,\n3,\n{x}"], fitness={"csv": "stdout", "column": "a",
                  "row": 0})  # fmt: skip
    assert simulate(ragged, tmp_path).fitness == [1.0]


# -- mistakes in the configuration ------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": None}, r"command: expected a text such as"),
        ({"command": ""}, r"command: expected a command line"),
        ({"command": "echo {y}"}, r"nothing is known of the placeholder \{y\}.*write \{\{y\}\}"),
        ({"command": "echo {xx}"}, r"placeholder \{xx\}; did you mean 'x'\?"),
        ({"command": "echo {x:q}"}, r"\{x:q\} can't write 0.0: .*Formats are those of Python"),
        ({"command": "echo {x[0]}"}, r"\{x\[0\]\} takes a part .* is a single value"),
        ({"command": "echo 'a"}, r"can't be split into words: No closing quotation"),
        ({"command": "echo {x} > out"}, r"'>' is for a shell, and none is used. Set `shell: true`"),
        ({"command": "echo {x} 2>&1"}, r"'2>&1' is for a shell"),
        ({"command": "echo {x} $HOME"}, r"'\$HOME' is for a shell.*put it into quotes"),
        ({"command": "cat {x} *.csv"}, r"'\*.csv' is for a shell"),
        ({"command": "A=1 echo {x}"}, r"'A=1' is for a shell.*Set `environment: \{A: ...\}`"),
        ({"command": ["echo {x}"]}, r"a list has an entry for each word.*Write it as a text"),
        ({"command": "echo 1"}, r"the parameter x is used nowhere. Put \{x\} into the command"),
        ({"command": "modell {x}"}, r"a program on PATH, and there is no 'modell'; PATH is /"),
        ({"command": "./model {x}"}, r"there is no ./model in the template folder; no template"),
        ({"command": "/opt/no/model {x}"}, r"there is no program /opt/no/model"),
        ({"command": "echo {x}", "template": "/nowhere/t"}, r"there is no folder /nowhere/t"),
        ({"command": "echo {x}", "parameters": None}, r"parameters: expected at least one"),
        ({"command": "echo {x}", "parameters": {"x": 3}}, r"parameter 'x': expected \[low, high\]"),
        ({"command": "echo {x}", "parameters": {"x": {"lo": 3}}}, r"no field 'lo'; did you mean"),
        ({"command": "echo {x}", "parameters": {"x": {"unit": "ms"}}}, r"x' needs low and high"),
        ({"command": "echo {x}", "parameters": {"x": {"low": "1e-3", "high": 1}}}, r"low must"),
        ({"command": "echo", "parameters": {"seed": [0, 1]}}, r"can't be named seed"),
        ({"command": "echo", "inputs": {"p.json": "jsn"}}, r"expected the format json.*got 'jsn'"),
        ({"command": "echo", "inputs": {"../p": "json"}}, r"within the working folder.*got ../p"),
        ({"command": "echo", "inputs": {"p": {"format": "json", "values": ["y"]}}}, r"value 'y'"),
        ({"command": "echo", "inputs": {"p": {"format": "csv", "lay": 1}}}, r"csv has no 'lay'"),
        ({"command": "echo", "inputs": {"m.in": "jinja"}}, r"m.in: a Jinja template is a file of"),
        ({"command": "echo {x}", "fitness": {"regex": "a=.*"}}, r"has no group; put \( \) around"),
        ({"command": "echo {x}", "fitness": {"regex": "(a"}}, r"is no regular expression: missing"),
        ({"command": "echo {x}", "fitness": {"jsn": "r"}}, r"\{'jsn': 'r'\}; did you mean 'json'"),
        ({"command": "echo {x}", "fitness": {"csv": "r", "col": 1}}, r"csv has no 'col'"),
        ({"command": "echo {x}", "fitness": {"csv": "r", "row": 1.5}}, r"row is a number from 0"),
        ({"command": "echo {x}", "fitness": {"csv": "r", "separator": "::"}}, r"one character, or"),
        ({"command": "echo {x}", "fitness": {"json": "/r"}}, r"within the working folder"),
        ({"command": "echo {x}", "metrics": "stdout"}, r"metrics: expected names"),
        ({"command": "echo {x}", "return_codes": [True]}, r"return_codes: expected a list"),
        ({"command": "echo {x}", "keep": "best"}, r"keep can't be 'best'"),
        ({"command": "echo {x}", "timeout": 0}, r"timeout must be greater than 0"),
        ({"command": "echo {x}", "environment": ["A"]}, r"environment: expected variables"),
        ({"command": "echo {x}", "environment": {"A": "{q}"}}, r"environment, A: nothing is known"),
        ({"command": ["echo", {"x": None}]}, r"command: .* are a mapping in YAML: write '\{x\}'"),
        ({"command": "echo {x}", "environment": {"A": {"x": None}}}, r"environment, A: .*'\{x\}'"),
        ({"command": "echo {x}", "cwd": "/tmp"}, r"cwd: expected a path within"),
        ({"command": "echo {x}", "cwd": "sub"}, r"cwd: expected a folder of .* there is no sub"),
        ({"command": "echo {x}", "fitness": {"json": "~/r"}}, r"no / or ~ at its start"),
        ({"command": "echo {x}", "stdin": {"file": "in.txt"}}, r"stdin: there is no in.txt"),
        ({"command": "echo {x}", "stdin": {"file": "../in"}}, r"stdin: expected a path within"),
        ({"command": "echo {x}", "inputs": {"p": {"format": "json", "values": 3}}}, r"are names"),
        ({"command": "echo {x}", "stdin": {"f": 1}}, r"stdin: expected a text, or \{file: NAME\}"),
        ({"comand": "echo"}, r"no field 'comand'; did you mean 'command'"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_anything_starts(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_what_is_in_quotes_is_for_the_program():
    command = 'awk \'{print $1 > "*"}\' "a;" \\> {x}'
    assert make(command=command).parameters.words[2:] == ["a;", ">", "{x}"]


def test_programs_of_the_template_are_looked_at(tmp_path):
    folder = template(
        tmp_path / "t", model="#!/bin/sh\necho 1\n", bad="#!/no/sh\n", dos="#!/bin/sh\r\n"
    )
    assert simulate(make(template=folder, command="./model {x}"), tmp_path / "w").fitness == [1.0]
    with pytest.raises(ConfigError, match=r"'model' is in the template folder: write ./model"):
        make(template=folder, command="model {x}")
    with pytest.raises(
        ConfigError, match=r"no ./modl in .*: bad, dos, model.*to be compiled first"
    ):
        make(template=folder, command="./modl {x}")
    with pytest.raises(ConfigError, match=r"the first line of .*bad names /no/sh: not there"):
        make(template=folder, command="./bad {x}")
    with pytest.raises(ConfigError, match=r"line ends of Windows"):
        make(template=folder, command="./dos {x}")
    (tmp_path / "t" / "model").chmod(0o644)
    with pytest.raises(ConfigError, match=r"is not executable. Do `chmod \+x .*`sh ./model`"):
        make(template=folder, command="./model {x}")
    with pytest.raises(ConfigError, match=r"no folder .*/tt; did you mean 't'"):
        make(template=str(tmp_path / "tt"), command="echo {x}")
    later = make(command="only_on_nodes {x}", find_program=False)
    with pytest.raises(SimulationFailed, match=r"the program 'only_on_nodes' .* is not there"):
        simulate(later, tmp_path / "w")
    odd = make(template=template(tmp_path / "o", odd="echo 1"), command="./odd {x}")
    with pytest.raises(
        SimulationFailed, match=r"'./odd' is no program.* begins with a line such as"
    ):
        simulate(odd, tmp_path / "v")


def test_errors_of_a_file_have_its_line_and_paths_start_there(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    text = (EXPERIMENT / "config.yaml").read_text()
    path.write_text(text.replace("params.json data", "params.json {gama} data"))
    with pytest.raises(ConfigError, match=r"config.yaml:13: command: .* did you mean 'gamma'"):
        config.load(path)
    path.write_text(text.replace("beta: {low: 0.05", "beta: {low: 5.0"))
    with pytest.raises(ConfigError, match=r"config.yaml:15: parameter 'beta': needs finite low <"):
        config.load(path)
    path.write_text(text)
    monkeypatch.chdir("/")
    assert config.load(path)["optimizee"]["template"] == str(tmp_path / "sir")
    over = config.load(path, ["optimizee.template=elsewhere"])
    assert over["optimizee"]["template"] == "/elsewhere"


# -- processes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo lost >&2; exit 3", r"return code 3, expected 0 .return_codes.*It said last: lost"),
        ("no_such_program", r"return code 127 .a shell's for: command not found.*not found"),
        ("kill -SEGV $$", r"was ended by SIGSEGV: it crashed, and it printed nothing"),
        ("kill -KILL $$", r"SIGKILL; if nobody did, memory ran out"),
    ],
)
def test_a_command_that_fails_says_why(tmp_path, script, message):
    with pytest.raises(SimulationFailed, match=message):
        simulate(sh(script), tmp_path)


def test_return_codes_that_count_as_success(tmp_path):
    assert simulate(sh("echo 2; exit 3", return_codes=[0, 3]), tmp_path).fitness == [2.0]
    assert simulate(sh("echo 2; kill -TERM $$", return_codes="any"), tmp_path).fitness == [2.0]


def alive(mark):
    return subprocess.run(["pgrep", "-f", mark], capture_output=True, text=True).stdout.split()


def test_after_a_timeout_nothing_is_left(tmp_path):
    nap = f"9{os.getpid()}.1"  # found by its argument
    script = f"trap '' TERM; setsid sleep {nap} & (sleep {nap} &) ; echo going on >&2; sleep {nap}"
    begun = time.monotonic()
    with pytest.raises(
        SimulationFailed, match=r"did not end within 0.5 s .timeout., and was killed"
    ):
        simulate(sh(script, timeout=0.5), tmp_path)
    assert time.monotonic() - begun < 60
    assert alive(f"sleep {nap}") == []


def test_what_a_command_leaves_in_the_background_keeps_nobody_waiting(tmp_path):
    nap = f"9{os.getpid()}.2"
    path = tmp_path / "run"
    spec = {"name": "command", "shell": True, "parameters": {"x": [0.0, 1.0]},
            "command": f"sleep {nap} & echo {{x}}"}  # fmt: skip
    result = l2l.optimize(spec, RANDOM, generations=1, run=path, workers=1, progress=False)
    assert (result.history.status == 0).all()
    assert alive(f"sleep {nap}") == []


def test_the_guard_kills_the_command_with_its_worker(tmp_path):
    nap = f"9{os.getpid()}.3"
    spec = {"name": "command", "shell": True, "parameters": {"x": [0.0, 1.0]},
            "command": f"case {{index}} in 0) sleep {nap};; esac; echo {{x}}"}  # fmt: skip
    result = l2l.optimize(
        spec, RANDOM, generations=1, run=tmp_path / "run", workers=2, progress=False,
        executor={"name": "local", "timeout": 1.5},
    )  # fmt: skip
    assert result.history.status.tolist() == [Status.TIMEOUT, 0, 0, 0]
    assert alive(f"sleep {nap}") == []


def test_huge_output_does_not_fill_memory(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    script = (
        "head -c 300000000 /dev/zero | tr '\\0' 'x'; head -c 9000000 /dev/zero >&2; echo; echo 5"
    )
    result = simulate(sh(script), tmp_path)
    assert result.fitness == [5.0]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024  # KiB; what is kept is 1 MiB
    with pytest.raises(SimulationFailed, match="beginning is not kept"):
        simulate(sh(script, fitness={"json": "stdout"}), tmp_path)


# -- in a run ---------------------------------------------------------------------------------


def test_the_contract_of_an_optimizee():
    check_optimizee(lambda: make(command="echo {x} {seed}"))


def test_failures_and_nan_are_recorded_with_the_output(tmp_path, capsys):
    from l2l.cli import main as cli

    folder = template(tmp_path / "t", step="#!/bin/sh\necho step $1 done\n"
                      "case $1 in 0) exit 4;; 1) echo nan;; *) echo 8;; esac\n")  # fmt: skip
    spec = {"name": "command", "template": folder, "command": "./step {index} {x}",
            "parameters": {"x": [0.0, 1.0]}}  # fmt: skip
    run = tmp_path / "run"
    result = l2l.optimize(spec, RANDOM, generations=1, run=run, workers=1, progress=False)
    assert result.history.status.tolist() == [Status.FAILED, Status.INVALID, 0, 0]
    assert cli(["status", str(run), "--failed"]) == 0
    shown = capsys.readouterr().out
    assert "failed: `./step 0 0." in shown
    assert "return code 4, expected 0 (return_codes). It said last: step 0 done" in shown
    assert "Traceback" not in shown  # nobody has to read Python
    assert "invalid: expected a finite number as fitness, got [nan]" in shown
    assert "step 1 done" in shown
    assert sorted(p.name for p in (run / "artifacts").iterdir() if p.is_dir()) == ["0-0", "1-0"]


@pytest.mark.parametrize(
    ("keep", "kept"), [("never", []), ("failed", [0, 1]), ("all", [0, 1, 2, 3])]
)
def test_working_folders_are_kept_by_rule(tmp_path, keep, kept):
    spec = {"name": "command", "keep": keep, "shell": True, "parameters": {"x": [0.0, 1.0]},
            "command": "echo {x} > x.txt; case {index} in 0) exit 4;; 1) echo nan;; *) cat x.txt;; "
                       "esac"}  # fmt: skip
    run = tmp_path / "run"
    l2l.optimize(spec, RANDOM, generations=1, run=run, executor="inline", progress=False)
    assert sorted(run.glob("artifacts/*/x.txt")) == [
        run / "artifacts" / f"{i}-0" / "x.txt" for i in kept
    ]


# -- languages --------------------------------------------------------------------------------


def needs(program, why):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed ({why})")
    return program


def test_a_compiled_c_program_recovers_an_oscillator(tmp_path):
    pytest.importorskip("jinja2", reason="jinja2 is not installed (pip install 'l2l[jinja]')")
    compiler = needs("gcc", "apt-get install gcc")
    folder = tmp_path / "oscillator"
    shutil.copytree(EXPERIMENT / "oscillator", folder)
    source, program = folder / "oscillator.c", folder / "oscillator"
    subprocess.run([compiler, "-O2", "-o", program, source, "-lm"], check=True)
    loaded = config.load(EXPERIMENT / "config-jinja.yaml", [f"optimizee.template={folder}"])
    result = l2l.optimize(
        loaded["optimizee"], loaded["optimizer"], generations=40, weights=(-1.0,),
        run=tmp_path / "run", workers=2, seed=4, progress=False,
    )  # fmt: skip
    best = result.best.individual
    assert best["c"] == pytest.approx(0.3, rel=0.05)  # noise of 0.02 on 160 points of amplitude 1
    assert best["k"] == pytest.approx(12.0, rel=0.01)


def test_the_epidemic_is_recovered_by_the_shipped_configuration(tmp_path):
    needs("awk", "apt-get install mawk")
    loaded = config.load(EXPERIMENT / "config.yaml")
    result = l2l.optimize(
        loaded["optimizee"], loaded["optimizer"], generations=40, weights=(-1.0,),
        run=tmp_path / "run", workers=2, seed=3, progress=False,
    )  # fmt: skip
    best = result.best.individual
    assert best["beta"] == pytest.approx(0.4, rel=0.05)  # counts have 5 % noise
    assert best["gamma"] == pytest.approx(0.12, rel=0.05)
    assert 4 <= best["infected"] <= 14  # 8 was true


SCRIPTS = {
    "Rscript": ("model.R", """
        a <- commandArgs(TRUE); set.seed(as.integer(a[2]))
        cat(sprintf("error=%.12f\\n", (as.numeric(a[1]) - 1)^2))
    """),
    "octave": ("model.m", """
        a = argv(); rand("seed", str2double(a{2}));
        printf("error=%.12f\\n", (str2double(a{1}) - 1)^2);
    """),
    "julia": ("model.jl", """
        using Printf, Random; Random.seed!(parse(Int, ARGS[2]))
        @printf("error=%.12f\\n", (parse(Float64, ARGS[1]) - 1)^2)
    """),
    "perl": ("model.pl", 'srand($ARGV[1]); printf("error=%.12f\\n", ($ARGV[0] - 1) ** 2);'),
}  # fmt: skip


@pytest.mark.parametrize("program", SCRIPTS)
def test_a_script_of_another_language(tmp_path, program):
    needs(program, "not needed by l2l; tried where it is")
    name, code = SCRIPTS[program]
    folder = template(tmp_path / "t", **{name.replace(".", "__"): code})
    optimizee = make(
        template=folder, command=f"{program} {name} {{x}} {{seed}}",
        fitness={"text": "stdout", "key": "error"}, timeout=60,
    )  # fmt: skip
    assert simulate(optimizee, tmp_path / "w", seed=2**32 - 1).fitness == [pytest.approx(0.25)]


# -- the trial --------------------------------------------------------------------------------


def test_one_individual_is_shown(tmp_path, capsys):
    needs("awk", "apt-get install mawk")
    path = str(EXPERIMENT / "config.yaml")
    work = tmp_path / "work"
    assert main([path, "--set", "beta=0.4", "--set", "infected=8", "--folder", str(work)]) == 0
    out = capsys.readouterr().out
    for line in ("  beta = 0.4  (log scale, 0.05 to 2.0 1/d)",
                 "  infected = 8  (whole numbers, 1 to 100)", 
                 "params.json (written)", "return code 0",
                 "command: awk -f sir.awk params.json data.csv", "metric peak_day: ",
                 "files it wrote: curve.csv, result.json", "fitness: ["):  # fmt: skip
        assert line in out
    assert (work / "result.json").exists()
    assert main([path, "--folder", str(work)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([path, "--set", "bta=1"]) == 2
    assert "did you mean 'beta'?" in capsys.readouterr().err


def test_a_trial_that_fails_shows_what_happened(tmp_path, capfd):
    path = tmp_path / "c.yaml"
    path.write_text(
        'optimizee: {name: command, parameters: {x: [0, 1]}, command: "echo a={x}", '
        "fitness: {text: stdout, key: b}}\noptimizer: random_search\nstop: {generations: 1}\n"
    )
    assert main([str(path)]) == 1
    out, err = capfd.readouterr()
    assert "stdout:\n  a=" in out
    assert "failed: fitness: stdout: expected a line such as `b=0.5`; valid names: a" in err


def test_mistakes_that_the_constructor_finds_have_their_line_and_the_trial_leaves_nothing(tmp_path):
    nap = f"9{os.getpid()}.4"
    path = tmp_path / "c.yaml"
    text = (
        "optimizee:\n  name: command\n  shell: true\n  parameters: {x: [0.0, 1.0]}\n"
        f"  command: (setsid sleep {nap} &) ; echo {{x}}\n"
        "optimizer: random_search\nstop: {generations: 1}\n"
    )
    path.write_text(text)
    trial = [sys.executable, "-m", "l2l.optimizees.command", str(path)]
    assert subprocess.run(trial, capture_output=True, text=True, check=True).stdout
    assert alive(f"sleep {nap}") == []
    path.write_text(text.replace("{x}", "1"))
    failed = subprocess.run(trial, capture_output=True, text=True)
    assert failed.returncode == 2
    assert "c.yaml:4: the parameter x is used nowhere" in failed.stderr


def test_a_run_says_the_line_too(tmp_path, capsys):
    from l2l.cli import main as cli

    path = tmp_path / "c.yaml"
    path.write_text(
        "optimizee:\n  name: command\n  template: modell\n  parameters: {x: [0.0, 1.0]}\n"
        "  command: echo {x}\noptimizer: random_search\nstop: {generations: 1}\n"
    )
    assert cli(["run", str(path), "--run", str(tmp_path / "run")]) == 2
    assert "c.yaml:3: template: there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_best_of_a_run_is_shown_again(tmp_path, capsys):
    run = tmp_path / "run"
    spec = {"name": "command", "parameters": XN, "command": "echo {x} {n} {seed}", "metrics": {}}
    result = l2l.optimize(spec, RANDOM, generations=1, run=run, executor="inline", progress=False)
    assert main([str(run)]) == 0
    assert f"fitness: {[float(result.best.fitness[0])]}" in capsys.readouterr().out


# -- batches: one start, many parameter sets --------------------------------------------------

#: Speaks the contract of a generated GPU program: a line of numbers a set, a fitness a set.
DRIVER = """
import sys
import numpy as np
sets = np.loadtxt("sets.txt", ndmin=2)              # (n, 2): speed, coupling
fitness = -((sets - [4.0, 0.05]) ** 2 @ [0.01, 100.0])
if "{mode}" == "nan":
    fitness[1] = np.nan
if "{mode}" == "short":
    fitness = fitness[:-1]
if "{mode}" == "crash" or ("{mode}" == "culprit" and (sets[:, 0] > 9.0).any()):
    print("CUDA error: out of memory", file=sys.stderr)
    sys.exit(2)
np.savetxt("fitness.txt", fitness)
with open("starts", "a") as file:
    print(len(sets), file=file)
"""
BATCHED = {
    "parameters": {"speed": [1.0, 10.0], "coupling": [0.0, 0.1]},
    "inputs": {"sets.txt": {"format": "csv", "layout": "rows", "separator": "space"}},
    "fitness": {"csv": "fitness.txt", "row": "all"},
}


def driver(folder, mode="", batch=4, **more):
    folder = template(folder, driver__py=DRIVER.replace("{mode}", mode))
    command = f"{sys.executable} driver.py"
    options = {**BATCHED, "template": folder, "command": command, "batch": batch, **more}
    return Command(None, CommandParameters(**options))


def together(optimizee, folder, n, **more):
    """What comes of one start with n parameter sets, and the sets."""
    rng = np.random.default_rng(1)
    params = {"speed": rng.uniform(1, 10, n), "coupling": rng.uniform(0, 0.1, n)}
    return simulate(optimizee, folder, params, **more), params


def quality(params):
    return -(0.01 * (params["speed"] - 4) ** 2 + 100 * (params["coupling"] - 0.05) ** 2)


def test_one_start_takes_many_sets_and_gives_a_fitness_for_each(tmp_path):
    result, params = together(driver(tmp_path / "t"), tmp_path / "w", 4)
    assert np.asarray(result.fitness).shape == (4, 1)
    assert np.allclose(np.ravel(result.fitness), quality(params), rtol=1e-12)
    rows = np.loadtxt(tmp_path / "w" / "sets.txt")
    assert np.array_equal(rows, np.column_stack([params["speed"], params["coupling"]]))


def test_files_of_a_batch_have_a_line_a_set(tmp_path):
    optimizee = driver(
        tmp_path / "t",
        batch=2,
        parameters={
            "tau": [1.0, 9.0],
            "w": {"low": 0.0, "high": 1.0, "shape": [2]},
            "m": ["a", "b"],
        },
        command="true {tau[1]:.1f}",
        inputs={
            "table.csv": "csv",
            "lines.csv": {"format": "csv", "layout": "lines", "values": ["tau", "seed"]},
            "rows.csv": {"format": "csv", "layout": "rows", "separator": "semicolon"},
            "all.json": "json",
        },
    )
    params = {
        "tau": np.array([1.5, 2.5]),
        "w": np.array([[0.1, 0.2], [0.3, 0.4]]),
        "m": np.array(["b", "a"], dtype=object),
    }
    values = optimizee.values(Individual(params, seed=7), tmp_path)
    optimizee.prepare(values, tmp_path)
    read = {name: (tmp_path / name).read_text() for name in ("table.csv", "lines.csv", "rows.csv")}
    assert read["table.csv"].splitlines() == [
        "tau,w[0],w[1],m,seed",
        "1.5,0.1,0.2,b,7",
        "2.5,0.3,0.4,a,7",
    ]
    assert read["lines.csv"].splitlines() == ["1.5,2.5", "7"]
    assert read["rows.csv"].splitlines() == ["1.5;0.1;0.2;b", "2.5;0.3;0.4;a"]
    written = json.loads((tmp_path / "all.json").read_text())
    assert written == {
        "tau": [1.5, 2.5], "w": [[0.1, 0.2], [0.3, 0.4]], "m": ["b", "a"], "seed": 7,
    }  # fmt: skip
    assert optimizee.command_line(values) == ["true", "2.5"]


def test_a_batch_of_several_objectives_with_metrics_and_observations(tmp_path):
    (tmp_path / "w").mkdir()
    out = {"fit": [[1, 2], [3, 4], [5, 6]], "spikes": [7, 8, 9], "seen": [1, 2, 3, 4, 5, 6]}
    optimizee = Command(
        None,
        CommandParameters(
            parameters={"x": [0.0, 1.0]},
            command=f"echo '{json.dumps(out)}' > out.json  # {{x}}", shell=True, batch=3,
            fitness={"json": "out.json", "key": "fit"},
            metrics={"spikes": {"json": "out.json", "key": "spikes"}},
            observation={"json": "out.json", "key": "seen"},
        ),
    )  # fmt: skip
    result = simulate(optimizee, tmp_path / "w", {"x": np.array([0.1, 0.2, 0.3])})
    assert result.fitness.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert result.observation.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert result.metrics["spikes"].tolist() == [7, 8, 9]


def evolve(folder, mode, n=8, **more):
    """A run of a generation of n sets in starts of 4 each; its evaluations."""
    folder.mkdir(exist_ok=True)
    return l2l.optimize(
        driver(folder / "t", mode), {**RANDOM, "pop_size": n}, generations=1, weights=[1.0],
        run=folder / "run", seed=3, progress=False, **more,
    ).history  # fmt: skip


def test_lanes_that_are_nan_are_invalid_and_leave_the_others(tmp_path):
    history = evolve(tmp_path, "nan", workers=2)
    statuses = [entry.status for entry in history]
    assert statuses == [Status.OK, Status.INVALID, Status.OK, Status.OK] * 2
    for entry in history:
        if entry.status is Status.OK:
            assert np.allclose(entry.fitness, quality(entry.individual), rtol=1e-12)


def test_too_few_fitness_values_are_said(tmp_path):
    with pytest.raises(NothingWorked) as caught:
        evolve(tmp_path, "short")
    assert "expected fitness (4, 1) of 4 parameter sets, got (3,)" in str(caught.value)


def test_a_batch_that_crashes_loses_only_its_culprits(tmp_path, capsys):
    from l2l.cli import main as cli

    history = evolve(tmp_path, "culprit", n=16)
    fast = [entry.individual["speed"] > 9.0 for entry in history]
    assert 0 < sum(fast) < 16
    assert [entry.status is Status.FAILED for entry in history] == fast
    assert cli(["status", str(tmp_path / "run"), "--failed"]) == 0
    assert "It said last: CUDA error: out of memory" in capsys.readouterr().out


def test_the_number_of_workers_changes_nothing_of_a_batch(tmp_path):
    one, two = (evolve(tmp_path / str(n), "", workers=n) for n in (1, 2))
    assert one.digest() == two.digest()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be"),
        ({"fitness": "stdout"}, "with `batch` each parameter set has a number of its own"),
        ({"fitness": {"csv": "f.txt"}}, "row: all"),
        ({"metrics": {"m": {"text": "stdout", "key": "m"}}}, "metrics, m: with `batch`"),
        ({"inputs": {"a": {"format": "csv", "layout": "row"}}}, "did you mean 'rows'"),
        ({"inputs": {"a": {"format": "csv", "separator": "ab"}}}, "separator is one character"),
        ({"command": "true {speed[4]}"}, "takes a part that is not there"),
    ],
)
def test_mistakes_in_a_batch_are_found_before_anything_starts(options, message):
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        Command(None, CommandParameters(**{**BATCHED, "command": "true", "batch": 4, **options}))


def test_a_batch_is_tried_out(tmp_path, capsys):
    template(tmp_path / "t", driver__py=DRIVER.replace("{mode}", ""))
    config = {
        "optimizee": {
            **BATCHED, "name": "command", "batch": 3, "template": "t",
            "command": f"{sys.executable} driver.py",
        },
        "optimizer": {"name": "random_search", "pop_size": 3},
        "stop": {"generations": 1},
    }  # fmt: skip
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert main([str(tmp_path / "c.yaml"), "--set", "speed=4"]) == 0
    shown = capsys.readouterr().out
    assert "speed = 4.0,4.0,4.0" in shown
    assert "4.0 0.05\n  4.0 0.05\n  4.0 0.05" in shown
