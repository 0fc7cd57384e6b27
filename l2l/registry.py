"""Registry: names of optimizers, optimizees and executors -> classes.

A name comes from the entry points ``l2l.optimizers``, ``l2l.optimizees`` and ``l2l.executors`` of
any installed package. In its place a reference does as well: ``package.module:Class`` or
``path/to/file.py:Class``.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from l2l.errors import ConfigError, nearest
from l2l.options import Options
from l2l.references import absolute, load_reference, reference_of, told

if TYPE_CHECKING:
    from l2l.optimizer import Optimizer
    from l2l.space import ParameterSpace

Kind = Literal["optimizers", "optimizees", "executors"]

KINDS: tuple[Kind, ...] = ("optimizers", "optimizees", "executors")

# -- names ------------------------------------------------------------------------------------


@functools.cache
def entry_points(kind: Kind) -> dict[str, EntryPoint]:
    """Return the entry points of one kind; l2l's own win over others of the same name."""
    found: dict[str, EntryPoint] = {}
    points = importlib.metadata.entry_points(group=f"l2l.{kind}")
    for point in sorted(points, key=lambda p: (package_of(p) != "l2l", p.name, package_of(p))):
        first = found.setdefault(point.name, point)
        if first.value != point.value:
            warnings.warn(
                f"two packages register the {kind[:-1]} {point.name!r}: {package_of(first)} "
                f"({first.value}) is used, {package_of(point)} ({point.value}) is not",
                stacklevel=2,
            )
    return found


def package_of(point: EntryPoint) -> str:
    """Return the name of the installed package that registers an entry point."""
    return point.dist.name if point.dist is not None else "unknown"


def refresh() -> None:
    """Look for entry points anew (after a package has been installed)."""
    entry_points.cache_clear()


def installed() -> bool:
    """Whether l2l's own names are registered: not so in a bare clone that was not installed."""
    return any(package_of(point) == "l2l" for point in entry_points("executors").values())


def names(kind: Kind) -> list[str]:
    """Return the registered names of one kind, sorted; nothing is imported."""
    return sorted(entry_points(kind))


def reference(kind: Kind, name: str, base: Path | None = None) -> str:
    """Return ``module:Class`` of a registered name; a reference with its path made absolute."""
    return absolute(name, base) if ":" in name else _point(kind, name).value


def name_of(kind: Kind, cls: type) -> str:
    """Return the registered name of a class, else a reference to it."""
    for name, point in entry_points(kind).items():
        if getattr(sys.modules.get(point.module), point.attr, None) is cls:
            return name
    return reference_of(cls) or f"{cls.__module__}:{cls.__qualname__}"


def _point(kind: Kind, name: str) -> EntryPoint:
    points = entry_points(kind)
    if name in points:
        return points[name]
    if not installed():
        raise ConfigError(
            f"no {kind[:-1]} {name!r}: l2l is not installed, so its names are not registered. "
            "Install it with `pip install -e .` in the clone, or give package.module:Class"
        )
    raise ConfigError(f"no {kind[:-1]} {name!r}; {nearest(name, points)}")


# -- classes ----------------------------------------------------------------------------------


def load(kind: Kind, name: str, base: Path | None = None) -> Any:
    """Return the class that a configuration names.

    Args:
        kind: What it has to be.
        name: A registered name, ``package.module:Class`` or ``path/to/file.py:Class``.
        base: Folder that a relative path starts from; the current one if None.

    Raises:
        ConfigError: If there is no such class, or it can't be imported, or it is of another kind.
    """
    found = load_reference(absolute(name, base)) if ":" in name else _load_name(kind, name)
    return _of_kind(kind, name, found)


def _load_name(kind: Kind, name: str) -> Any:
    point = _point(kind, name)
    try:
        return point.load()
    except Exception as error:
        raise ConfigError(
            f"the {kind[:-1]} {name!r} of the package {package_of(point)} can't be loaded "
            f"({point.value}): {told(error)}"
        ) from error


