"""Connectomes from files: TVB's zip files, npz, and plain text."""

from __future__ import annotations

import bz2
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from l2l.errors import ConfigError
from l2l.optimizees.whole_brain.connectome.connectome import Connectome, Floats

#: Stems of file names, and names in an npz file, for each of the things that are read.
NAMES = {
    "weights": ("weights", "weight", "sc"),
    "lengths": ("lengths", "tract_lengths", "tracts", "tract"),
    "labels": ("labels", "region_labels", "centres", "centers"),
}
TEXT = (".txt", ".csv", ".tsv", ".dat")


def read(path: str | Path, lengths: str | Path | None = None) -> Connectome:
    """Read a connectome.

    Args:
        path: A TVB zip file (``weights.txt``, ``tract_lengths.txt``, ``centres.txt``, also as
            ``.bz2``); an ``npz`` file with ``weights``, ``lengths`` and perhaps ``labels``; a
            folder with text files of these names; or a text file of the weights, where ``lengths``
            is given as well. Numbers are separated by blanks, tabs, commas or semicolons.
        lengths: Text file of the lengths in mm, beside a text file of weights.

    Raises:
        ConfigError: If a file is missing or can't be understood, or what is in it does not fit.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ConfigError(f"there is no connectome {path}")
    if lengths is not None:
        other = Path(lengths).expanduser()
        if not other.is_file():
            raise ConfigError(f"there is no file {other} of tract lengths")
        files = {"weights" + path.suffix: path, "lengths" + other.suffix: other}
        return _from_files({name: file.read_bytes for name, file in files.items()}, path)
    if path.is_dir():
        return _from_files({p.name: p.read_bytes for p in path.iterdir() if p.is_file()}, path)
    if path.suffix == ".npz":
        return _from_npz(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
        return _from_files({Path(n).name: partial(bytes, b) for n, b in content.items()}, path)
    raise ConfigError(
        f"expected a zip or npz file, a folder, or a file of weights and one of lengths; got {path}"
    )


def _from_npz(path: Path) -> Connectome:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {what: _first(names, file.files) for what, names in NAMES.items()}
            weights, lengths, labels = (file[n] if n else None for n in found.values())
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} must be an npz file with arrays of numbers: {error}") from error
    if weights is None or lengths is None:
        raise ConfigError(f"{path} must hold the arrays weights and lengths")
    return Connectome(weights, lengths, () if labels is None else tuple(map(str, labels)))


def _from_files(files: Mapping[str, Callable[[], bytes]], where: Path) -> Connectome:
    """Return the connectome of text files, given by name."""
    stems = {_stem(name): name for name in sorted(files) if _stem(name)}
    found = {what: _first(names, stems) for what, names in NAMES.items()}
    texts = {w: _text(stems[s], files[stems[s]]()) for w, s in found.items() if s is not None}
    for what in ("weights", "lengths"):
        if what not in texts:
            raise ConfigError(
                f"{where} has no file of {what}: expected "
                f"{' or '.join(name + '.txt' for name in NAMES[what])}, got {sorted(files)}"
            )
    weights = _numbers(texts["weights"], f"{where}: {stems[found['weights'] or '']}")
    lengths = _numbers(texts["lengths"], f"{where}: {stems[found['lengths'] or '']}")
    return Connectome(weights, lengths, _labels(texts.get("labels", ""), len(weights)))


def _stem(name: str) -> str:
    """Return the stem of a text file's name in lower case; '' if it is no text file."""
    path = Path(name.lower().removesuffix(".bz2"))
    return path.stem if path.suffix in TEXT else ""


def _first(names: Iterable[str], there: Iterable[str]) -> str | None:
    there = set(there)
    return next((name for name in names if name in there), None)


def _text(name: str, content: bytes) -> str:
    packed = name.lower().endswith(".bz2")
    try:
        return (bz2.decompress(content) if packed else content).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name} must be a text in UTF-8: {error}") from error


def _numbers(text: str, where: str) -> Floats:
    for separator in (",", ";"):
        text = text.replace(separator, " ")
    if not text.strip():
        raise ConfigError(f"{where} is empty; expected rows of numbers")
    try:
        return np.loadtxt(io.StringIO(text), ndmin=2)
    except ValueError as error:
        raise ConfigError(f"{where} must hold rows of numbers: {error}") from error


def _labels(text: str, n: int) -> tuple[str, ...]:
    """Return the first word of each line; TVB's centres have coordinates after it."""
    lines = [line.replace(",", " ").split() for line in text.splitlines()]
    words = [line[0] for line in lines if line and not line[0].startswith("#")]
    return tuple(words) if len(words) == n else ()
