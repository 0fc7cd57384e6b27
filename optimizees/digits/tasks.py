"""Minibatches of images: what an evaluation shows to the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.digits.data import Part, load
from l2l.tasks import TaskFamily


@dataclass(frozen=True)
class Minibatch:
    """Some images and the noise of the run that shows them.

    Attributes:
        images: Their places within the training or the held-out images, in order.
        held_out: Whether they are held-out ones.
        seed: Of all noise: input spikes, background. 1..2^32-1.
    """

    images: tuple[int, ...]
    held_out: bool
    seed: int


@dataclass(frozen=True)
class Minibatches(TaskFamily[Minibatch]):
    """Training images in minibatches drawn at random; held-out ones dealt in a fixed order.

    All individuals of a generation see the same images with the same noise.

    Attributes:
        data: Of the images, see :func:`~l2l.optimizees.digits.data.load`.
        digits: Number of classes.
        size: Images of a minibatch.
        draw: ``balanced``, as many of each digit as possible, in random order; or ``same``, images
            of one digit, which is drawn at random (as in the paper).
        n_test: Held-out minibatches.
    """

    data: str | None = None
    digits: int = 3
    size: int = 10
    draw: str = "balanced"
    n_test: int = 17

    def sample(self, rng: np.random.Generator, difficulty: float) -> Minibatch:
        """Return a minibatch of training images."""
        labels = load(self.data, self.digits).train.labels
        if self.draw == "same":
            wanted = np.full(self.size, rng.integers(self.digits))
        else:
            # which digits get the images that are left over is a matter of chance
            wanted = rng.permutation(
                rng.permutation(self.digits)[np.arange(self.size) % self.digits]
            )
        images = np.empty(self.size, dtype=np.int64)
        for digit in range(self.digits):
            places = np.flatnonzero(labels == digit)
            here = wanted == digit
            again = int(here.sum()) > len(places)  # a small data set
            images[here] = rng.choice(places, int(here.sum()), replace=again)
        return Minibatch(tuple(images.tolist()), False, _seed(rng))

    def held_out(self, part: int) -> list[Minibatch]:
        """Return the ``part``-th held-out minibatch; no image is in two of them."""
        n = len(load(self.data, self.digits).test.labels)
        order = np.random.default_rng(n).permutation(n)
        images = order[part * self.size : (part + 1) * self.size]
        seed = _seed(np.random.default_rng([n, part]))
        return [Minibatch(tuple(images.tolist()), True, seed)]

    def content(self, task: Minibatch) -> Part:
        """Return the images ``(size, 784)`` and the labels of a minibatch."""
        part = load(self.data, self.digits)[int(task.held_out)]
        places: NDArray[np.int64] = np.array(task.images)
        return Part(part.images[places], part.labels[places])


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 2**32))