def _of_kind(kind: Kind, name: str, found: Any) -> Any:
    """Return ``found`` if it is a class of the right kind."""
    if not inspect.isclass(found):
        raise ConfigError(f"{name!r} must be a class, got {type(found).__name__}")
    if kind == "optimizees":  # by what it can do: classic optimizees need no base class
        if not callable(getattr(found, "simulate", None)):
            raise ConfigError(f"{name!r} is no optimizee: it has no simulate(traj)")
        return found
    from l2l.executors.base import Executor
    from l2l.optimizer import Optimizer

    base = Optimizer if kind == "optimizers" else Executor
    if not issubclass(found, base):
        raise ConfigError(
            f"{name!r} is no {kind[:-1]}: it must be a subclass of {base.__module__}."
            f"{base.__name__}"
        )
    return found


def classes(kind: Kind) -> Iterator[Any]:
    """Yield all registered classes; warn of those that can't be loaded."""
    for name in names(kind):
        try:
            yield load(kind, name)
        except ConfigError as error:
            warnings.warn(str(error), stacklevel=2)


# -- instances --------------------------------------------------------------------------------


def construct(cls: Any, kwargs: Mapping[str, Any], traj: Any = None) -> Any:
    """Make an optimizee.

    Args:
        cls: Its class. With ``Parameters`` (a class of options) it is called as
            ``cls(traj, cls.Parameters(**kwargs))``, else as ``cls(**kwargs)``, with ``traj``
            where its constructor has such an argument.
        kwargs: Its parameters, by name.
        traj: The trajectory, for classic constructors.

    Raises:
        ConfigError: If a parameter is unknown, missing or wrong.
    """
    options = options_of(cls)
    if options is not None:
        return cls(traj, options(**kwargs))
    check_arguments(cls, kwargs)
    if "traj" in arguments_of(cls):
        return cls(traj=traj, **kwargs)
    return cls(**kwargs)


def make_optimizer(
    name: str,
    space: ParameterSpace | Mapping[str, Any],
    *,
    weights: tuple[float, ...] = (1.0,),
    seed: int = 0,
    **parameters: Any,
) -> Optimizer:
    """Return an optimizer for an ask/tell loop of one's own, without a run.

    Args:
        name: A registered name or a reference.
        space: The parameters, ``{"tau": (5.0, 50.0)}`` or a :class:`ParameterSpace`.
        weights: One an objective; fitness times weights is maximised.
        seed: Of all its randomness.
        **parameters: The optimizer's own parameters (see ``l2l list optimizers``).
    """
    from l2l.space import ParameterSpace

    cls: type[Optimizer] = load("optimizers", name)
    if isinstance(space, Mapping):
        space = ParameterSpace(space)
    return cls(space, cls.Parameters(**parameters), weights=weights, seed=seed)


def options_of(cls: Any) -> type[Options] | None:
    """Return the class of the parameters, or None where the constructor's signature says them."""
    found = getattr(cls, "Parameters", None) or getattr(cls, "Options", None)
    return found if inspect.isclass(found) and issubclass(found, Options) else None


def arguments_of(cls: Any) -> dict[str, inspect.Parameter]:
    """Return the arguments of a constructor that can be given by name."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(cls).parameters
    return {name: p for name, p in parameters.items() if p.kind not in variadic}


def check_arguments(cls: Any, kwargs: Iterable[str], *, complete: bool = True) -> None:
    """Refuse names that a constructor does not take; if ``complete``, say which it lacks."""
    arguments = arguments_of(cls)
    takes = [name for name in arguments if name != "traj"]
    parameters = inspect.signature(cls).parameters.values()
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for name in kwargs:
        if name not in takes and not anything:
            raise ConfigError(f"{cls.__name__} has no parameter {name!r}; {nearest(name, takes)}")
    needed = [n for n in takes if arguments[n].default is inspect.Parameter.empty]
    missing = sorted(set(needed) - set(kwargs))
    if missing and complete:
        raise ConfigError(f"{cls.__name__} needs a value for {', '.join(missing)}")
