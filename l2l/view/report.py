"""What is said at the end of a run: the best individual, where the run lies, a figure of it."""

from __future__ import annotations

import importlib.util
import logging
import sys
from typing import TYPE_CHECKING, TextIO

from l2l.heldout import ROLES
from l2l.view import text

if TYPE_CHECKING:
    from l2l.execution import Result

log = logging.getLogger("l2l")


def _recommend(result: Result, stream: TextIO) -> None:
    """Print what the optimizer would settle for, where that is not the best one evaluated."""
    best = text.individual(result.best.individual)
    lines = text.individual(result.recommended or {})
    if lines and lines != best:
        print("recommended where the fitness is noisy, not evaluated:", file=stream)
        for line in lines:
            print(f"  {line}", file=stream)


def _held_out(result: Result, stream: TextIO) -> None:
    """Print what the last test on held-out tasks has come to."""
    tests = result.history.tests
    for role, name in ROLES.items():
        generations, mean, std = tests.curve(role)
        if len(generations):
            spread = f"{text.numbers(mean[-1])} \N{PLUS-MINUS SIGN} {text.numbers(std[-1])}"
            where = f"generation {generations[-1]} (from 0)"
            print(f"held-out tasks: fitness {spread}, {name}, {where}", file=stream)


def report(result: Result, stream: TextIO | None = None) -> None:
    """Print the end of a run; draw its figure too if matplotlib is installed."""
    stream = stream or sys.stdout
    history = result.history
    if (history.score > -float("inf")).any():
        best = result.best
        print(
            f"best: fitness {text.numbers(best.fitness)}, "
            f"evaluation {best.id} of generation {best.generation} (both from 0)",
            file=stream,
        )
        for line in text.individual(best.individual):
            print(f"  {line}", file=stream)
        _recommend(result, stream)
        _held_out(result, stream)
    print(f"run: {result.path}", file=stream)
    if len(history) and importlib.util.find_spec("matplotlib") is not None:
        from l2l.view.plots import plot

        try:
            print(f"figure: {plot(result.path)}", file=stream)
        except Exception as error:  # a run that has ended well must not end with a figure's error
            log.warning("no figure could be drawn: %s", error)
