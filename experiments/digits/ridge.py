"""The yardstick: ridge regression on the reservoir's spike counts, on the same held-out images.

    python experiments/digits/ridge.py [SCALE]

Prints the accuracy for three penalties, from the senders alone (as the readout sees them) and from
the whole reservoir, after 90 and after all training images.
"""

import sys

import numpy as np
from sklearn.linear_model import RidgeClassifier

from l2l.optimizees.digits import Digits, DigitsParameters
from l2l.optimizees.digits.network import record
from l2l.optimizees.digits.spikes import count
from l2l.optimizees.digits.tasks import Minibatch


def seen(optimizee, task):
    """Return the spike counts ``(images, neurons)`` of the reservoir, and the labels."""
    settings, content = optimizee.settings, optimizee.content(task)
    spikes = record(settings, content.images, task.seed)
    n = optimizee.layout.n_reservoir
    return count(settings, spikes.steps, spikes.neurons, n, len(content.labels)), content.labels


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
    optimizee = Digits(parameters=DigitsParameters(scale=scale, images=20, test_batches=8))
    held_out = [seen(optimizee, task) for task in optimizee.tasks.all_held_out()]
    x_test, y_test = (np.concatenate(part) for part in zip(*held_out, strict=True))
    order = np.random.default_rng(0).permutation(358).tolist()
    parts = [seen(optimizee, Minibatch(tuple(order[i : i + 90]), False, 11 + i))
             for i in range(0, 358, 90)]  # fmt: skip
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    for n in (90, len(y)):
        for name, columns in (("senders", optimizee.layout.senders), ("all", slice(None))):
            scores = [
                RidgeClassifier(alpha=alpha)
                .fit(x[:n, columns], y[:n])
                .score(x_test[:, columns], y_test)
                for alpha in (1.0, 100.0, 1e4)
            ]
            print(f"{n} images, {name}:", " ".join(f"{score:.3f}" for score in scores))


if __name__ == "__main__":
    main()
