"""The images, loaded once a process and never part of a pickled optimizee."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l2l.errors import L2LError

N_CLASSES = 10

Part = tuple[NDArray[np.float64], NDArray[np.int64]]


class Digits(NamedTuple):
    """Images ``(n, pixels)`` in [0, 1], and their labels ``(n,)``, 0..9."""

    train: Part
    test: Part


def n_pixels(small: bool) -> int:
    """Return the number of pixels of an image."""
    return 64 if small else 784


@functools.lru_cache(maxsize=1)
def load(small: bool) -> Digits:
    """Return scikit-learn's digits (1437 to train, 360 to test), or MNIST (60,000 and 10,000).

    The digits come with scikit-learn. MNIST is downloaded from openml.org once, and kept in
    scikit-learn's data folder.

    Raises:
        L2LError: If the download fails.
    """
    images, labels = _digits() if small else _mnist()
    images = np.asarray(images, dtype=np.float64) / images.max()
    labels = np.asarray(labels, dtype=np.int64)
    cut = 1437 if small else 60_000
    return Digits((images[:cut], labels[:cut]), (images[cut:], labels[cut:]))


def _digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images, labels


def _mnist() -> tuple[Any, Any]:
    from sklearn.datasets import fetch_openml

    try:
        images, labels = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    except OSError as error:
        raise L2LError(
            f"MNIST could not be downloaded from openml.org: {error}. Download it where there is a "
            "network (it is kept in ~/scikit_learn_data), or set use_small_mnist to true"
        ) from error
    return images, labels
