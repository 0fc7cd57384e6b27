"""Finding processes that should not be there any more."""

from __future__ import annotations

import os
import time
from pathlib import Path


def with_token(token: str) -> list[int]:
    """Return the processes whose environment holds a token, zombies and this one excluded."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if token.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def all_gone(token: str, within: float = 3.0) -> bool:
    """Whether no process with the token is left after at most ``within`` s."""
    deadline = time.monotonic() + within
    while with_token(token):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def uncovered() -> dict[str, str]:
    """Return the environment, without what would make a process measure its coverage."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}
