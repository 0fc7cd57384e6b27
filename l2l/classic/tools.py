"""Small helpers that classic scripts and optimizees import from ``l2l`` itself."""

from __future__ import annotations

import contextlib
import enum
import functools
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray


class sdict(dict[Any, Any]):  # noqa: N801 - the name is the interface
    """A dict whose entries are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no entry {name!r}, only {sorted(map(str, self))}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class sdictm(sdict):  # noqa: N801
    """An ``sdict`` to which no new entry can be added once it is made."""

    def __setitem__(self, name: Any, value: Any) -> None:
        if name not in self:
            raise KeyError(f"no entry {name!r}, only {sorted(map(str, self))}")
        super().__setitem__(name, value)


class DictEntryType(enum.Enum):
    """What an entry of an individual is: a number, or a sequence of them."""

    Scalar = 0
    Sequence = 1


Specs = tuple[tuple[str, DictEntryType, int], ...]


def dict_to_list(
    entries: Mapping[str, Any], get_dict_spec: bool = False
) -> list[float] | tuple[list[float], Specs]:
    """Return the numbers of an individual as one list, in order of the names.

    With ``get_dict_spec`` also what :func:`list_to_dict` needs to undo it.
    """
    flat: list[float] = []
    specs = []
    for name in sorted(entries):
        values = np.ravel(entries[name])
        kind = DictEntryType.Sequence if np.ndim(entries[name]) else DictEntryType.Scalar
        specs.append((name, kind, len(values)))
        flat.extend(values.tolist())
    return (flat, tuple(specs)) if get_dict_spec else flat


def list_to_dict(flat: Sequence[float], specs: Specs) -> dict[str, Any]:
    """Return the individual whose numbers :func:`dict_to_list` made a list of."""
    numbers = iter(flat)
    individual: dict[str, Any] = {}
    for name, kind, length in specs:
        part = list(itertools.islice(numbers, length))
        individual[name] = part[0] if kind is DictEntryType.Scalar else np.array(part)
    return individual


def get_grouped_dict(individuals: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return a list of dicts as a dict of lists."""
    return {name: [one[name] for one in individuals] for name in individuals[0]}


def convert_dict_to_numpy(individual: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the individual with each value as an array."""
    return {name: np.asarray(value) for name, value in individual.items()}


def get(obj: Any, key: str, default: Any = None) -> Any:
    """Return attribute or entry ``key`` of an object, or ``default``."""
    if isinstance(obj, Mapping):
        return obj.get(key, default)
    return getattr(obj, key, default)


def cartesian_product(
    parameters: Mapping[str, Sequence[Any]], combined: Sequence[Any] = ()
) -> dict[str, list[Any]]:
    """Return all combinations of values, as one list a parameter.

    Names in one tuple of ``combined`` vary together instead of against each other.
    """
    groups = [(g,) if isinstance(g, str) else tuple(g) for g in combined]
    together = {name for group in groups for name in group}
    groups += [(name,) for name in parameters if name not in together]
    columns: dict[str, list[Any]] = {name: [] for name in parameters}
    for choice in itertools.product(
        *(zip(*(parameters[n] for n in g), strict=True) for g in groups)
    ):
        for group, values in zip(groups, choice, strict=True):
            for name, value in zip(group, values, strict=True):
                columns[name].append(value)
    return columns


def static_vars(**variables: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function attributes that live between its calls."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for name, value in variables.items():
            setattr(function, name, value)
        return function

    return decorate


def static_var(name: str, value: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function one attribute that lives between its calls."""
    return static_vars(**{name: value})


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Print how long each call of a function takes."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            print(f"{function.__name__} took {time.perf_counter() - begun:.3f} s")

    return wrapper


def printq(*values: Any, quiet: bool = False, **kwargs: Any) -> None:
    """Print, unless ``quiet``."""
    if not quiet:
        print(*values, **kwargs)


@contextlib.contextmanager
def stdout_redirected(to: TextIO | str = os.devnull) -> Iterator[None]:
    """Send what is printed to a file for a while."""
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(open(to, "w")) if isinstance(to, str) else to
        stack.enter_context(contextlib.redirect_stdout(target))
        yield
    sys.stdout.flush()


def stdout_discarded() -> contextlib.AbstractContextManager[None]:
    """Discard what is printed for a while."""
    return stdout_redirected(os.devnull)


class DummyTrajectory:
    """A trajectory that holds an example individual and nothing else, for tests of optimizees."""

    def __init__(self, **parameters: Any) -> None:
        from l2l.optimizee import Individual

        self.individual = Individual(parameters)
        self.parameters = sdict()
