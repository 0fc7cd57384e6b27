"""One process of somebody else's program: started, timed, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.errors import SimulationFailed
from l2l.optimizees.command.explained import not_started
from l2l.output import Tail
from l2l.processes import MARK, adopts, children, end_trees, sweep

STDOUT_KEPT = 1 << 20  #: most bytes of stdout that are kept, the last ones
STDERR_KEPT = 1 << 16  #: most bytes of stderr that are kept, the last ones
SHOWN = 24 << 10  #: most characters of each that a failure shows


@dataclass(frozen=True)
class Finished:
    """What came of a process.

    Attributes:
        command: Its command line.
        code: Its return code; that of a signal is negative.
        stdout: The last of what it printed there.
        stderr: Likewise.
        cut: Whether the beginning of stdout is missing.
        started: When it was started, in ns since the epoch.
        seconds: How long it took.
        late: Whether it was killed because its time was up.
    """

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    cut: bool
    started: int
    seconds: float
    late: bool = False

    def show(self) -> None:
        """Print the end of what the program printed, for the record of the failure."""
        print(f"$ {shlex.join(self.command)}", file=sys.stderr)
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text.strip():
                print(f"--- end of its {name}:\n{text[-SHOWN:].rstrip()}", file=sys.stderr)
        if not (self.stdout.strip() or self.stderr.strip()):
            print("--- it printed nothing", file=sys.stderr)


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    stdin: Path | None = None,
    timeout: float | None = None,
) -> Finished:
    """Run a command to its end; return what it printed last and its return code.

    It stays in the process group of the worker, and has the worker's mark, so that the guard's
    kill gets it too. What it leaves running in the background is killed.

    Raises:
        SimulationFailed: If it can't be started.
    """
    mark = f"command:{secrets.token_hex(8)};"
    marked = {**environment, MARK: f"{os.environ.get(MARK, '')} {mark}"}
    started, begun = time.time_ns(), time.monotonic()
    process, out, err = _start(command, cwd, marked, stdin)
    ended = False
    try:
        ended = _await_end(process, (out, err), None if timeout is None else begun + timeout)
    finally:
        if not ended:
            end_trees([process.pid], mark)
        process.wait()
        if children(os.getpid()) or not adopts():  # else what is left behind would be a child
            sweep((process.pid,), mark)
        for tail, pipe in ((out, process.stdout), (err, process.stderr)):
            tail.drain(64)
            pipe.close()  # type: ignore[union-attr]
    seconds = time.monotonic() - begun
    stdout, stderr = (tail.content().decode(errors="replace") for tail in (out, err))
    return Finished(
        tuple(command), process.returncode, stdout, stderr, out.cut, started, seconds,
        late=not ended,
    )  # fmt: skip


def _start(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: Path | None
) -> tuple[subprocess.Popen[bytes], Tail, Tail]:
    """Start a process; return it with the ends of its stdout and stderr."""
    with open(stdin or os.devnull, "rb") as file:
        try:
            process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdin=file,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise SimulationFailed(not_started(command, cwd, error)) from None
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout.fileno(), process.stderr.fileno()
    return process, Tail(out, STDOUT_KEPT), Tail(err, STDERR_KEPT)


def _await_end(
    process: subprocess.Popen[bytes], tails: Sequence[Tail], deadline: float | None
) -> bool:
    """Read what a process prints until it ends; return False if it has not by the deadline."""
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for tail in tails:
            selector.register(tail.descriptor, selectors.EVENT_READ, tail)
        longest = 0.02
        with contextlib.suppress(OSError, AttributeError):
            handle = os.pidfd_open(process.pid)
            stack.callback(os.close, handle)
            selector.register(handle, selectors.EVENT_READ, None)
            longest = 3600.0
        while process.poll() is None:
            left = longest if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, longest)):
                if key.data is not None and not key.data.drain():
                    selector.unregister(key.fd)
    return True
