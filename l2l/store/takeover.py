"""Making a run folder, and taking one over from whoever held it."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any

from l2l.errors import RunLocked, StoreError
from l2l.store import claims, files, owner, provenance
from l2l.store.contents import Contents
from l2l.store.journal import explain

#: Run folders (device, inode) that this process holds.
held: set[tuple[int, int]] = set()


def temporary_folder(path: Path) -> Path:
    """Make the folder in which a run is prepared; remove those that a killed process left."""
    start = f".{path.name}."
    for entry in path.parent.iterdir():
        if entry.name.startswith(start) and entry.name.endswith(".new"):
            host, _, pid = entry.name.removeprefix(start).removesuffix(".new").rpartition("-")
            gone = pid.isdigit() and owner.process_start(int(pid)) is None
            if (host == socket.gethostname() and gone) or pid == str(os.getpid()):
                shutil.rmtree(entry, ignore_errors=True)
    new = path.with_name(f"{start}{socket.gethostname()}-{os.getpid()}.new")
    new.mkdir()
    return new


def fill(new: Path, config: dict[str, Any]) -> None:
    """Write all that a new run folder has, durable."""
    for name in ("logs", "artifacts"):
        (new / name).mkdir()
    files.write_config(new, config)
    files.write_provenance(new, provenance.collect())
    head = claims.new_header(1, 0, [], owner.this_process(), files.schema_of(config))
    os.close(claims.claim(new, head))


def check_free(contents: Contents, force: bool) -> None:
    """Raise RunLocked if the run has a holder that lives."""
    holder = contents.header["owner"]
    if force or contents.released or not holder:
        return
    if owner.is_this_process(holder):
        alive = key(contents.path) in held
    else:
        alive = owner.is_alive(holder, contents.path / f"journal-{contents.number}")
    if alive:
        raise RunLocked(
            f"the run {contents.path} is held by {owner.describe(holder)}. Stop that process "
            "first; if you are sure that it does not run any more, take the run over with --force "
            "(force=True)"
        )


def take_over(contents: Contents, schema: int) -> tuple[int, dict[str, Any]]:
    """Claim the next journal, in a version of the format; return its descriptor and header."""
    path = contents.path
    previous: list[list[int]] = []
    for part in contents.parts:
        os.fsync(part.source.fd)
        if not part.empty:
            previous.append([int(part.name.partition("-")[2]), part.good])
    base = contents.history.epoch if contents.history else 0
    if contents.pending:
        claims.complete_seal(path, base)
    head = claims.new_header(contents.next_number, base, previous, owner.this_process(), schema)
    fd = claims.claim(path, head)
    claims.tidy(path, keep={number for number, _ in previous})
    return fd, head


def add_provenance(path: Path) -> None:
    """Add to provenance.json what is different in this start."""
    recorded = files.read_provenance(path)
    now = provenance.collect()
    changed = {key: value for key, value in now.items() if value != recorded.get(key)}
    recorded.setdefault("resumed", []).append(changed)
    try:
        files.write_provenance(path, recorded)
    except OSError as error:
        raise StoreError(explain(error, path / "provenance.json")) from error


def key(path: Path) -> tuple[int, int]:
    """Return what tells one folder from another, by whatever name it is reached."""
    status = path.stat()
    return status.st_dev, status.st_ino
