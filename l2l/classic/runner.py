"""What the runner parameters of classic scripts mean: an executor and its options."""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

from l2l.errors import ConfigError
from l2l.executors.jube.options import JubeOptions

log = logging.getLogger("l2l")

#: Where runner parameters may be given; upstream's versions differ.
SPELLINGS = ("jube_parameter", "runner_parameter", "runner_params")

#: Runner parameters of old that have nothing to do any more.
_WITHOUT_EFFECT = (
    "fileprefix", "job_file", "paths_obj", "ready_file", "submit_cmd", "tasks_per_job",
    "work_path",
)  # fmt: skip
_JUBE = {
    "queue": "partition", "nodes": "nodes", "walltime": "walltime", "account": "account",
    "project": "account", "mail_address": "mail",
}  # fmt: skip
_PLATFORM = {"err_file": "errlogfile", "out_file": "outlogfile", "mail_mode": "notification"}


def runner_params(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the runner parameters in force, whichever spelling they were given in."""
    found: dict[str, Any] = {"srun": "", "exec": "python3"}
    for key in SPELLINGS:
        found |= settings.get(key) or {}
    return found


def executor(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the executor and its options that arguments of ``prepare_experiment`` ask for.

    ``executor`` comes first; then ``multiprocessing=False``, a ``scheduler`` among the runner
    parameters (JUBE), ``srun`` inside an allocation of Slurm; else it is ``local``.
    """
    params = runner_params(settings)
    found = _executor(settings, params)
    timeout = settings.get("timeout", False)
    if not isinstance(timeout, bool) and timeout is not None:
        found.setdefault("timeout", timeout)
    return found


def _executor(settings: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    given = settings.get("executor")
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, Mapping):
        return dict(given)
    if given is not None:
        raise ConfigError(f"executor must be a name or a dict with a 'name', got {given!r}")
    if not settings.get("multiprocessing", True):
        return {"name": "inline"}
    if str(params.get("scheduler") or "none").lower() != "none":
        return _jube(params)
    return _steps(params) or _local(params)


def _local(params: Mapping[str, Any]) -> dict[str, Any]:
    if params["srun"] or "srun" in params["exec"]:
        log.warning(
            "runner_params: 'srun' has no effect outside an allocation of Slurm: workers run on "
            "this machine. Start the script in a job, or give executor='slurm'"
        )
    _tell_without_effect(params)
    found: dict[str, Any] = {"name": "local"}
    if "max_workers" in params:
        found["workers"] = int(params["max_workers"])
    return found


def _steps(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the executor that the prefix ``srun`` stands for; None where there is none."""
    words = shlex.split(f"{params['srun']} {params['exec']}")
    if "srun" not in words or "SLURM_JOB_ID" not in os.environ:
        return None
    text = " ".join(words)
    ranks, cpus = _flag(text, "n", "ntasks") or 1, _flag(text, "c", "cpus-per-task")
    _tell_without_effect(params)
    if ranks > 1:  # the simulation is an MPI program
        found: dict[str, Any] = {"name": "srun", "ntasks": ranks}
        if cpus is not None:
            found["cpus_per_task"] = cpus
        if "max_workers" in params:
            found["max_steps"] = int(params["max_workers"])
        return found
    if "max_workers" in params:
        log.warning(
            "runner_params: 'max_workers' has no effect inside an allocation: as many workers run "
            "as it has CPUs for"
        )
    return {"name": "slurm"} if cpus is None else {"name": "slurm", "threads": cpus}


def _flag(text: str, short: str, long: str) -> int | None:
    found = re.search(rf"(?:^|\s)(?:-{short}\s*|--{long}[= ]\s*)(\d+)", text)
    return int(found[1]) if found else None


def _jube(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``jube``; an individual of old was a process of ``cpu_pp`` CPUs."""
    found: dict[str, Any] = {"name": "jube"}
    for key, value in params.items():
        if key in _JUBE:
            found[_JUBE[key]] = int(value) if key == "nodes" else value
        elif key in JubeOptions.__dataclass_fields__:
            found[key] = value
    cpus = int(params.get("cpu_pp", 1))
    processes = int(params.get("ppn", 1))
    if "ppn" in params or "cpu_pp" in params:
        found.setdefault("cpus_per_task", processes * cpus)
        found.setdefault("workers_per_job", processes)
    if threads := params.get("threads_pp", cpus if "cpu_pp" in params else None):
        found.setdefault("threads", int(threads))
    if "max_workers" in params:  # evaluations at the same time, in all jobs
        each = found.get("workers_per_job") or 1
        found.setdefault("packages", max(1, min(50, int(params["max_workers"]) // each)))
    further = {name: params[key] for key, name in _PLATFORM.items() if key in params}
    if "mail" not in found:
        further.pop("notification", None)
    if further:
        found["parameters"] = {**further, **found.get("parameters", {})}
    if "srun" in params["exec"] or params["srun"]:
        log.warning("jube_parameter: 'srun' has no effect: the platform of the site starts jobs")
    _tell_without_effect(params)
    return found


def _tell_without_effect(params: Mapping[str, Any]) -> None:
    """Say which parameters have no effect; defaults that scripts only repeat are not told of."""
    idle = [key for key in _WITHOUT_EFFECT if params.get(key, "sbatch") != "sbatch"]
    words = shlex.split(str(params["exec"]))
    if words and "srun" not in words and os.path.basename(words[0]) not in ("python", "python3"):
        idle.append("exec")
    if idle:
        log.warning(
            "runner parameters without effect here: %s. How work is shared out is said by "
            "executor={'name': ..., ...}",
            ", ".join(idle),
        )
