"""Origin: what a run was begun with, and whether going on would be the same run."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l import STARTED_IN
from l2l.errors import RunChanged
from l2l.optimizee import FunctionOptimizee

log = logging.getLogger("l2l")

#: Parts of a configuration that may change between two starts of one run.
MAY_CHANGE = ("name", "run", "executor", "stop", "source", "schema")


def resuming() -> bool:
    """Whether this process was started to go on: by ``l2l resume``, or as a requeued job."""
    return bool(os.environ.get("L2L_RESUME")) or int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0


def source_of(optimizee: Any, *, by_value: bool) -> dict[str, Any]:
    """Return what a run is begun with: command, folder, and hashes of script and optimizee."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = Path(main).resolve() if main and Path(main).is_file() else None
    return {
        "by_value": by_value,
        "command": [sys.executable, *sys.orig_argv[1:]],
        "folder": STARTED_IN or str(Path.cwd()),
        "script": str(script) if script and by_value else None,
        "script_sha256": _sha256(script.read_bytes()) if script and by_value else None,
        "optimizee_sha256": code_hash(optimizee),
    }


def code_hash(optimizee: Any) -> str | None:
    """Return a hash of the optimizee's module, or None where there is no source to read.

    Of a class that was written at a prompt or in a script, it is a hash of the class alone.
    """
    thing = optimizee.function if isinstance(optimizee, FunctionOptimizee) else type(optimizee)
    module = inspect.getmodule(thing)
    alone = module is None or module.__name__ == "__main__"
    try:
        return _sha256(inspect.getsource(thing if alone else module).encode())  # type: ignore[arg-type]
    except (OSError, TypeError):
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def begun(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the first start: how the run was begun."""
    kept = ("by_value", "command", "folder", "script", "folders")
    return {key: value for key, value in config["source"].items() if key in kept}


def check_same(recorded: Mapping[str, Any], now: Mapping[str, Any], force: bool) -> None:
    """Raise RunChanged if a run would go on with something else than it began with."""
    # of a time when there was no other
    recorded = {"mode": "generational", "test_every": None, **recorded}
    differs = [
        f"{key}: {_short(recorded.get(key))} then, {_short(now.get(key))} now"
        for key in now
        if key not in MAY_CHANGE
        and _comparable(key, recorded.get(key)) != _comparable(key, now[key])
    ]
    edited = [
        what
        for what in ("optimizee", "script")
        if None not in (then := _hash(recorded, what), here := _hash(now, what)) and then != here
    ]
    if "script" in edited and not resuming():  # its author asks for it, perhaps to run for longer
        edited.remove("script")
        log.warning("the script has been edited since the run began; it goes on nevertheless")
    differs += [f"the {what} has been edited since" for what in edited]
    if differs and not force:
        raise RunChanged(
            "the run can't go on, because it would not be the same run: "
            + "; ".join(differs)
            + ". Undo the change, start a new run, or go on nevertheless with force=True (--force)"
        )
    for difference in differs:
        log.warning("resumed by force although %s", difference)


def _hash(config: Mapping[str, Any], what: str) -> Any:
    return config["source"].get(f"{what}_sha256")


def _comparable(key: str, section: Any) -> Any:
    """Return a section without what only says when to stop."""
    if key == "optimizer" and isinstance(section, Mapping):
        return {key: value for key, value in section.items() if key != "n_iteration"}
    return section


def _short(value: Any, length: int = 120) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= length else text[: length - 3] + "..."
