"""Folders: the template, its copies, and whether the program of a command line is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from l2l.errors import ConfigError, SimulationFailed, nearest

_MOST = 20  #: files that a message lists


def check_template(path: Path | None) -> None:
    """Raise ConfigError if there is no such folder."""
    if path is None or path.is_dir():
        return
    if path.exists():
        raise ConfigError(f"template: expected a folder, and {path} is a file")
    beside = [p.name for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
    hint = nearest(path.name, beside) if beside else f"nor is there any in {path.parent}"
    hint = hint.replace("valid names", "folders there")
    raise ConfigError(f"template: there is no folder {path}; {hint}")


def check_source(template: Path | None, name: str, file: str) -> None:
    """Raise ConfigError if a Jinja template is not in the template folder."""
    if template is None:
        raise ConfigError(
            f"inputs, {file}: a Jinja template is a file of the template folder; give `template:`"
        )
    if not (template / name).is_file():
        raise ConfigError(
            f"inputs, {file}: there is no {name} in the template folder {template}. "
            f"In it: {listing(files(template))}. (Another name: {{format: jinja, from: NAME}})"
        )


def check_cwd(template: Path | None, cwd: str, inputs: Sequence[str]) -> None:
    """Raise ConfigError if neither the template nor an input file has the folder to start in."""
    made = any(Path(cwd) in Path(name).parents for name in inputs)
    if not made and not ((template or Path("/nonexistent")) / cwd).is_dir() and Path(cwd).parts:
        raise ConfigError(
            f"cwd: expected a folder of the template folder, and there is no {cwd} in "
            f"{template or 'it: no template is given'}"
        )


def check_program(program: str, template: Path | None, cwd: str, path: str | None) -> None:
    """Raise ConfigError if the program of a command line is not there, or can't be executed.

    Args:
        program: The first word of the command line.
        template: The template folder.
        cwd: Folder that the command starts in, within the working folder.
        path: PATH of the command.
    """
    if "/" not in program:
        if shutil.which(program, path=path) is None:
            raise ConfigError(_not_on_path(program, template, path))
        return
    place = Path(program).expanduser()
    if not place.is_absolute():
        place = (template or Path("/nonexistent")) / cwd / place
        if template is None or not place.is_file():
            has = "no template is given" if template is None else f"in {template}: "
            has += listing(files(template)) if template is not None else ""
            raise ConfigError(
                f"command: there is no {program} in the template folder; {has}. A program is "
                "looked for there if its name has a slash, and on PATH if it has none. (Has it "
                "to be compiled first?)"
            )
    if not place.is_file():
        raise ConfigError(f"command: there is no program {place}")
    if not os.access(place, os.X_OK):
        raise ConfigError(
            f"command: {place} is not executable. Do `chmod +x {place}`, or begin the command with "
            f"its interpreter, as in `sh {program}`"
        )
    _check_first_line(place)


def _not_on_path(program: str, template: Path | None, path: str | None) -> str:
    if template is not None and (template / program).is_file():
        return (
            f"command: {program!r} is in the template folder: write ./{program} "
            "(without a slash it is looked for on PATH)"
        )
    return (
        f"command: expected a program on PATH, and there is no {program!r}; "
        f"PATH is {os.environ.get('PATH', '') if path is None else path}. Install it, load its "
        "module, or give its whole path; `find_program: false` if only compute nodes have it"
    )


def _check_first_line(place: Path) -> None:
    with open(place, "rb") as file:
        line = file.read(256).split(b"\n")[0]
    if not line.startswith(b"#!"):
        return
    words = line[2:].decode(errors="replace").split(" ")
    interpreter = next((word for word in words if word), "")
    if interpreter.endswith("\r"):
        raise ConfigError(
            f"command: {place} has the line ends of Windows, with which no system finds "
            f"{interpreter.strip()}. Do `sed -i 's/\\r$//' {place}`"
        )
    if interpreter and not Path(interpreter).exists():
        raise ConfigError(f"command: the first line of {place} names {interpreter}: not there")


# -- contents ---------------------------------------------------------------------------------


def files(folder: Path) -> list[str]:
    """Return all files in a folder and below, sorted, as paths within it."""
    return sorted(
        os.path.relpath(os.path.join(top, name), folder)
        for top, _, names in os.walk(folder)
        for name in names
    )


def written(folder: Path, since: int) -> list[str]:
    """Return the files that were written since a moment (in ns since the epoch)."""
    return [name for name in files(folder) if is_new(folder / name, since)]


def is_new(path: Path, since: int) -> bool:
    """Whether a file was written since a moment; file systems count in steps of some ms."""
    try:
        return path.stat().st_mtime_ns >= since - 10_000_000
    except OSError:
        return False


def listing(names: Sequence[str]) -> str:
    """Return names as one text."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (", ".join(names[:_MOST]) or "nothing") + more


def copy(template: Path | None, workdir: Path) -> None:
    """Copy the template folder into a working folder; links stay links, to where they led.

    What the working folder itself is in, results below the template, is no part of it.

    Raises:
        SimulationFailed: If something can't be copied.
    """
    if template is None:
        return
    template, workdir = template.resolve(), workdir.resolve()

    def outside(top: str, names: list[str]) -> list[str]:
        return [name for name in names if workdir.is_relative_to(Path(top, name))]

    try:
        shutil.copytree(template, workdir, symlinks=True, dirs_exist_ok=True, ignore=outside)
    except OSError as error:
        several = isinstance(error, shutil.Error) and error.args and error.args[0]
        reason = several[0][2] if several else str(error)
        raise SimulationFailed(f"template: {template} can't be copied: {reason}") from None
    for path in _links(workdir):
        original = template / path.relative_to(workdir)
        if not (target := original.resolve()).is_relative_to(template):
            path.unlink()
            path.symlink_to(target)


def _links(folder: Path) -> list[Path]:
    return [
        path
        for top, folders, names in os.walk(folder)
        for path in (Path(top, name) for name in (*folders, *names))
        if path.is_symlink()
    ]
