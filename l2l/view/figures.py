"""Figures beside the evolution of the fitness: those of every run, and those of an optimizee."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, L2LError, MissingExtra, nearest
from l2l.plan import as_optimizee
from l2l.references import load_reference, told
from l2l.trajectory import Trajectory
from l2l.view.plots import save

#: Figures of every run: name -> ``module:function``, which gets the history alone.
BUILT_IN = {"heatmap": "l2l.view.heatmap:heatmap", "scatter": "l2l.view.heatmap:scatter"}


def figures_of(optimizee: Any) -> Mapping[str, str]:
    """Return the figures that an optimizee offers: name -> ``module:function``."""
    figures: Mapping[str, str] = getattr(optimizee, "figures", None) or {}
    return figures


def plot_figure(
    path: str | PathLike[str],
    name: str,
    out: str | PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Draw a figure that every run has, or one that the optimizee of a run offers; return the file.

    Args:
        path: Folder of the run.
        name: Of the figure: one of :data:`BUILT_IN` or of the optimizee's ``figures``.
        out: File to write; ``<name>.png``, or ``<name>.gif`` of an animation, in the run's folder
            if None.
        options: Keyword arguments of the figure's function.

    Raises:
        ConfigError: If there is no such figure, or it has no such option; says what there is.
        MissingExtra: If matplotlib is not installed.
        L2LError: If the optimizee can't be loaded here, or the figure can't be drawn or written.
    """
    try:
        from matplotlib.animation import Animation
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "plot") from None
    reference, arguments = _figure(Trajectory(path), name)
    function = load_reference(reference)
    _check_options(function, name, options or {})
    drawn = function(*arguments, **(options or {}))
    if not isinstance(drawn, (Figure, Animation)):
        raise L2LError(
            f"{reference} must return a figure or an animation of matplotlib, got {drawn!r}"
        )
    ending = "gif" if isinstance(drawn, Animation) else "png"
    target = Path(path) / f"{name}.{ending}" if out is None else Path(out)
    if isinstance(drawn, Animation):
        _save_animation(drawn, target)
    else:
        save(drawn, target)
    return target


def _figure(history: Trajectory, name: str) -> tuple[str, tuple[Any, ...]]:
    """Return the reference of a figure's function, and what it is called with."""
    if name in BUILT_IN:  # for these the optimizee need not be at hand
        return BUILT_IN[name], (history,)
    optimizee = optimizee_of(history)
    figures = figures_of(optimizee)
    if name not in figures:
        kind = type(optimizee).__name__
        raise ConfigError(f"{kind} has no figure {name!r}; {nearest(name, [*figures, *BUILT_IN])}")
    return figures[name], (history, optimizee)


def _check_options(function: Any, name: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError if a figure does not know an option."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.default is not p.empty]
    for option in options:
        if option not in known:
            hint = nearest(option, known) if known else "it has none"
            raise ConfigError(f"the figure {name!r} has no option {option!r}; {hint}")


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
