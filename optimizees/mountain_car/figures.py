"""Figures of an evolved driver, for ``l2l plot RUN --figure NAME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from l2l.optimizees.gym_agent.network import FastBrain
from l2l.optimizees.mountain_car.__main__ import robust
from l2l.optimizees.mountain_car.optimizee import CODING, MountainCar
from l2l.optimizees.spiking import default_backend
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l2l.trajectory import Trajectory

COLOURS = ("#6f9fd8", "#eeeeee", "#e8a13a")  #: push left, do nothing, push right
ACTIONS = ("push left", "do nothing", "push right")
CANDIDATES = 32
SETTLING = 3  #: steps that a bin's neurons are active before the action is read


def choices(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the action in each bin of position and velocity, ``(30, 30)``.

    The network remembers some milliseconds: here each state has lasted for ``SETTLING`` steps.
    """
    rows, columns = CODING.bins
    active = [(x, rows + v) for x in range(rows) for v in range(columns)]
    brain = FastBrain(CODING, weights, len(active), default_backend())
    for _ in range(SETTLING):
        spikes = brain.step(active)
    actions: NDArray[np.int64] = np.argmax(spikes, axis=1).reshape(rows, columns)
    return actions


def policy(history: Trajectory, optimizee: MountainCar) -> Figure:
    """Draw what the most robust network does where, and three drives of it."""
    figure = blank(7.0, 4.6)
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    backend = default_backend()
    chosen, _ = robust(history, CANDIDATES, 1, backend)
    weights = history.entry(chosen).individual["weights"]
    axes = figure.subplots()
    extent = (CODING.low[0], CODING.high[0], CODING.low[1], CODING.high[1])
    axes.imshow(
        choices(weights).T, origin="lower", extent=extent, aspect="auto", vmin=0, vmax=2,
        cmap=ListedColormap(COLOURS),
    )  # fmt: skip
    drives = optimizee.drive(
        weights, optimizee.tasks.all_held_out()[:3], steps=200, backend=backend
    )
    for episode, style in zip(drives, ("-", "--", ":"), strict=False):
        position, velocity = np.array(episode.observations).T
        axes.plot(position, velocity, style, color="black", lw=1.3)
        axes.plot(position[0], velocity[0], "o", color="black", ms=4)
    axes.axvline(0.5, color="#2a9d3a", lw=2)
    axes.set_xlabel("position")
    axes.set_ylabel("velocity")
    taken = ", ".join(str(episode.steps) for episode in drives)
    axes.set_title(f"Individual {chosen}: {taken} steps from three held-out starts", fontsize=10)
    keys: list[Patch | Line2D] = [
        Patch(color=c, label=name) for c, name in zip(COLOURS, ACTIONS, strict=True)
    ]
    keys.append(Patch(color="#2a9d3a", label="goal"))
    keys.append(Line2D([], [], color="black", label="a drive, from its start (dot)"))
    figure.legend(handles=keys, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure
