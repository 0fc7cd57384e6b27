"""One run, from its first to its last line: folder, optimizer, workers, loop, end."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.errors import (
    ConfigError,
    Interrupted,
    L2LError,
    MissingExtra,
    RunExists,
    RunLocked,
    StoreError,
)
from l2l.executors.base import Executor, Task
from l2l.interrupt import NEAR_THE_END, StopRequest
from l2l.loop import OuterLoop, Progress, loop_class
from l2l.loop.points import recommended_values
from l2l.optimizer import Optimizer
from l2l.origin import begun, check_same, resuming
from l2l.plan import Plan, executor_of, with_changes
from l2l.runlog import RunLog
from l2l.space import Individual
from l2l.trajectory import Entry, Trajectory

if TYPE_CHECKING:
    from l2l.store.folder import Store

log = logging.getLogger("l2l")

#: So often the wall-time may be near, without any result in between, before a run gives up.
IN_VAIN = 3

#: What :func:`free_folder` has returned in this process.
chosen: list[str] = []


@dataclass(frozen=True)
class Result:
    """What a run has come to.

    Attributes:
        path: Folder of the run.
        reason: Why it ended.
        history: Everything that happened.
        recommended: The individual that the optimizer would settle for: the mean of its
            distribution if it has one, else the best one. Where the fitness is noisy the mean is
            the better answer, for the best of many noisy values is mostly luck.
    """

    path: Path
    reason: str
    history: Trajectory
    recommended: Individual | None = None

    @property
    def best(self) -> Entry:
        """The best evaluation; ``.individual``, ``.fitness``."""
        return self.history.best


def execute(
    plan: Plan,
    path: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    force: bool = False,
    progress: Progress | bool = True,
    loop: Callable[..., OuterLoop] | None = None,
) -> Result:
    """Run a plan in a folder, new or to be continued, by the loop of its mode or another one.

    All that a user's code has to give comes first: where it fails, nothing is made or changed.

    Raises:
        Interrupted: After a signal; the state is written.
    """
    folder = path.absolute()  # whatever the current one becomes meanwhile
    plan = _with_requested_changes(plan, path)
    force = force or bool(os.environ.get("L2L_FORCE"))
    executor = plan.executor.join(plan.options)  # where there are many of us, one goes on
    with StopRequest(time_budget=plan.stop.time) as request:
        watcher = _watcher(progress, path)
        task, optimizer = plan.task(folder), plan.make_optimizer()
        going_on = resume or resuming()
        new = not (going_on and _is_there(folder))
        if new:
            _ = plan.known  # an error in it comes before anything is made
        store = _open(plan, folder, going_on, overwrite, force)
        make = functools.partial(
            loop or loop_class(plan.mode),
            optimizer=optimizer, bounding=plan.bounding, executor=executor, task=task,
            store=store, stop=plan.stop, request=request, seed=plan.seed, progress=watcher,
            warm=plan.warm, test_every=plan.test_every, test_parts=plan.test_parts,
        )  # fmt: skip
        run = functools.partial(_run, make, executor, task, store)
        try:
            reason = _watched(run, store, request, watcher)
        except (ConfigError, MissingExtra):
            # The next try is not to find a folder that holds nothing.
            if new and len(Trajectory(folder)) == 0:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    if request.signal is NEAR_THE_END:
        _check_progress(folder)
    if request.signal is not None:
        raise Interrupted(
            f"{reason}; everything is written. Go on with {_how_to_go_on(plan, path)}"
        )
    return Result(path, reason, Trajectory(folder), _recommended(plan, optimizer))


def _check_progress(folder: Path) -> None:
    """Raise if start after start was ended by the wall-time before one evaluation has ended.

    Else such a run would be requeued for ever.
    """
    from l2l.store.reader import Records

    with Records(folder) as records:
        stops = [event for event in records.events if event["event"] == "stopped"]
    last = [(e["reason"], e.get("n"), e.get("tests", 0)) for e in stops[-IN_VAIN:]]
    if len(last) == IN_VAIN and set(last) == {(f"stopped by {NEAR_THE_END.name}", *last[0][1:])}:
        raise L2LError(
            f"the wall-time was near {IN_VAIN} times in a row, and no evaluation has ended in "
            "between: they take longer than a job may last. Ask for a longer wall-time, or set a "
            "timeout; what is recorded is kept, and a resume goes on from it"
        )


def _recommended(plan: Plan, optimizer: Optimizer) -> Individual | None:
    """Return the individual that an optimizer would settle for, inside all bounds."""
    values = recommended_values(optimizer, plan.bounding, plan.seed)
    return None if values is None else plan.space.unflatten(values)


def _how_to_go_on(plan: Plan, path: Path) -> str:
    if not plan.source["by_value"]:
        return f"`l2l resume {path}`"
    if plan.source["script"] is None:  # a prompt or a notebook
        return f"the same call and resume=True, run={str(path)!r}"
    return f"`l2l resume {path}` (which runs your script again), or with resume=True"


def _watched(run: Callable[[], str], store: Store, request: StopRequest, watcher: Progress) -> str:
    """Run; whatever happens, close what was opened and record how it ended."""
    how, reason = "failed", "error"
    try:
        with contextlib.closing(watcher):
            reason = run()
        how = "finished" if request.signal is None else "interrupted"
    except KeyboardInterrupt:
        how, reason = "interrupted", "interrupted twice"
        raise
    except Interrupted as error:
        how, reason = "interrupted", str(error)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise
    finally:
        shutil.rmtree(store.path / "scratch", ignore_errors=True)
        try:
            event = {"event": "stopped", "time": time.time(), "how": how, "reason": reason}
            store.note({**event, "n": store.tally.n, "tests": len(store.tested)})
        except StoreError as error:
            log.warning("%s", error)
        store.close()
    return reason


def _run(make: Callable[[], OuterLoop], executor: Executor, task: Task, store: Store) -> str:
    with _logging_to(store.path / "logs"), _one_blas_thread(), executor:
        executor.start(task)
        return make().run()


def _open(plan: Plan, path: Path, resume: bool, overwrite: bool, force: bool) -> Store:
    """Return the store of a new run, or the one that is there, for going on."""
    from l2l.store.folder import Store

    config = {"name": path.name, "run": str(path), **plan.config()}
    config["source"]["folders"] = list(chosen)
    there = _is_there(path)
    if there and overwrite and not resume:
        set_aside(path, force)
    elif there and resume:
        store = Store.open(path, force=force)
        try:
            check_same(store.config, config, force)
            store.update_config({**config, "source": {**config["source"], **begun(store.config)}})
        except BaseException:
            store.close(seal=False)
            raise
        store.note({"event": "resumed", "time": time.time()})
        return store
    elif there:
        raise RunExists(
            f"{path} exists already. Go on with resume=True (l2l resume {path}), move it out of "
            "the way with overwrite=True (--overwrite), or choose another folder"
        )
    store = Store.create(path, config)
    store.note({"event": "started", "time": time.time()})
    return store


def _is_there(path: Path) -> bool:
    """Whether there is more than an empty folder."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def set_aside(path: Path, force: bool = False) -> None:
    """Rename a run to ``<name>.1``, or the next free number.

    Raises:
        RunLocked: If its holder lives: it would go on writing to whatever takes its place.
    """
    from l2l.store.contents import open_contents
    from l2l.store.takeover import check_free

    try:
        with open_contents(path) as contents:
            check_free(contents, force)
    except RunLocked:
        raise
    except StoreError as error:  # no run, or a damaged one
        log.warning("%s", error)
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    path.rename(aside)
    log.info("%s was there already; it is now %s", path, aside)


