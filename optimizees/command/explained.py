"""What went wrong with a process, in words."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path


def not_started(command: Sequence[str], cwd: Path, error: Exception) -> str:
    """Return why a command could not be started, and what to do."""
    program = command[0] if command else ""
    if isinstance(error, FileNotFoundError) and not cwd.is_dir():
        return f"there is no folder {cwd} to run {program!r} in"
    if isinstance(error, FileNotFoundError):
        return (
            f"the program {program!r} (or the interpreter that its first line names) is not there, "
            f"in the folder {cwd} or on PATH ({os.environ.get('PATH', '')})"
        )
    if isinstance(error, PermissionError):
        return f"{program!r} is not executable. Do: chmod +x, or begin the command with `sh`"
    if isinstance(error, OSError) and error.errno == 8:
        return (
            f"{program!r} is no program for this machine. A script begins with a line such as "
            "`#!/bin/sh`; or begin the command with its interpreter"
        )
    return f"{program!r} can't be started: {error}"


def why_failed(command: Sequence[str], code: int, last: str, expected: str) -> str:
    """Return what a return code means, with the last line that the program printed."""
    said = f". It said last: {last}" if last else ", and it printed nothing"
    name = shlex.join(command)
    name = name if len(name) <= 100 else f"{name[:100]}..."
    if code < 0:
        return f"`{name}` was ended by {_signal(-code)}{said}"
    hint = {
        126: " (a shell's for: found, but not executable)",
        127: " (a shell's for: command not found)",
    }.get(code, "")
    if code > 128:
        hint = f" (a shell's for: ended by {_signal(code - 128)})"
    return (
        f"`{name}` ended with the return code {code}{hint}, expected {expected} "
        f"(return_codes){said}"
    )


def last_line(text: str) -> str:
    """Return the last line that is not empty, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = {
        "SIGSEGV": ": it crashed",
        "SIGABRT": ": it gave up (abort)",
        "SIGFPE": ": a division by zero, say",
        "SIGILL": ": it was built for another processor",
        "SIGBUS": ": it crashed",
        "SIGKILL": "; if nobody did, memory ran out",
    }.get(name, "")
    return f"{name}{hint}"
