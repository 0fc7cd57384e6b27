"""The first pilot job of ``l2l doctor``: submitted, waited for, and listened to."""

from __future__ import annotations

import contextlib
import json
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2l.cluster import slurm

_SETTLE = 20.0  # time in which a first file of an ended job must be seen here, in s
_LATER = 3.0  # time in which the others must be seen, in s


@dataclass(frozen=True)
class Answer:
    """What came of the pilot.

    Attributes:
        report: What :func:`l2l.cluster.probe.report` found; None if nothing came.
        by_file: Whether it came through the shared folder.
        by_tcp: Whether it came through a connection.
        waited: Time from submission to answer, in s.
        output: What the job printed.
        state: Last state of the job in the queue.
    """

    report: dict[str, Any] | None
    by_file: bool
    by_tcp: bool
    waited: float
    output: str
    state: str


def send(requests: Sequence[str], setup: Sequence[str], folder: Path, patience: float) -> Answer:
    """Submit a pilot that reports from a node, and wait for it.

    Args:
        requests: Options of sbatch.
        setup: Lines of shell before Python starts.
        folder: In which the folder is made that both sides must see.
        patience: Longest wait, in s.

    Raises:
        ConfigError: If sbatch refuses the job.
    """
    token, temporary = secrets.token_hex(8), Path(tempfile.gettempdir(), f"l2l-{time.time_ns()}")
    meeting = Path(tempfile.mkdtemp(prefix="l2l-doctor-", dir=folder))
    job = ""
    try:
        for file in (meeting / "from-login", temporary):
            file.write_text(token)
        with socket.create_server(("", 0)) as server:
            heard: list[dict[str, Any]] = []
            threading.Thread(target=_listen, args=(server, token, heard), daemon=True).start()
            port = str(server.getsockname()[1])
            words = [str(meeting), token, port, str(temporary), *addresses()]
            probe = shlex.join([sys.executable, "-P", "-m", "l2l.cluster.probe", *words])
            job = slurm.submit(
                "\n".join(["#!/bin/bash", *setup, probe, ""]),
                [*requests, f"--output={meeting}/output", "--job-name=l2l-doctor"],
            )
            return _wait(job, meeting, heard, patience)
    finally:
        if job:
            slurm.cancel([job])
        temporary.unlink(missing_ok=True)
        shutil.rmtree(meeting, ignore_errors=True)


def addresses() -> list[str]:
    """Return the names and addresses under which nodes may reach this machine."""
    name = socket.gethostname()
    found = [name, socket.getfqdn()]
    with contextlib.suppress(OSError):
        found += [str(info[4][0]) for info in socket.getaddrinfo(name, None, socket.AF_INET)]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; chooses the interface
        found.append(str(probe.getsockname()[0]))
    return list(dict.fromkeys(found))


def _listen(server: socket.socket, token: str, heard: list[dict[str, Any]]) -> None:
    """Take reports; strangers who do not know the token are not listened to."""
    with contextlib.suppress(OSError):  # the server has been closed
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError, ValueError, AttributeError):
                connection.settimeout(10)
                data = b"".join(iter(lambda c=connection: c.recv(65536), b""))  # type: ignore[misc]
                found = json.loads(data)
                if found.get("token") == token:
                    heard.append(found)
                connection.sendall(b"1")


def _wait(job: str, meeting: Path, heard: list[dict[str, Any]], patience: float) -> Answer:
    begun, queue, state = time.monotonic(), slurm.Queue(), "PENDING"
    file, ended = meeting / "report.json", None
    while time.monotonic() < begun + patience and not file.exists():
        states = queue.states([job])
        state = states.get(job, "ENDED")
        if job not in states:
            ended = ended or time.monotonic()
            seen = heard or (meeting / "output").exists()  # then files do come through
            if time.monotonic() > ended + (_LATER if seen else _SETTLE):
                break
        time.sleep(0.2)
    by_file = file.exists()
    report = json.loads(file.read_text()) if by_file else heard[0] if heard else None
    output = meeting / "output"
    said = output.read_text(errors="replace")[-2000:] if output.exists() else ""
    waited = time.monotonic() - begun
    return Answer(report, by_file, bool(heard), waited, said.strip(), state)
