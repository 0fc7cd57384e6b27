"""What ``l2l doctor --executor slurm`` finds out about a site before a night is spent there."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.cluster import probe, slurm
from l2l.cluster.pilotjob import Answer, send
from l2l.errors import L2LError, nearest

_NEEDED = ("sbatch", "squeue", "scontrol", "scancel", "srun", "sinfo")


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        level: ``ok``, ``warning`` or ``problem``.
        what: What was looked at.
        found: What was found.
        advice: What to do about it; empty if nothing.
    """

    level: str
    what: str
    found: str
    advice: str = ""


def examine(
    requests: Sequence[str], setup: Sequence[str], folder: Path, patience: float,
    partition: str | None = None,
) -> Iterator[Finding]:  # fmt: skip
    """Yield what is found, as it is found.

    Args:
        requests: Options of sbatch for the pilot.
        setup: Lines of shell before Python starts.
        folder: Of runs; must be seen by all nodes.
        patience: Longest wait for the pilot, in s.
        partition: Which one is asked for; None for the default.
    """
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        advice = "run this on a login node of the cluster (perhaps after `module load slurm`)"
        yield Finding("problem", "commands", f"missing: {', '.join(missing)}", advice)
        return
    yield _version()
    alive = _controller()
    yield alive
    if alive.level == "problem":
        return
    yield from _partitions(partition)
    yield from _settings()
    yield from _packages()
    yield from _pilot(requests, setup, folder, patience)


# -- this machine -----------------------------------------------------------------------------


def _version() -> Finding:
    version = slurm.call(["sbatch", "--version"]).stdout.strip()
    jube = "" if shutil.which("jube") is None else ", jube"
    return Finding("ok", "commands", f"{version or 'Slurm'}: {', '.join(_NEEDED)}{jube}")


def _controller() -> Finding:
    try:
        done = slurm.call(["scontrol", "ping"])
    except L2LError as error:
        return Finding("problem", "controller", str(error), "ask the site")
    said = slurm.said(done)
    if done.returncode == 0 and "is UP" in said:
        return Finding("ok", "controller", said)
    return Finding("problem", "controller", said, "try again later, or ask the site")


def _partitions(wanted: str | None) -> Iterator[Finding]:
    done = slurm.call(["sinfo", "--noheader", "--format=%P|%a|%l|%D|%c|%m|%G"])
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 6]
    names = {row[0].rstrip("*") for row in rows}
    for name, up, limit, nodes, cpus, memory, gres in rows:
        if wanted not in (None, name.rstrip("*")):
            continue
        generic = "" if gres == "(null)" else f", {gres}"
        text = f"{nodes} nodes of {cpus} CPUs, {memory} MB{generic}; limit {limit}"
        advice = "" if up == "up" else "jobs wait until it is up again"
        yield Finding("ok" if up == "up" else "warning", f"partition {name}", text, advice)
    if wanted is not None and wanted not in names:
        yield Finding("problem", f"partition {wanted}", "there is none", nearest(wanted, names))
    elif wanted is None and not any(row[0].endswith("*") for row in rows):
        advice = f"give one with --partition: {', '.join(sorted(names))}"
        yield Finding("warning", "partition", "there is no default", advice)


def _settings() -> Iterator[Finding]:
    text = slurm.call(["scontrol", "show", "config"]).stdout
    values = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    allowed = "" if values.get("JobRequeue") == "1" else " (jobs must ask for it; l2l's do)"
    yield Finding("ok", "requeue", f"allowed{allowed}")
    timeout = values.get("SlurmdTimeout", "unknown")
    yield Finding("ok", "dead nodes", f"Slurm notices them after {timeout}; l2l does earlier")
    if int(re.sub(r"\D", "", values.get("KillWait", "")) or 30) < 2:
        advice = "the run may be cut off in mid-write; it loses nothing, but runs a bit again"
        yield Finding("warning", "KillWait", values["KillWait"], advice)


def _packages() -> Iterator[Finding]:
    if importlib.util.find_spec("parsl") is None:
        advice = "for the slurm executor: pip install 'l2l[slurm]'"
        yield Finding("warning", "parsl", "not installed", advice)


# -- a node -----------------------------------------------------------------------------------


