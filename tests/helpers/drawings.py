"""Figures that the optimizee Fit offers."""

from __future__ import annotations

from typing import Any


def spread(history: Any, optimizee: Any, marker: str = ".") -> Any:
    """Return all individuals, and the constant that the samples are of."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot(history["x"][:, 0], history["x"][:, 1], marker)
    axes.plot(*optimizee.tasks.constant[:2], "*")
    return figure


def moving(history: Any, optimizee: Any) -> Any:
    """Return the individuals of one generation after the other."""
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2), dpi=40)
    axes = figure.subplots()
    axes.set(xlim=(-5, 5), ylim=(-5, 5))
    (line,) = axes.plot([], [], ".")

    def show(generation: int) -> Any:
        chosen = history.generation == generation
        line.set_data(history["x"][chosen, 0], history["x"][chosen, 1])
        return (line,)

    return FuncAnimation(figure, show, frames=3)


def broken(history: Any, optimizee: Any) -> Any:
    """Return no figure."""
    return None
