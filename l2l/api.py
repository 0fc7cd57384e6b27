"""The ways in: ``optimize`` for Python, ``run_config`` and ``resume`` for the command line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, Interrupted
from l2l.execution import Result, execute, free_folder
from l2l.loop import Progress, Stop
from l2l.plan import Plan, with_changes
from l2l.space import ParameterSpace
from l2l.warmstart import Source


def optimize(
    optimizee: Any,
    optimizer: Any = "genetic_algorithm",
    *,
    space: ParameterSpace | Mapping[str, Any] | None = None,
    generations: int | None = None,
    evaluations: int | None = None,
    target: float | None = None,
    time: float | None = None,
    patience: int | None = None,
    weights: tuple[float, ...] = (1.0,),
    run: str | PathLike[str] | None = None,
    start_from: Source | None = None,
    seed: int = 1,
    mode: str = "generational",
    test_every: int | None = None,
    workers: int | None = None,
    executor: Any = "local",
    resume: bool = False,
    overwrite: bool = False,
    force: bool = False,
    progress: Progress | bool = True,
) -> Result:
    """Optimize an optimizee; keep everything in a run folder.

    Args:
        optimizee: An :class:`Optimizee`, its class, its name, or a function
            ``function(individual) -> fitness`` (then ``space`` is needed).
        optimizer: Its name, ``{"name": ..., option: ...}``, its class or its parameters.
        space: The parameters, ``{"tau": (5.0, 50.0)}`` or a :class:`ParameterSpace`.
        generations: Stop after so many generations.
        evaluations: Stop after so many evaluations.
        target: Stop when the best fitness has reached it.
        time: Stop after so many seconds.
        patience: Stop when so many generations have brought no better fitness.
        weights: One an objective; fitness times weights is maximised.
        run: Folder of the run; ``results/<name>`` with the next free number if None.
        start_from: What is known already: the folder of an earlier run, of which the evaluations
            are learnt from, or a list of individuals: a population has them in its first
            generation, a distribution begins at their mean.
        seed: Of all randomness of the run.
        mode: ``generational``, or ``async``: a new individual as soon as a worker is free, for the
            optimizers that can; the slowest one keeps nobody waiting.
        test_every: Evaluate the best individual of the first and of every so many-th generation,
            and the one that the optimizer recommends, on the held-out tasks of the optimizee, and
            once more at the end; see ``result.history.tests``. None: never.
        workers: Number of workers; all cores if None.
        executor: Its name, or ``{"name": ..., option: ...}``.
        resume: Go on with the run where the folder holds one.
        overwrite: Move a run that is there out of the way, to ``<name>.1``.
        force: Resume although optimizee or settings have changed.
        progress: Whether to show progress, or an object to show it with.

    Returns:
        The result; it can be had again with ``l2l.load(run)``.

    Raises:
        ConfigError: If anything is wrong with the arguments; nothing has been started then.
        Interrupted: After a signal; the run can be resumed.
    """
    if not isinstance(executor, Mapping):
        executor = {"name": executor}
    if workers is not None:
        executor = {**executor, "workers": workers}
    stop = Stop(
        generations=generations, evaluations=evaluations, target=target, time=time,
        patience=patience,
    )  # fmt: skip
    plan = Plan.of(
        optimizee, optimizer, executor, stop,
        space=space, weights=weights, seed=seed, start=start_from, mode=mode,
        test_every=test_every,
    )  # fmt: skip
    path = Path(run) if run else free_folder(Path("results") / _name(plan))
    with telling_interruptions():
        return execute(
            plan, path, resume=resume, overwrite=overwrite, force=force, progress=progress
        )


def run_config(
    config: Mapping[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = True,
) -> Result:
    """Run a validated configuration."""
    plan = Plan.from_config(config)
    return execute(plan, Path(config["run"]), resume=resume, overwrite=overwrite, progress=progress)


def resume(
    path: str | PathLike[str],
    *,
    changes: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress | bool = True,
) -> Result:
    """Go on with a run.

    Args:
        path: Its folder.
        changes: Replacements within ``stop`` and ``executor``.
        force: Go on although optimizee or settings have changed.
        progress: Whether to show progress, or an object to show it with.

    Raises:
        ConfigError: If the run was begun by a script or at a prompt, whose optimizee is only
            there; the text names the command to run again.
    """
    from l2l.store.reader import Records

    config = changed(Records(path).config, changes or {})
    if config["source"]["by_value"]:
        raise ConfigError(
            f"{path} was begun with an optimizee that only its script knows. Run again, with "
            f"resume=True or L2L_RESUME=1: {' '.join(config['source']['command'])}"
        )
    plan = Plan.from_config(config)
    return execute(plan, Path(path), resume=True, force=force, progress=progress)


def changed(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with some entries of its sections replaced."""
    result = dict(config)
    for section, entries in changes.items():
        result[section] = with_changes(result.get(section, {}), entries)
    return result


def rerun(
    path: str | PathLike[str], changes: Mapping[str, Any] | None = None, *, force: bool = False
) -> tuple[list[str], str, dict[str, str]] | None:
    """Return command, folder and environment that go on with a run which a script began.

    Returns None for a run that :func:`resume` continues by itself.

    Raises:
        ConfigError: If the run was begun at a prompt or in a notebook, where no command is.
    """
    from l2l.store.reader import Records

    source = Records(path).config["source"]
    if not source["by_value"]:
        return None
    if source["script"] is None:
        raise ConfigError(
            f"{path} was begun at a prompt or in a notebook, and only there is its optimizee. Go "
            "on there: call l2l.optimize(..., run=..., resume=True) with the same arguments"
        )
    asked = {
        "L2L_RESUME": str(Path(path).resolve()),
        "L2L_FOLDERS": json.dumps(source.get("folders", [])),
        "L2L_CHANGES": json.dumps(changes or {}),
    }
    if force:
        asked["L2L_FORCE"] = "1"
    return list(source["command"]), source["folder"], {**os.environ, **asked}


def _name(plan: Plan) -> str:
    thing = getattr(plan.optimizee, "function", type(plan.optimizee))
    return re.sub(r"\W+", "-", getattr(thing, "__name__", "run")).strip("-") or "run"


@contextlib.contextmanager
def telling_interruptions() -> Iterator[None]:
    """Say how to go on where an interruption is about to end somebody's script.

    At a prompt and in a notebook it only ends the call: the session, and with it the optimizee, is
    what the run needs to go on.
    """
    try:
        yield
    except Interrupted as interruption:
        if hasattr(sys, "ps1"):
            raise KeyboardInterrupt(str(interruption)) from None
        print(interruption, file=sys.stderr)
        raise