def _pilot(
    requests: Sequence[str], setup: Sequence[str], folder: Path, patience: float
) -> Iterator[Finding]:
    try:
        answer = send(requests, setup, folder, patience)
    except L2LError as error:
        refusal, _, advice = str(error).partition(" What to do: ")
        yield Finding("problem", "pilot", refusal, advice or "see the options of sbatch")
        return
    if answer.report is None:
        yield _silence(answer, patience)
        return
    node = answer.report["node"] or answer.report["host"]
    yield Finding("ok", "pilot", f"answered from {node} after {answer.waited:.1f} s")
    yield from _visibility(answer, folder)
    yield from _node(answer.report)
    yield from _simulators(answer.report["simulators"])


def _silence(answer: Answer, patience: float) -> Finding:
    """Say what may be the matter with a pilot that did not report."""
    if answer.state in ("PENDING", "CONFIGURING"):
        found = f"still waits in the queue after {patience:.0f} s; it has been cancelled"
        return Finding("problem", "pilot", found, "wait longer (--patience), or ask for less")
    if answer.output:
        last = answer.output.splitlines()[-1]
        advice = "load what Python needs with --setup 'module load ...'; is it on a shared disk?"
        return Finding("problem", "pilot", f"printed: {last}", advice)
    advice = "start from a folder that all nodes see (--folder); python must be on such a disk too"
    return Finding("problem", "pilot", "ended, and nothing of it is seen here", advice)


def _visibility(answer: Answer, folder: Path) -> Iterator[Finding]:
    report = answer.report or {}
    if report["folder"] and answer.by_file:
        yield Finding("ok", "shared folder", f"{folder}: seen both ways")
    else:
        there, back = ("seen" if x else "not seen" for x in (report["folder"], answer.by_file))
        text = f"{folder}: our file is {there} there, the node's file is {back} here"
        advice = "put runs on a disk that all nodes have (--folder $SCRATCH to check another)"
        yield Finding("problem", "shared folder", text, advice)
    if answer.by_tcp:
        yield Finding("ok", "network", f"the node reaches this machine as {report.get('reached')}")
    else:
        advice = "use `l2l submit`, which keeps all inside the job, not pilots from this machine"
        yield Finding("warning", "network", "the node can't connect to this machine", advice)
    shared = "the same on node and login node" if report["temporary"] else "each node has its own"
    free = f"{report['scratch'] / 2**30:.1f} GiB free"
    yield Finding("ok", "/tmp", f"{shared}; {free}")


def _node(report: dict[str, object]) -> Iterator[Finding]:
    from l2l import __version__

    python = f"{report['python']} ({report['executable']}), l2l {report['l2l']}"
    same = report["l2l"] == __version__
    advice = "" if same else f"here it is {__version__}: install the same on both"
    yield Finding("ok" if same else "problem", "python", python, advice)
    cores, cpus = report["cores"], report["cpus"]
    text = f"{cpus} allocated, {cores} that Python may use"
    unbound = isinstance(cores, int) and isinstance(cpus, int) and 0 < cores < cpus
    advice = "the job is bound to fewer cores than it has: see --cpus-per-task" if unbound else ""
    yield Finding("warning" if unbound else "ok", "CPUs", text, advice)
    threads = report["threads"]
    if isinstance(threads, dict) and threads:
        text = ", ".join(f"{name}={value}" for name, value in sorted(threads.items()))
        yield Finding("ok", "threads", f"{text}; l2l sets its own in each worker")
    memory = f"{int(str(report['memory'])) / 2**30:.1f} GiB on the node"
    asked = report["allocated"]
    yield Finding("ok", "memory", memory + (f", {asked} MB allocated" if asked else ""))
    gpus = report["gpus"]
    if isinstance(gpus, dict) and (gpus["visible"] or gpus["names"]):
        names = f" ({', '.join(gpus['names'])})" if gpus["names"] else ""
        yield Finding("ok", "GPUs", f"given: {', '.join(gpus['visible']) or 'none'}{names}")
    else:
        yield Finding("ok", "GPUs", "none given (ask with --gres gpu:1)")


def _simulators(there: dict[str, str]) -> Iterator[Finding]:
    here = [name for name in probe.SIMULATORS if importlib.util.find_spec(name) is not None]
    fine = [f"{probe.SIMULATORS[n]} {v}" for n, v in there.items() if not v.startswith("failed")]
    yield Finding("ok", "simulators", ", ".join(fine) or "none of those that l2l knows")
    for name in here:
        said = there.get(name, "not installed there")
        if name not in there or said.startswith("failed"):
            advice = "it is installed here: use the same Python, and load its modules with --setup"
            yield Finding("warning", probe.SIMULATORS[name], said, advice)