def free_folder(path: Path) -> Path:
    """Return ``path``, or ``<path>-2`` and so on if it is taken.

    A process that was started to go on takes the folders that the first one took, in their order.
    """
    taken = json.loads(os.environ.get("L2L_FOLDERS", "[]"))
    if len(chosen) < len(taken):
        free = Path(taken[len(chosen)])
    else:
        requeued = resuming() and not taken  # then what is there is its own
        number, free = 2, path
        while str(free.absolute()) in chosen or (free.exists() and not requeued):
            free, number = path.with_name(f"{path.name}-{number}"), number + 1
    chosen.append(str(free.absolute()))
    return free


def _with_requested_changes(plan: Plan, path: Path) -> Plan:
    """Return the plan with the changes that ``l2l resume`` asked a script's run to take."""
    if Path(os.environ.get("L2L_RESUME", "")).resolve() != path.resolve():
        return plan
    changes = json.loads(os.environ.get("L2L_CHANGES", "{}"))
    if "stop" in changes:
        plan.stop = plan.stop._replace(**changes["stop"])
    if "executor" in changes:
        before = plan.config()["executor"]
        plan.executor, plan.options = executor_of(with_changes(before, changes["executor"]))
    return plan


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Keep ``ask`` and ``tell`` to one thread, so that sums come out the same everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@contextlib.contextmanager
def _logging_to(folder: Path) -> Iterator[None]:
    """Append the log of the run to its folder."""
    folder.mkdir(exist_ok=True)
    handler = RunLog(folder / "run.log")
    log.addHandler(handler)
    level = log.level
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()


def _watcher(progress: Progress | bool, path: Path) -> Progress:
    from l2l.view.progress import NullProgress, make_progress

    if isinstance(progress, bool):
        return make_progress(title=str(path)) if progress else NullProgress()
    needs = [name for name in vars(Progress) if not name.startswith("_")]
    if lacks := [name for name in needs if not callable(getattr(progress, name, None))]:
        raise ConfigError(
            f"progress must be True, False or an object with the methods {', '.join(needs)}; "
            f"{progress!r} has no {', '.join(lacks)}"
        )
    return progress
