"""A leash: a command that gets a signal when the process that started it ends.

Run as a file, with nothing but the standard library, so that it starts in no time; it then becomes
the command. That is safe where forking Python code is not: in a process with threads. The kernel
sends the signal when the *thread* ends that started the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def leashed(command: Sequence[str], output: str, number: signal.Signals) -> list[str]:
    """Return the command line of a leashed command.

    Args:
        command: What to run.
        output: File that what it prints is appended to.
        number: The signal it gets when this thread ends.
    """
    start = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
    return [*start, str(os.getpid()), str(int(number)), output, *command]


def main(arguments: Sequence[str]) -> None:
    """Become the command."""
    parent, number, output, *command = arguments
    os.setsid()  # Ctrl-C is for the outer loop
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != int(parent):
        os._exit(1)  # it had ended before this was set up
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
