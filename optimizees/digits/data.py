"""The images: scikit-learn's digits, or MNIST from files that the user has.

They are loaded once a process, and never part of a pickled optimizee.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l2l.errors import ConfigError

SIDE = 28  #: pixels of an image's edge
N_PIXELS = SIDE * SIDE
#: Of scikit-learn's digits, every third image (of a fixed permutation) is held out.
_SPLIT_SEED = 1797

#: MNIST's own names of its files: to train with, and held out.
_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class Part(NamedTuple):
    """Images ``(n, 784)`` in [0, 1], row by row, and their labels ``(n,)``."""

    images: NDArray[np.float64]
    labels: NDArray[np.int64]


class Data(NamedTuple):
    """Images to train with, and images that are held out."""

    train: Part
    test: Part


@functools.lru_cache(maxsize=2)
def load(path: str | None, digits: int) -> Data:
    """Return the images of the digits 0 to ``digits - 1``.

    Args:
        path: None for "digits 8x8", the 1,797 images of scikit-learn (8 x 8 pixels, each enlarged
            to 3 or 4 x 3 or 4, a third of them held out); or MNIST: a folder with its IDX files,
            gzipped or not, or an ``.npz`` file with ``x_train``, ``y_train``, ``x_test`` and
            ``y_test``.
        digits: Number of classes, 2..10.

    Raises:
        ConfigError: If there is nothing of that kind at ``path``.
    """
    train, test = _digits_8x8() if path is None else _mnist(Path(path).expanduser())
    return Data(_prepared(*train, digits, path), _prepared(*test, digits, path))


def _prepared(images: Any, labels: Any, digits: int, path: str | None) -> Part:
    images, labels = np.asarray(images), np.asarray(labels).astype(np.int64)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or labels.shape != images.shape[:1]:
        raise ConfigError(
            f"{path}: expected images of shape (n, {SIDE}, {SIDE}) and n labels, got shapes "
            f"{images.shape} and {labels.shape}. Give the files of MNIST"
        )
    chosen = labels < digits
    missing = sorted(set(range(digits)) - set(labels[chosen].tolist()))
    if missing:
        raise ConfigError(f"{path}: there are no images of the digits {missing}")
    # MNIST's pixels are bytes, whatever the largest one of a file is
    scaled = images[chosen].reshape(-1, N_PIXELS) / (255.0 if images.dtype == np.uint8 else 1.0)
    return Part(scaled, labels[chosen])


def _digits_8x8() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    nearest = np.arange(SIDE) * 8 // SIDE
    images = small.reshape(-1, 8, 8)[:, nearest][:, :, nearest] / 16.0
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    held_out = np.arange(len(order)) % 3 == 0
    train, test = order[~held_out], order[held_out]
    return (images[train], labels[train]), (images[test], labels[test])


def _mnist(path: Path) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    if path.is_dir():
        x, y, x_test, y_test = (_read_idx(_find(path, name)) for name in _IDX)
        return (x, y), (x_test, y_test)
    if path.suffix == ".npz" and path.is_file():
        return _read_npz(path)
    raise ConfigError(
        f"no MNIST at {path}: expected a folder with {', '.join(_IDX)} (gzipped or not), or a "
        ".npz file. Leave `data` out to use scikit-learn's digits"
    )


def _find(folder: Path, name: str) -> Path:
    for spelling in (name, name.replace("-idx", ".idx")):
        for suffix in ("", ".gz"):
            if (found := folder / (spelling + suffix)).is_file():
                return found
    there = sorted(entry.name for entry in folder.iterdir())[:8]
    raise ConfigError(f"{folder} has no {name}[.gz], only {there or 'nothing'}")


def _read_npz(path: Path) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        names = ("x_train", "y_train", "x_test", "y_test")
        if missing := [name for name in names if name not in arrays]:
            raise ConfigError(f"{path} has no {missing}, only {sorted(arrays)}")
        x, y, x_test, y_test = (arrays[name] for name in names)
    return (x, y), (x_test, y_test)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an IDX file: 0, 0, 8 (bytes), number of axes, their lengths, data."""
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ConfigError(f"{path} is no IDX file of bytes: it begins with {content[:4]!r}")
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").astype(int).tolist())
    if len(shape) != content[3] or len(content) - start != int(np.prod(shape)):
        raise ConfigError(
            f"{path} is damaged: its header says {shape}, it holds {len(content) - start} bytes"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
