"""Figures of an optimizee: those that its class offers beside the evolution of the fitness."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, L2LError, MissingExtra, nearest
from l2l.plan import as_optimizee
from l2l.references import load_reference, told
from l2l.trajectory import Trajectory
from l2l.view.plots import save


def figures_of(optimizee: Any) -> Mapping[str, str]:
    """Return the figures that an optimizee offers: name -> ``module:function``."""
    figures: Mapping[str, str] = getattr(optimizee, "figures", None) or {}
    return figures


def plot_figure(
    path: str | PathLike[str], name: str, out: str | PathLike[str] | None = None
) -> Path:
    """Draw a figure that the optimizee of a run offers; return the file.

    Args:
        path: Folder of the run.
        name: Of the figure, one of the optimizee's ``figures``.
        out: File to write; ``<name>.png``, or ``<name>.gif`` of an animation, in the run's folder
            if None.

    Raises:
        ConfigError: If the optimizee has no such figure; says which it has.
        MissingExtra: If matplotlib is not installed.
        L2LError: If the optimizee can't be loaded here, or the figure can't be drawn or written.
    """
    try:
        from matplotlib.animation import Animation
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "plot") from None
    history = Trajectory(path)
    optimizee = optimizee_of(history)
    figures = figures_of(optimizee)
    if name not in figures:
        kind = type(optimizee).__name__
        hint = nearest(name, figures) if figures else "it offers none"
        raise ConfigError(f"{kind} has no figure {name!r}; {hint}")
    drawn = load_reference(figures[name])(history, optimizee)
    if not isinstance(drawn, (Figure, Animation)):
        raise L2LError(
            f"{figures[name]} must return a figure or an animation of matplotlib, got {drawn!r}"
        )
    ending = "gif" if isinstance(drawn, Animation) else "png"
    target = Path(path) / f"{name}.{ending}" if out is None else Path(out)
    if isinstance(drawn, Animation):
        _save_animation(drawn, target)
    else:
        save(drawn, target)
    return target


def optimizee_of(history: Trajectory) -> Any:
    """Return the optimizee of a run, made anew from its configuration.

    Raises:
        L2LError: If it is one that only the script of the run knows.
    """
    config = dict(history.config["optimizee"])
    try:
        return as_optimizee(config, None)
    except L2LError as error:
        raise L2LError(
            f"the optimizee of {history.path}, {config.get('name')}, can't be made here: "
            f"{told(error)}"
        ) from error


def _save_animation(animation: Any, target: Path) -> None:
    """Write an animation: a .gif, or what else matplotlib has a program for."""
    writer = "pillow" if target.suffix.lower() in (".gif", ".webp", ".png", ".apng") else None
    try:
        animation.save(target, writer=writer)
    except (OSError, ValueError, RuntimeError) as error:
        raise L2LError(f"{target} can't be written: {error}; .gif needs Pillow alone") from error
