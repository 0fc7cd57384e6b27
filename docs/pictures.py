"""Draws the picture of each optimizer's page: ``python docs/pictures.py [NAME...]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from PIL import Image

from l2l import ParameterSpace, registry
from l2l.evaluation import Evaluations
from l2l.optimizer import Optimizer
from l2l.space import Floats, Parameter

FOLDER = Path(__file__).parent / "images" / "optimizers"
SIZE, DPI = (9.6, 3.9), 100
LOW, HIGH = -5.0, 5.0
#: Where the landscape's optimum is.
OPTIMUM = np.array([2.1, -1.4])
EVALUATIONS, SEEDS = 600, 21
#: Generations that are shown, by the share of evaluations before them ...
SHOWN = (0.0, 0.15, 0.35, 0.6, 1.0)
#: ... of those until the best value is this good, but between so few and so many.
GOOD, FEWEST, MOST = 0.03, 60, 300
SAMPLERS = ("random_search", "quasi_random", "latin_hypercube", "grid_search")
#: Five steps of viridis, dark to light: told apart by the colour-blind, and in grey.
COLOURS = ListedColormap(plt.get_cmap("viridis")(np.linspace(0.93, 0.0, len(SHOWN))))
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "0.55"  # Okabe and Ito
PAPER = ListedColormap(plt.get_cmap("Greys")(np.linspace(0.0, 0.38, 64)))
SPACE = ParameterSpace([Parameter("x", LOW, HIGH, shape=(2,))])
STYLE = {
    "font.size": 11, "axes.spines.top": False, "axes.spines.right": False,
    "savefig.facecolor": "white", "axes.axisbelow": True,
}  # fmt: skip


Value = Callable[[Floats], Floats]


def valley(points: Floats) -> Floats:
    """Return the value ``(n,)`` of points ``(n, 2)``: a tilted valley, 0 at its bottom."""
    z = _turned(points)
    value: Floats = 0.3 * z[..., 0] ** 2 + 1.5 * z[..., 1] ** 2
    return value


def rippled(points: Floats) -> Floats:
    """Return the value ``(n,)`` of points ``(n, 2)``: the valley with local optima."""
    value: Floats = valley(points) + 1.2 * (2 - np.cos(np.pi * _turned(points)).sum(axis=-1))
    return value


def _turned(points: Floats) -> Floats:
    turn = np.deg2rad(35)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned: Floats = (points - OPTIMUM) @ rotation.T
    return turned


@dataclass
class Run:
    """What one run asked for.

    Attributes:
        generations: ``(n, 2)`` each, in the parameters' units.
        means: ``(2,)`` what it recommended after each generation.
        best: ``(EVALUATIONS,)`` the best value so far.
    """

    generations: list[Floats]
    means: list[Floats]
    best: Floats


def run(cls: type[Optimizer], value: Value, seed: int) -> Run:
    """Return a run on a landscape; one that ends early keeps its best value."""
    optimizer, made = cls(SPACE, seed=seed), Run([], [], np.empty(0))
    values: list[float] = []
    while len(values) < EVALUATIONS and optimizer.done is None:
        asked = optimizer.ask()
        points = SPACE.from_search(asked)
        found = value(points)
        optimizer.tell(Evaluations.of(asked, -found, len(values)))
        made.generations.append(points)
        if optimizer.recommended is not None:
            made.means.append(SPACE.from_search(optimizer.recommended[None])[0])
        values += found.tolist()
    best = np.minimum.accumulate(values)[:EVALUATIONS]
    made.best = np.pad(best, (0, EVALUATIONS - len(best)), mode="edge")
    return made


def has_mean(cls: type[Optimizer]) -> bool:
    """Whether an optimizer recommends something else than the best point it has evaluated."""
    return cls.recommended is not Optimizer.recommended


# -- the parts of a picture -----------------------------------------------------------------------


def draw_ground(axes: Any, value: Value, optimum: Floats | None) -> None:
    """Draw contours of a function on the square."""
    side = np.linspace(LOW, HIGH, 240)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    height = value(grid)
    levels = np.quantile(height, np.linspace(0, 1, 13))  # as much area between any two
    place = np.searchsorted(levels, height) / len(levels)
    axes.imshow(place, cmap=PAPER, origin="lower", extent=(LOW, HIGH, LOW, HIGH), vmin=0, vmax=1,
                interpolation="bilinear")  # fmt: skip
    axes.contour(side, side, height, levels=levels[1:-1], colors="0.62", linewidths=0.6)
    if optimum is not None:
        axes.plot(
            *optimum, marker="+", color=ORANGE, markersize=15, markeredgewidth=2.6, zorder=2.5
        )
    axes.set(xlim=(LOW, HIGH), ylim=(LOW, HIGH), xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.set(xticks=(-5, 0, 5), yticks=(-5, 0, 5))


def draw_generations(axes: Any, generations: list[Floats], numbers: list[int]) -> None:
    """Draw the points of some generations, later ones darker, with a legend beside them."""
    size = 26 if max(len(generations[n]) for n in numbers) <= 60 else 14
    for place, number in enumerate(numbers):
        axes.scatter(*generations[number].T, s=size, color=COLOURS(place), edgecolor="white",
                     linewidth=0.4, label=str(number), zorder=3)  # fmt: skip
    axes.legend(title="generation", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False,
                handletextpad=0.1, borderaxespad=0.3, markerscale=1.3)  # fmt: skip


def shown(made: Run) -> list[int]:
    """Return the numbers of the generations that are shown, in their order."""
    last = int(np.clip(np.sum(made.best > GOOD), FEWEST, MOST))
    begins = np.cumsum([0, *(len(g) for g in made.generations[:-1])])
    numbers = {int(np.searchsorted(begins, share * last)) for share in SHOWN}
    return sorted(min(number, len(begins) - 1) for number in numbers)


def draw_progress(axes: Any, name: str, bests: Floats, randoms: Floats) -> None:
    """Draw the median and the quartiles of the best value so far."""
    axis = np.arange(1, EVALUATIONS + 1)
    for label, best, colour in (("random search", randoms, GREY), (name, bests, BLUE)):
        low, middle, high = np.percentile(np.maximum(best, 1e-8), (25, 50, 75), axis=0)
        axes.fill_between(axis, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(axis, middle, color=colour, linewidth=2.2, label=label)
    axes.set(yscale="log", xlabel="evaluations", ylabel=f"best value, median of {SEEDS} runs")
    axes.set(xlim=(0, EVALUATIONS), ylim=(1e-8, 3e3))
    axes.grid(axis="y", color="0.9")
    axes.set_yticks(10.0 ** np.arange(-8, 3, 2))
    axes.legend(frameon=False, loc="upper right")


# -- the pictures ---------------------------------------------------------------------------------


def picture(name: str) -> Any:
    """Return the picture of a registered optimizer."""
    cls = registry.load("optimizers", name)
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE, dpi=DPI, width_ratios=(1.0, 1.25))
    if name in SAMPLERS:
        draw_sampler(cls, left, right)
    elif cls.observes:
        draw_observing(cls, left, right)
    else:
        draw_search(name, cls, left, right)
    figure.tight_layout(w_pad=2.5)
    return figure


def draw_search(name: str, cls: type[Optimizer], left: Any, right: Any) -> None:
    """Draw generations on the landscape, and the progress against random search."""
    value = valley if cls.uses_gradients else rippled  # they find the next local optimum
    runs = [run(cls, value, seed) for seed in range(SEEDS)]
    search = registry.load("optimizers", "random_search")
    randoms = [run(search, value, seed) for seed in range(SEEDS)]
    typical = int(np.argsort([r.best[-1] for r in runs], kind="stable")[SEEDS // 2])
    draw_ground(left, value, OPTIMUM)
    numbers = shown(runs[typical])
    draw_generations(left, runs[typical].generations, numbers)
    if has_mean(cls):
        places = range(numbers[-1] + 1) if cls.uses_gradients else numbers
        way = np.array([runs[typical].means[place] for place in places])
        left.plot(*way.T, color=ORANGE, linewidth=1.3, zorder=4)
    bests = np.array([r.best for r in runs])
    draw_progress(right, name.replace("_", " "), bests, np.array([r.best for r in randoms]))


def draw_sampler(cls: type[Optimizer], left: Any, right: Any) -> None:
    """Draw what a sampler asks for: few points, with lines between 16 equal parts, and more."""
    fields = cls.Parameters.__dataclass_fields__
    for axes, n in ((left, 16), (right, 256)):
        sizes = {"pop_size": n, "n_samples": n, "n_points": round(n**0.5), "batch": n}
        options = {key: value for key, value in sizes.items() if key in fields}
        points = SPACE.from_search(cls(SPACE, cls.Parameters(**options), seed=1).ask())
        axes.scatter(*points.T, s=500 / n + 10, color=BLUE, linewidth=0, clip_on=False, zorder=3)
        axes.set(xlim=(LOW, HIGH), ylim=(LOW, HIGH), xlabel="$x_1$", ylabel="$x_2$")
        axes.set(
            xticks=(-5, 0, 5), yticks=(-5, 0, 5), aspect="equal", title=f"{len(points)} points"
        )
        axes.set_xticks(np.linspace(LOW, HIGH, 17), minor=True)
        axes.set_yticks(np.linspace(LOW, HIGH, 17), minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(which="both", color="0.88", linewidth=0.7)


TIMES, NOISE = np.linspace(0.2, 4.0, 12), 0.06


def decay(points: Floats, times: Floats = TIMES) -> Floats:
    """Return the outputs ``(n, k)`` of a decay: points are logarithms of its height and rate."""
    height, rate = np.exp(0.3 * points[..., :1]), np.exp(0.4 * points[..., 1:])
    outputs: Floats = height * np.exp(-rate * times)
    return outputs


def draw_observing(cls: type[Optimizer], left: Any, right: Any) -> None:
    """Draw an ensemble that learns from data, and its outputs with them."""
    noise = NOISE * np.random.default_rng(5).standard_normal(len(TIMES))
    data = decay(OPTIMUM) + noise
    optimizer = cls(SPACE, cls.Parameters(target=data.tolist(), noise_std=NOISE, pop_size=40))
    generations: list[Floats] = []
    while len(generations) < 7 and optimizer.done is None:
        asked = optimizer.ask()
        points = SPACE.from_search(asked)
        if generations and np.array_equal(points, generations[-1]):
            break  # it fits, and stays where it is
        generations.append(points)
        outputs = decay(generations[-1])
        evaluations = Evaluations.of(asked, -np.square(outputs - data).sum(axis=1))
        evaluations.observation = outputs
        optimizer.tell(evaluations)
    draw_ground(left, lambda x: np.square((decay(x) - data) / NOISE).sum(axis=-1), OPTIMUM)
    numbers = np.unique(np.linspace(0, len(generations) - 1, len(SHOWN)).astype(int)).tolist()
    draw_generations(left, generations, numbers)
    times = np.linspace(0.0, 4.2, 100)
    for number, colour in ((0, COLOURS(0)), (numbers[-1], COLOURS(len(SHOWN) - 1))):
        curves = decay(generations[number][:25], times).T
        lines = right.plot(times, curves, color=colour, linewidth=0.9, alpha=0.65)
        lines[0].set_label(f"generation {number}")
    right.errorbar(TIMES, data, NOISE, fmt="o", color=ORANGE, markersize=5, label="data", zorder=5)
    right.set(xlabel="time", ylabel="output of the model", xlim=(0, 4.2), ylim=(-0.3, 4.2))
    right.legend(frameon=False)


def save(figure: Any, path: Path) -> None:
    """Write a figure with few colours, which takes a third of the bytes."""
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    pixels.quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)


def main(names: list[str]) -> int:
    """Draw the pictures with these names, or all; return 1 if one could not be drawn."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = 0
    with plt.rc_context(STYLE):
        for name in names or registry.names("optimizers"):
            try:
                figure = picture(name)
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                failed = 1
                continue
            path = FOLDER / f"{name}.png"
            save(figure, path)
            plt.close(figure)
            print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
