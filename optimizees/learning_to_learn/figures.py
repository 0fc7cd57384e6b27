"""Figures of a run: how the tuned learner adapts, and how much faster than one set by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.heldout import RECOMMENDED
from l2l.optimizees.learning_to_learn.baselines import best_of_grid, unlearned, zero
from l2l.optimizees.learning_to_learn.optimizee import LearningToLearn
from l2l.optimizees.learning_to_learn.sinusoids import INPUT, Sinusoid
from l2l.optimizees.learning_to_learn.volterra import N_JUDGED
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from l2l.trajectory import Trajectory

_TRUTH, _UNTUNED, _TUNED = "#8a8a8a", "#c4572b", "#1f5fa8"
_TASKS = 3  #: held-out tasks of the figure of adaptation
_FURTHER = 4  #: so many times the amount that was trained for do learning curves go
_STEPS = 60  #: of a filter's series that are drawn

Individual = Mapping[str, Any]


def tuned(history: Trajectory) -> Individual:
    """Return what a run has come to: the individual last recommended and tested, else the best."""
    tests = history.tests
    rows = np.flatnonzero(tests.role == RECOMMENDED)
    if not len(rows):
        return history.best.individual
    return history.space.unflatten(tests.parameters[rows[-1]])


def adaptation(history: Trajectory, optimizee: LearningToLearn) -> Figure:
    """Draw held-out tasks before learning, and after a little and all of it, untuned and tuned."""
    learner, family = optimizee.learner, optimizee.tasks
    tasks = family.held_out(0)[:_TASKS]
    amounts = (0, 1, learner.amount) if isinstance(tasks[0], Sinusoid) else (0, learner.amount)
    both = (
        ("untuned", best_of_grid(learner, family), _UNTUNED),
        ("tuned", tuned(history), _TUNED),
    )
    figure = blank(3.0 * len(tasks), 4.4)
    axes = figure.subplots(len(both), len(tasks), squeeze=False, sharex=True)
    for row, (name, individual, colour) in zip(axes, both, strict=True):
        for ax, task in zip(row, tasks, strict=True):
            _adapted(ax, optimizee, individual, task, amounts, colour)
        row[0].set_ylabel(f"{name}\noutput")
    for ax in axes[-1]:
        ax.set_xlabel("input" if isinstance(tasks[0], Sinusoid) else "step")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, frameon=False)
    return figure


def _adapted(
    ax: Axes,
    optimizee: LearningToLearn,
    individual: Individual,
    task: Any,
    amounts: Sequence[int],
    colour: str,
) -> None:
    """Draw one task: the truth, the examples, and the output after some amounts of learning."""
    learner = optimizee.learner
    if isinstance(task, Sinusoid):
        x = np.linspace(*INPUT, 200)
        task = dataclasses.replace(task, x_judged=x)
        truth = task(x)
        ax.plot(task.x, task(task.x), "^", color="black", ms=4, label="examples", zorder=3)
    else:
        x, truth = np.arange(float(_STEPS)), task.target[-N_JUDGED:][:_STEPS]
    params = {name: np.asarray(value)[None] for name, value in individual.items()}
    outputs = learner.errors(params, [task], amounts)[0, 0, :, : len(x)] + truth
    ax.plot(x, truth, color=_TRUTH, lw=2.5, alpha=0.6, label="truth")
    styles = {amounts[0]: ":", amounts[-1]: "-"}
    for amount, output in zip(amounts, outputs, strict=True):
        label = f"after {amount} {learner.unit.split()[0]}" if amount else "before learning"
        label = label[:-1] if amount == 1 else label
        ax.plot(x, output, styles.get(amount, "--"), color=colour, lw=1.2, label=label)
    limit = 1.3 * np.abs(truth).max() + 0.3
    ax.set_ylim(-limit, limit)


def learning_curves(history: Trajectory, optimizee: LearningToLearn) -> Figure:
    """Draw the loss on all held-out tasks over the amount of learning, untuned and tuned."""
    learner, family = optimizee.learner, optimizee.tasks
    tasks = family.all_held_out()
    sinusoids = isinstance(tasks[0], Sinusoid)
    amounts = (
        list(range(_FURTHER * learner.amount + 1))
        if sinusoids
        else np.unique(np.geomspace(5, learner.amount, 20).astype(int)).tolist()
    )
    figure = blank(5.2, 3.6)
    ax = figure.subplots()
    for name, individual, colour in (
        ("set by hand", learner.default, _TRUTH),
        ("set by hand, best of a grid", best_of_grid(learner, family), _UNTUNED),
        ("tuned by the outer loop", tuned(history), _TUNED),
    ):
        losses = learner.losses(individual, tasks, amounts)
        low, high = np.quantile(losses, (0.25, 0.75), axis=0)
        ax.fill_between(amounts, low, high, color=colour, alpha=0.18, lw=0)
        ax.plot(amounts, losses.mean(axis=0), color=colour, label=name)
    mean = unlearned(family, tasks).mean()
    ax.axhline(mean, color="black", ls=":", lw=1, label="best without learning")
    if sinusoids:
        ax.axvline(learner.amount, color="black", lw=0.6)
    else:
        ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(top=5.0 * zero(tasks).mean())
    ax.set_xlabel(learner.unit)
    ax.set_ylabel(f"loss on {len(tasks)} held-out tasks\n(mean; band: quartiles)")
    ax.legend(frameon=False, fontsize=8)
    return figure
