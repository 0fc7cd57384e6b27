"""A scheme as a type of Numba's, so that one kernel is compiled anew for each, and cached on disk.

A :class:`Recipe` is passed to the kernel as an argument without content. What differs between
models (the step, the number of rows) is looked up by its type while compiling.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
# mypy: allow-subclassing-any

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

from numba import njit
from numba.core import types
from numba.core.datamodel.models import OpaqueModel
from numba.extending import NativeValue, overload, register_model, typeof_impl, unbox

from l2l.optimizees.whole_brain import maths
from l2l.optimizees.whole_brain.cpu import memory, noise
from l2l.optimizees.whole_brain.cpu.functions import INLINE
from l2l.optimizees.whole_brain.stepping import Scheme


class Recipe:
    """What a kernel is compiled for.

    Args:
        scheme: The model and the integrator.
        width: Numbers in a register.
        generator: Of random words, ``hash`` or ``philox``.
    """

    known: ClassVar[dict[str, Recipe]] = {}

    def __init__(self, scheme: Scheme, width: int, generator: str = "hash") -> None:
        self.scheme = scheme
        self.width = width
        self.generator = generator
        self.key = f"{scheme.model.name}-{scheme.digest}-{_own_digest()}-{width}-{generator}"
        Recipe.known[self.key] = self

    @functools.cached_property
    def step(self) -> Any:
        """The compiled step."""
        return njit(**INLINE)(self.scheme.compiled(_translated, dict(vars(maths))))


@functools.cache
def _translated(function: Any) -> Any:
    """Return a function of a model, compiled together with the helpers that it calls."""
    scope = function.__globals__
    for name in function.__code__.co_names:
        helper = scope.get(name)
        if getattr(helper, "__module__", None) == function.__module__ and callable(helper):
            scope = {**scope, name: _translated(helper)}
    anew = type(function)(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    anew.__module__ = function.__module__
    return njit(**INLINE)(anew)


@functools.cache
def _own_digest() -> str:
    """Return a digest of this package's sources, on which all compiled code depends."""
    import hashlib

    folder = Path(__file__).parent
    sources = [path.read_bytes() for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:12]


class RecipeType(types.Type):
    """The type of a recipe, known by its key."""

    def __init__(self, key: str) -> None:
        self.recipe_key = key
        super().__init__(name=f"recipe({key})")

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return Recipe.known[self.recipe_key]


@typeof_impl.register(Recipe)
def _typeof(value: Recipe, _context: Any) -> RecipeType:
    return RecipeType(value.key)


register_model(RecipeType)(OpaqueModel)


@unbox(RecipeType)
def _unbox(kind: RecipeType, _object: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


# -- what a kernel asks a recipe for ------------------------------------------------------------


def load_all(recipe: Any, table: Any) -> Any:
    """Return the registers of all rows of a panel."""
    raise NotImplementedError


@overload(load_all, jit_options=INLINE, strict=False)
def _load_all(recipe, table):
    width, rows = recipe.recipe.width, len(recipe.recipe.scheme.rows)
    return lambda recipe, table: memory.load_rows(table, 0, width, rows, width)


def one_step(
    recipe: Any,
    rows: Any,
    seed: Any,
    step: Any,
    words: Any,
    columns: Any,
    at: Any,
    dt: Any,
    wave: Any,
) -> Any:
    """Return what the step gives: next states, sent quantities and outputs."""
    raise NotImplementedError


@overload(one_step, jit_options=INLINE, strict=False)
def _one_step(recipe, rows, seed, step, words, columns, at, dt, wave):
    own = recipe.recipe
    advanced = own.step
    if own.scheme.n_noise == 0:

        def quiet(recipe, rows, seed, step, words, columns, at, dt, wave):
            return advanced(*rows, dt, wave)

        return quiet

    normals = _normals(own)

    def noisy(recipe, rows, seed, step, words, columns, at, dt, wave):
        return advanced(*(rows + normals(seed, step, words, columns, at, rows[0]) + (dt, wave)))

    return noisy


def _normals(recipe: Recipe) -> Any:
    """Return a function that gives a normal number for each noisy state."""
    generator, width, count = recipe.generator, recipe.width, recipe.scheme.n_noise
    calls = [
        f"z{2 * k}, z{2 * k + 1} = normal_pair("
        f"words_of(generator, seed, step, {k}, words, columns, at, width), like)"
        for k in range((count + 1) // 2)
    ]
    results = ", ".join(f"z{k}" for k in range(count))
    lines = ["def normals(seed, step, words, columns, at, like):", *calls, f"return ({results},)"]
    scope = {**vars(noise), "generator": generator, "width": width}
    exec("\n    ".join(lines), scope)
    return njit(**INLINE)(scope["normals"])


def store_all(recipe: Any, table: Any, results: Any, sent: Any, stride: Any) -> None:
    """Store a panel's next states, and what is sent; add the outputs to their sums."""
    raise NotImplementedError


@overload(store_all, jit_options=INLINE, strict=False)
def _store_all(recipe, table, results, sent, stride):
    scheme, width = recipe.recipe.scheme, recipe.recipe.width
    n_states, n_sent, n_outputs = scheme.n_states, scheme.n_sent, len(scheme.outputs)
    last, first = len(scheme.rows) * width, n_states + n_sent

    def stored(recipe, table, results, sent, stride):
        memory.store_rows(table, 0, width, results, 0, n_states)
        memory.store_rows(sent, 0, stride, results, n_states, n_sent)
        memory.add_rows(table, last, width, results, first, n_outputs)

    return stored


def sizes(recipe: Any) -> Any:
    """Return the numbers of states, sent quantities and outputs."""
    raise NotImplementedError


@overload(sizes, jit_options=INLINE, strict=False)
def _sizes(recipe):
    scheme = recipe.recipe.scheme
    numbers = scheme.n_states, scheme.n_sent, len(scheme.outputs)
    return lambda recipe: numbers
