"""JUBE: its command, and the benchmarks that l2l writes for it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l2l.cluster.jubeplatform import SETS, Platform
from l2l.cluster.slurm import outside
from l2l.errors import ConfigError

#: Splits no value: JUBE takes a comma for the end of a value unless another text is named.
SEPARATOR = "@,@"
STEP = "evaluate"

_JOB = re.compile(r"(?:\bjob\s*<?|^)(\d+)\b", re.IGNORECASE | re.MULTILINE)


def find_command(command: str | None) -> str:
    """Return the path of the ``jube`` command; raise ConfigError where there is none."""
    found = shutil.which(command or "jube")
    if found is None:
        raise ConfigError(
            f"expected the command {command or 'jube'!r} on PATH, found none. Install JUBE (on "
            "Debian: apt-get install jube; at JSC: module load JUBE), or give its path as the "
            "option 'command'"
        )
    return found


# -- a benchmark ------------------------------------------------------------------------------


def parameter(name: str, value: Any, **attributes: Any) -> dict[str, Any]:
    """Return a parameter with one value, whatever characters that has."""
    return {"name": name, "separator": SEPARATOR, **attributes, "_": str(value)}


def verbatim(text: str) -> str:
    """Return a text in which JUBE replaces nothing."""
    return text.replace("$", "$$")


def step(
    platform: Platform, own: Sequence[dict[str, Any]], given: Mapping[str, Any], command: str,
    setup: str, procs: int,
) -> dict[str, Any]:  # fmt: skip
    """Return the parameter sets and the step that run a command in each workpackage.

    Args:
        platform: The site.
        own: Parameters of the study.
        given: Parameters of the platform.
        command: What runs in each package, for a shell.
        setup: Lines of a shell that come before it.
        procs: How many packages run at the same time where there is no batch system.
    """
    sets: list[dict[str, Any]] = [{"name": "study", "parameter": list(own)}]
    run: dict[str, Any] = {"name": STEP, "use": ["study"]}
    if platform.is_local:
        lines = f"{setup}\n{command}" if setup else command
        run |= {"procs": procs, "do": [{"separator": SEPARATOR, "_": lines}]}
        return {"parameterset": sets, "step": run}
    program, _, arguments = command.partition(" ")
    ours = {"preprocess": setup, "executable": program, "args_exec": arguments}
    for name, values in platform.by_set({**ours, **given}).items():
        entries = [parameter(key, value) for key, value in values.items()]
        sets.append({"name": name, "init_with": "platform.xml", "parameter": entries})
    submit = {"done_file": "$done_file", "error_file": "$error_file"}
    return {
        "parameterset": sets,
        "fileset": {"name": "jobfiles", "init_with": "platform.xml"},
        "substituteset": {"name": "executesub", "init_with": "platform.xml"},
        "step": run
        | {
            "use": ["study", *SETS, "jobfiles", "executesub"],
            "do": [{**submit, "_": "$submit $submit_script"}],
        },
    }


def table(
    name: str, file: str, columns: Sequence[str], found: Mapping[str, str], sort: str
) -> dict[str, Any]:
    """Return pattern set, analyser and result table.

    Args:
        name: Of the table.
        file: In which each package's numbers stand, as lines ``key: value``.
        columns: Of the table: parameters, or keys of ``found``.
        found: Key -> ``int``, ``float`` or ``string``.
        sort: Column by which rows are sorted.
    """
    kinds = {"int": "$jube_pat_int", "float": "$jube_pat_fp", "string": "(.*)"}
    patterns = [{"name": k, "type": v, "_": f"^{k}: {kinds[v]}$"} for k, v in found.items()]
    return {
        "patternset": {"name": "numbers", "pattern": patterns},
        "analyser": {
            "name": "analyse",
            "use": "numbers",
            "analyse": {"step": STEP, "file": file},
        },
        "result": {
            "use": "analyse",
            "table": {"name": name, "style": "pretty", "sort": sort, "column": list(columns)},
        },
    }


def quoted(text: Any) -> str:
    """Return a text as one word of a shell."""
    return shlex.quote(str(text))


def python_command(module: str) -> str:
    """Return the command that runs a module of l2l, without its arguments, for a shell."""
    import l2l

    command = f"{quoted(sys.executable)} -P -m {module}"
    home = str(Path(l2l.__file__).parents[1])
    if home not in (*site.getsitepackages(), site.getusersitepackages()):
        command = f"env PYTHONPATH={quoted(home)} {command}"
    return verbatim(command)


# -- the command ------------------------------------------------------------------------------


def environment(platform: Platform) -> dict[str, str]:
    """Return the environment for ``jube`` and its jobs.

    Nothing of an allocation that this process may be in is passed on, or new jobs would take its
    number of tasks, memory and so on for their own; and no Python path, for ``jube`` is a script
    of another Python.
    """
    found = outside(os.environ)
    for name in ("PYTHONPATH", "PYTHONHOME"):
        found.pop(name, None)
    if platform.folder is not None:
        found["JUBE_INCLUDE_PATH"] = str(platform.folder)
    return found


def write(benchmark: Mapping[str, Any], file: Path) -> None:
    """Write a benchmark's YAML."""
    import yaml

    text = yaml.safe_dump(dict(benchmark), sort_keys=False, allow_unicode=True, width=1000)
    file.write_text(text, encoding="utf-8")


def next_number(folder: Path) -> int:
    """Return the number of the next benchmark in a folder of benchmarks."""
    return max((int(p.name) for p in folder.iterdir() if p.name.isdigit()), default=-1) + 1


def launch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start ``jube`` in a folder, in a process group of its own; what it says goes to ``log``."""
    with log.open("wb") as said:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def package_folder(folder: Path, benchmark: int, package: int) -> Path:
    """Return the working folder of a package."""
    return folder / f"{benchmark:06d}" / f"{package:06d}_{STEP}" / "work"


def job_id(work: Path) -> str | None:
    """Return the id of the job that a package was submitted as, None where there is none (yet)."""
    try:
        found = _JOB.search((work / "stdout").read_text(errors="replace"))
    except OSError:
        return None
    return found and found[1]


def tail(file: Path, most: int = 2000) -> str:
    """Return the end of a text file, nothing where there is none."""
    try:
        return file.read_text(errors="replace")[-most:].strip()
    except OSError:
        return ""
