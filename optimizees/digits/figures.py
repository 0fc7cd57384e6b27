"""Figures of a run: the spikes while an image is seen, and which digits are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.digits.data import SIDE
from l2l.optimizees.digits.layout import (
    IMAGE,
    N_OUT,
    N_OUT_EXC,
    Floats,
    rates,
)
from l2l.optimizees.digits.spikes import Recording, count, duration, onsets
from l2l.trajectory import Trajectory
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l2l.optimizees.digits.optimizee import Digits

EXC, INH = "#b8402c", "#2f5fd0"
SHOWN = 100  #: neurons of the reservoir that are drawn, at most


def raster(history: Trajectory, optimizee: Digits) -> Figure:
    """Return the spikes of reservoir and outputs while one held-out image of each digit is seen.

    The network is simulated in one piece.
    """
    from l2l.optimizees.digits.network import whole

    task = optimizee.tasks.held_out(0)[0]
    content = optimizee.content(task)
    first = [int(np.argmax(content.labels == k)) for k in np.unique(content.labels)]
    images, labels = content.images[first], content.labels[first]
    weights = chosen(history, optimizee)
    reservoir, outputs = whole(optimizee.settings, images, task.seed, weights)
    figure = blank(7.5, 5.2)
    grid = figure.add_gridspec(3, len(images), height_ratios=(1.0, 2.2, 1.6))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        axes = figure.add_subplot(grid[0, i])
        axes.imshow(image.reshape(SIDE, SIDE), cmap="gray_r")
        axes.set_axis_off()
        axes.set_title(f"a {label}", fontsize=9)
    top = figure.add_subplot(grid[1, :])
    bottom = figure.add_subplot(grid[2, :], sharex=top)
    _draw_reservoir(top, reservoir, optimizee)
    _draw_outputs(bottom, outputs, optimizee)
    for axes in (top, bottom):
        for start in onsets(len(images)):
            axes.axvspan(start, start + IMAGE, color="#f1ead8", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    bottom.set_xlim(0, duration(len(images)))
    return figure


def _draw_reservoir(axes: Any, spikes: Recording, optimizee: Digits) -> None:
    layout = optimizee.layout
    step = -(-layout.n_reservoir // SHOWN)
    shown = spikes.neurons % step == 0
    inhibitory = spikes.neurons[shown] >= layout.n_exc
    times = spikes.steps[shown] * optimizee.parameters.resolution
    colours = np.where(inhibitory, INH, EXC)
    axes.scatter(times, spikes.neurons[shown], s=1.0, linewidths=0, c=colours)
    axes.set_ylabel("reservoir" if step == 1 else f"reservoir, 1 in {step}")
    axes.tick_params(labelbottom=False)


def _draw_outputs(axes: Any, spikes: Recording, optimizee: Digits) -> None:
    """Draw the spikes of the outputs, and beside them each cluster's rate, the highest in bold."""
    inhibitory = spikes.neurons % N_OUT >= N_OUT_EXC
    axes.scatter(
        spikes.steps * optimizee.parameters.resolution,
        spikes.neurons,
        s=3.0,
        linewidths=0,
        c=np.where(inhibitory, INH, EXC),
    )
    digits = optimizee.layout.digits
    counted = count(
        optimizee.settings, spikes.steps, spikes.neurons, digits * N_OUT, spikes.n_images
    )
    for start, clusters in zip(onsets(spikes.n_images), rates(counted), strict=True):
        for k, rate in enumerate(clusters):
            weight = "bold" if k == int(clusters.argmax()) else "normal"
            at = (start + IMAGE + 12, k * N_OUT + 5.5)
            axes.text(*at, f"{rate:.0f} Hz", va="center", fontsize=8, fontweight=weight)
    for border in range(1, digits):
        axes.axhline(border * N_OUT - 0.5, color="#999999", linewidth=0.6)
    axes.set_yticks(N_OUT * np.arange(digits) + 5.5, [f"output {k}" for k in range(digits)])
    axes.set_ylim(-1, digits * N_OUT)
    axes.set_xlabel("time / ms")


def confusion(history: Trajectory, optimizee: Digits) -> Figure:
    """Return how often each digit of the held-out images is taken for which."""
    matrix, fitness = confused(chosen(history, optimizee), optimizee)
    n = int(matrix.sum())
    share = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    figure = blank(3.4, 3.4)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), number in np.ndenumerate(matrix):
        colour = "white" if share[i, j] > 0.5 else "black"
        axes.text(j, i, str(number), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.set_xlabel("cluster that fires most")
    axes.set_ylabel("digit")
    accuracy = np.trace(matrix) / max(1, n)
    axes.set_title(f"{n} held-out images: accuracy {accuracy:.3f},\nfitness {fitness:.3f}",
                   fontsize=9)  # fmt: skip
    return figure


def confused(weights: Floats, optimizee: Digits) -> tuple[NDArray[np.int64], float]:
    """Return counts ``(digit, answer)`` over all held-out images, and the mean fitness.

    Args:
        weights: ``(outputs, senders)``.
        optimizee: Which network, which images.
    """
    digits = optimizee.layout.digits
    matrix, fitness = np.zeros((digits, digits), dtype=np.int64), []
    for task in optimizee.tasks.all_held_out():
        counts = optimizee.counts(weights[None], task)
        answers = rates(counts)[0].argmax(axis=1)
        np.add.at(matrix, (optimizee.content(task).labels, answers), 1)
        fitness.append(optimizee.judge(counts, task)[0][0])
    return matrix, float(np.mean(fitness))


def chosen(history: Trajectory, optimizee: Digits) -> Floats:
    """Return the weights that a run is judged by: those last recommended, or else the fittest."""
    tests = history.tests
    recommended = np.flatnonzero(tests.role == 1)
    if len(recommended):
        last: Floats = tests.parameters[recommended[-1]].reshape(optimizee.layout.shape)
        return last
    best: Floats = history.best.individual["weights"]
    return best
