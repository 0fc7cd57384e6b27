"""How a run goes, as lines for people."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from l2l.heldout import ROLES, role_of
from l2l.view import text
from l2l.view.status import Attempt, RunStatus

#: Lines of a traceback or of an output that are shown.
_LINES = 30


def as_text(status: RunStatus) -> str:
    """Return the status as lines for people."""
    lines = [
        f"run:         {status.path}",
        f"state:       {status.state}" + (f" ({status.why})" if status.why else ""),
        f"experiment:  {_experiment(status.config)}",
        f"generations: {_generations(status)}",
        f"evaluations: {_evaluations(status)}",
    ]
    if status.lost:
        were = "evaluation was" if status.lost == 1 else "evaluations were"
        lines.append(f"lost:        {status.lost} {were} lost with their node and tried again")
    if status.ended is not None:
        lines.append(f"last result: {_when(status.ended)}; {text.per_second(status.rate)}")
    if status.best is not None:
        best = status.best
        where = f"evaluation {best['id']} of generation {best['generation']} (both from 0)"
        lines.append(f"best:        fitness {text.numbers(best['fitness'])}, {where}")
        lines += [f"  {line}" for line in text.individual(best["individual"])]
    lines += _test(status)
    lines += [f"damage:      {what}" for what in status.damage]
    if status.state in ("interrupted", "failed"):
        lines.append(f"go on with:  l2l resume {status.path}")
    for attempt in status.attempts:
        lines += ["", *_attempt(attempt)]
    return "\n".join(lines)


def _experiment(config: dict[str, Any]) -> str:
    names = (config.get(part, {}).get("name", "-") for part in ("optimizee", "optimizer"))
    executor = config.get("executor", {})
    workers = f", {text.count(w, 'worker')}" if (w := executor.get("workers")) else ""
    mode = ", asynchronous" if config.get("mode") == "async" else ""
    where = f"{executor.get('name', '-')}{workers}{mode}"
    return f"{' with '.join(map(text.class_name, names))} ({where})"


def _generations(status: RunStatus) -> str:
    begun = 0 if status.generation is None else status.generation + 1
    limit = status.config.get("stop", {}).get("generations")
    return f"{begun:,}" if limit is None else f"{begun:,} of {limit:,}"


def _evaluations(status: RunStatus) -> str:
    limit = status.config.get("stop", {}).get("evaluations")
    of = "" if limit is None else f" of {limit:,}"
    failed = text.failures(status.evaluations)
    return f"{status.n:,}{of}" + (f", {failed} (see --failed)" if failed else "")


def _test(status: RunStatus) -> list[str]:
    """Return the last test on held-out tasks, a line a role."""
    if (test := status.test) is None:
        return []
    lines = []
    for role, found in test["fitness"].items():
        spread = f"{text.numbers(found['mean'])} \N{PLUS-MINUS SIGN} {text.numbers(found['std'])}"
        failed = found["n"] - found["ok"]
        where = f"generation {test['generation']} (from 0)"
        where += f", {failed} of {found['n']} failed" if failed else ""
        lines.append(f"held-out:    fitness {spread}, {role}, {where}")
    return lines


def _when(moment: float) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    return f"{at} ({text.clock(time.time() - moment)} ago)"


def _attempt(attempt: Attempt) -> list[str]:
    """Return what is known of an attempt that did not end ok."""
    failure = attempt.failure
    test = failure.test
    head = f"test {-failure.id} on held-out tasks" if test else f"evaluation {failure.id}"
    if attempt.generation is not None and test:
        role = ROLES[role_of(np.array([failure.id]))[0]]
        head += f" (part {attempt.index}, {role}, generation {attempt.generation})"
    elif attempt.generation is not None:
        head += f" (individual {attempt.index} of generation {attempt.generation})"
    if failure.draw:
        head += f", retry {failure.draw}"
    lines = [f"{head}: {failure.status.name.lower()}: {failure.message}"]
    if attempt.individual is not None:
        lines += [f"  {line}" for line in text.individual(attempt.individual)]
    for title, content in (("traceback", failure.traceback), ("last output", failure.output)):
        if content.strip():
            lines += [f"  {title}:", *_tail(content)]
    return lines


def _tail(content: str) -> list[str]:
    lines = content.rstrip().splitlines()
    cut = ["    ..."] if len(lines) > _LINES else []
    return cut + [f"    {line}" for line in lines[-_LINES:]]
