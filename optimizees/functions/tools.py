"""Drawing of 2-D functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l2l.optimizees.functions.function_generator import FunctionGenerator

N_POINTS = 101  #: of the grid, along each axis


def plot(fn: FunctionGenerator, random_state: Any = None) -> Figure:
    """Draw a 2-D function as a surface, and return the figure.

    On a screen its window opens and the script goes on; elsewhere use ``figure.savefig(path)``.

    Args:
        fn: A function with ``dims`` 2.
        random_state: A ``numpy.random`` generator; needed where the function is noisy.

    Raises:
        ValueError: If the function is not 2-D.
        MissingExtra: If matplotlib is not installed.
    """
    if fn.dims != 2:
        raise ValueError(f"only a function of 2 dimensions can be drawn, this one has {fn.dims}")
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtra("matplotlib", "plot") from None
    low, high = fn.bound
    axis = np.linspace(low, high, N_POINTS)
    points = np.stack(np.meshgrid(axis, axis), axis=-1)
    values = fn.cost_function(points, random_state)
    figure = plt.figure()
    axes: Any = figure.add_subplot(projection="3d")
    surface = axes.plot_surface(points[..., 0], points[..., 1], values, cmap="viridis")
    lowest = np.unravel_index(np.argmin(values), values.shape)
    x, y = points[lowest]
    axes.set(xlabel="x", ylabel="y", zlabel="value")
    axes.set_title(f"lowest of the grid: {values[lowest]:.3g} at ({x:.3g}, {y:.3g})")
    figure.colorbar(surface, shrink=0.5)
    if getattr(figure.canvas, "required_interactive_framework", None):
        plt.show(block=False)
    return figure
