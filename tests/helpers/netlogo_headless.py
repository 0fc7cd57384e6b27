"""A stand-in for ``netlogo-headless.sh``: the same options, files and habits, without NetLogo.

It "runs" a model whose text does not matter: reporters are expressions of the interface's globals
in Python's syntax, or what ``individual_config.csv`` holds. FAKE_NETLOGO says what goes wrong:
missing, garbage, cut, hang, argument, slow, error (in the model), once (missing at the first call).
"""

from __future__ import annotations

import csv
import os
import random
import re
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

VALUED = ("model", "experiment", "setup-file", "table", "spreadsheet", "threads", "min-pxcor",
          "max-pxcor", "min-pycor", "max-pycor")  # fmt: skip


def options(words: list[str]) -> dict[str, str]:
    """Return the options; an error is printed, and the exit code is 0 all the same."""
    found, words = {}, list(words)
    while words:
        name = words.pop(0).removeprefix("--")
        if name == "suppress-errors":
            continue
        if name not in VALUED or not words:
            print(f"unknown argument: --{name}", file=sys.stderr)
            sys.exit(0)
        found[name] = words.pop(0)
    if "model" not in found:
        print("you must specify --model", file=sys.stderr)
        sys.exit(0)
    if "experiment" not in found and "setup-file" not in found:
        print("you must specify either --setup-file or --experiment (or both)", file=sys.stderr)
        sys.exit(0)
    return found


def read_experiment(path: Path, name: str, version: int):
    """Return what an experiment says; NetLogo 6 and 7 have different forms, and refuse others."""
    tree = ET.parse(path).getroot()
    node = next(node for node in tree if node.get("name") == name)
    if version == 7:
        known = {"setup", "go", "exitCondition", "metrics", "constants"}
        assert node.get("sequentialRunOrder") == "true"
        metrics, constants = node.find("metrics"), node.find("constants")
        steps = int(node.get("timeLimit", "0"))
    else:
        assert "<!DOCTYPE experiments SYSTEM" in path.read_text()
        known = {"setup", "go", "timeLimit", "exitCondition", "metric", "enumeratedValueSet"}
        metrics = constants = node
        limit = node.find("timeLimit")
        steps = 0 if limit is None else int(limit.get("steps"))
    if unknown := {child.tag for child in node} - known:
        raise ValueError(f"Unknown BehaviorSpace XML node type: {sorted(unknown)[0]}")
    values = {
        each.get("variable"): each.find("value").get("value")
        for each in constants.findall("enumeratedValueSet")
    }
    return {
        "setup": node.find("setup").text,
        "steps": steps or 10,
        "every": node.get("runMetricsEveryStep") == "true",
        "runs": int(node.get("repetitions")),
        "metrics": [metric.text for metric in metrics.findall("metric")],
        "values": values,
    }


def value_of(reporter: str, values: dict[str, str], step: int, seed: int) -> float:
    names = {re.sub(r"\W", "_", name): _python(text) for name, text in values.items()}
    for name in sorted(values, key=len, reverse=True):
        reporter = reporter.replace(name, re.sub(r"\W", "_", name))
    noise = random.Random(seed).gauss(0, 1)
    return eval(reporter, {"ticks": step, "noise": noise, **names})


def _python(text: str):
    return {"true": True, "false": False}.get(text, text.strip('"') if '"' in text else None) \
        if not re.match(r"[-\d]", text) else float(text)  # fmt: skip


def write_table(path: Path, model: Path, experiment: dict, mode: str) -> None:
    first = int(re.search(r"random-seed \((\d+) \+", experiment["setup"])[1])
    head = [
        ["BehaviorSpace results (NetLogo 6.4.0)", "Table version 2.0"], [model.name], ["l2l"],
        ["11/21/2026 10:00:00:000 +0000"], ["min-pxcor", "max-pxcor", "min-pycor", "max-pycor"],
        ["-25", "25", "-25", "25"],
        ["[run number]", *experiment["values"], "[step]", *experiment["metrics"]],
    ]  # fmt: skip
    rows = []
    for run in range(1, experiment["runs"] + 1):
        steps = range(experiment["steps"] + 1) if experiment["every"] else [experiment["steps"]]
        for step in steps:
            found = [value_of(m, experiment["values"], step, first + run - 1)
                     for m in experiment["metrics"]]  # fmt: skip
            rows.append([run, *experiment["values"].values(), step, *found])
    rows.reverse()  # with several threads, runs end in any order
    if mode == "error":
        rows = []
        print("org.nlogo.nvm.RuntimePrimitiveException: Division by zero.", file=sys.stderr)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows(head)
        writer.writerows(rows)
    if mode == "cut":
        path.write_text(path.read_text()[:-8].rpartition(",")[0])


def run_ants(folder: Path, mode: str) -> None:
    """Do as the L2L ants do: read weights and delays beside the model, append the result there."""
    lines = [[float(x) for x in line.split(",")]
             for line in (folder / "individual_config.csv").read_text().splitlines()]  # fmt: skip
    assert len(lines) == 2
    fitness = -sum((w - 3) ** 2 for w in lines[0]) - sum(lines[1])
    with open(folder / "individual_result.csv", "a") as file:
        if mode == "garbage":
            file.write("OBSERVER: nothing\n")
            return
        for line in lines:
            file.write(",".join(map(str, line)) + "\n")
        file.write(f"{fitness}\n")


def main() -> None:
    mode = os.environ.get("FAKE_NETLOGO", "")
    os.chdir(Path(__file__).parent)  # launchers do
    if mode == "argument":
        sys.argv.append("--treads")
    given = options(sys.argv[1:])
    assert given["threads"] == "1"
    model = Path(given["model"])
    if not model.is_file():
        print(f"java.nio.file.NoSuchFileException: {model}", file=sys.stderr)
        sys.exit(1)
    if mode == "hang":
        time.sleep(600)
    if mode == "slow":
        time.sleep(1.5)
    flag = Path(os.environ.get("FAKE_NETLOGO_FLAG", "/nonexistent"))
    if mode == "missing" or (mode == "once" and not flag.exists()):
        if mode == "once":
            flag.touch()
        print("Exception in thread main: out of luck", file=sys.stderr)
        return
    if "setup-file" in given:
        version = 7 if model.suffix == ".nlogox" else 6
        found = read_experiment(Path(given["setup-file"]), given["experiment"], version)
        if mode == "garbage":
            Path(given["table"]).write_text("no table\n")
        else:
            write_table(Path(given["table"]), model, found, mode)
    else:
        run_ants(model.parent, mode)
    sys.exit(1)  # and a return code that says nothing


if __name__ == "__main__":
    main()
