"""Pictures of a colony at work: an animation, and a still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.evaluation import Status
from l2l.optimizees.ants.colony import brain_for, forage
from l2l.optimizees.ants.field import HOME, Field
from l2l.optimizees.ants.layout import Bools, Floats, Ints
from l2l.optimizees.ants.worlds import DX, DY, NEST_RADIUS2, World
from l2l.optimizees.spiking import default_backend
from l2l.view.plots import blank

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    from l2l.optimizees.ants.optimizee import Ants
    from l2l.trajectory import Trajectory

Image = NDArray[np.uint8]

WIDTH = 360  #: of a picture in pixels, at least; a cell is a whole number of them
PICTURES = 100  #: of an animation, at most
STILL = 0.5  #: the still shows the world after this share of the episode

_GROUND, _SCENT = np.array([250.0, 246.0, 235.0]), np.array([70.0, 130.0, 230.0])
_FOOD, _EMPTY = (60, 150, 60), (215, 205, 170)
_NEST, _WALL = (110, 70, 40), (190, 40, 40)
_LOADED, _SEARCHING = (0, 100, 0), (225, 105, 0)


class Film:
    """Takes pictures of a colony: ``forage(brain, [world], watch=film)``.

    Attributes:
        pictures: ``(height, width, 3)`` each.
        ticks: When each was taken.
        home: Pieces of food brought home by then.
        returns: Return of the colony by then.
    """

    def __init__(self, world: World, every: int) -> None:
        self._patches, self._every = world.food > 0, every
        self.pictures: list[Image] = []
        self.ticks: list[int] = []
        self.home: list[int] = []
        self.returns: list[float] = []

    def __call__(self, field: Field) -> None:
        """Take a picture of the first lane, where one is due."""
        if field.tick % self._every == 0:
            self.pictures.append(picture(field, self._patches))
            self.ticks.append(field.tick)
            self.home.append(int(field.counts[0, HOME]))
            self.returns.append(float(field.returns[0]))

    def title(self, number: int) -> str:
        """Return what to write above a picture."""
        return (
            f"tick {self.ticks[number]}: {self.home[number]} pieces of food at home, "
            f"return {self.returns[number]:,.0f}"
        )


def picture(field: Field, patches: Bools) -> Image:
    """Return the first lane of a field as an image ``(height, width, 3)``.

    Pheromone is blue; food green, and beige where it has been eaten up; the nest brown; ants
    orange, and dark green where they carry food, with a black head.

    Args:
        field: The worlds.
        patches: ``(size, size)`` where food lay at the start.
    """
    # a twentieth of a drop, what an ant just smells, is pale; ten drops are full blue
    amount = np.maximum(field.pheromone[0], 1e-3)
    strength = np.clip(np.rint(5 + 3 * np.log10(amount)) / 10, 0, 0.9)
    image = _GROUND + strength[..., None] * (_SCENT - _GROUND)
    inner = image[1:-1, 1:-1]
    inner[patches] = _EMPTY
    inner[field.food[0] > 0] = _FOOD
    y, x = np.mgrid[: len(patches), : len(patches)] - len(patches) // 2
    inner[x**2 + y**2 <= NEST_RADIUS2] = _NEST
    image[0] = image[-1] = image[:, 0] = image[:, -1] = _WALL
    scale = -(-WIDTH // len(image))
    large: Image = np.kron(image, np.ones((scale, scale, 1))).astype(np.uint8)
    for ant in range(field.x.shape[1]):
        _draw(large, field, ant, scale)
    return large


def _draw(image: Image, field: Field, ant: int, scale: int) -> None:
    """Draw an ant of the first lane."""
    left, low = (int(place[0, ant] + 1) * scale for place in (field.x, field.y))
    colour = _LOADED if field.carrying[0, ant] else _SEARCHING
    image[low : low + scale, left : left + scale] = colour
    h, head = field.heading[0, ant], scale // 4
    x, y = left + (scale - head) * (DX[h] + 1) // 2, low + (scale - head) * (DY[h] + 1) // 2
    image[y : y + head, x : x + head] = 0


def film_of(weights: Floats, delays: Ints, world: World, every: int | None = None) -> Film:
    """Return the film of a colony with networks of 250 weights and delays in one world.

    Args:
        weights: In mV.
        delays: In ms.
        world: Where it forages.
        every: Ticks from picture to picture; such that there are ``PICTURES`` if None.
    """
    ticks, ants = world.wobble.shape
    film = Film(world, max(1, ticks // PICTURES) if every is None else every)
    forage(brain_for(default_backend(), weights[None], delays[None], ants), [world], watch=film)
    return film


def animation(film: Film) -> FuncAnimation:
    """Return a film as an animation that can be saved as GIF."""
    from matplotlib.animation import FuncAnimation

    figure, image = _frame(film, 0)

    def show(number: int) -> tuple[Any, ...]:
        image.set_data(film.pictures[number])
        image.axes.set_title(film.title(number), fontsize=9)
        return (image,)

    return FuncAnimation(figure, show, frames=len(film.pictures), interval=100)


def _frame(film: Film, number: int) -> tuple[Figure, Any]:
    """Return a figure with one picture of a film, and the image in it."""
    height, width = film.pictures[0].shape[:2]
    figure = blank((width + 20) / 100, (height + 40) / 100)
    figure.set_layout_engine("none")  # a pixel of the picture is one of the figure
    figure.set_dpi(100)
    axes = figure.add_axes(
        (10 / (width + 20), 10 / (height + 40), width / (width + 20), height / (height + 40))
    )
    axes.set_axis_off()
    axes.set_title(film.title(number), fontsize=9)
    return figure, axes.imshow(film.pictures[number], origin="lower", interpolation="nearest")


def best_colony(history: Trajectory) -> dict[str, Any]:
    """Return the individual of a run that did best on the held-out worlds of its tests.

    In a run without tests it is the best one of the last generation: the fitness of earlier ones
    owes too much to the worlds that they had.
    """
    tests = history.tests
    tried, of = np.unique(tests.parameters, axis=0, return_inverse=True)
    if len(tried):
        fitness = np.where(tests.status == Status.OK, tests.fitness[:, 0], np.nan)
        worth = np.bincount(of.ravel(), fitness) / np.bincount(of.ravel())
        individual: dict[str, Any] = history.space.unflatten(tried[int(np.nanargmax(worth))])
        return individual
    rows = np.flatnonzero(history.generation == history.generation.max())
    best = rows[
        int(np.argmax(np.where(np.isfinite(history.score[rows]), history.score[rows], -np.inf)))
    ]
    return dict(history.entry(int(history.id[best])).individual)


def _film(history: Trajectory, optimizee: Ants, every: int | None = None) -> Film:
    individual = best_colony(history)
    world = optimizee.tasks.held_out(0)[0]
    return film_of(individual["weights"], individual["delays"], world, every)


def colony(history: Trajectory, optimizee: Ants) -> FuncAnimation:
    """Return the best colony in the first held-out world, as an animation."""
    return animation(_film(history, optimizee))


def world(history: Trajectory, optimizee: Ants) -> Figure:
    """Return the best colony in the first held-out world, halfway through the episode."""
    film = _film(history, optimizee, max(1, int(STILL * optimizee.parameters.ticks)))
    return _frame(film, 0)[0]
