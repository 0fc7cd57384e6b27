"""Optimizee: the inner loop, as a user writes it."""

from __future__ import annotations

import functools
import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from l2l.errors import ConfigError
from l2l.options import Options
from l2l.space import Parameter, ParameterSpace
from l2l.tasks import TaskFamily, check_family


class OptimizeeParameters(Options):
    """Base of the parameters of optimizees. Users' own namedtuples do as well."""


@dataclass
class Result:
    """What ``simulate`` may return instead of bare fitness.

    Attributes:
        fitness: A float, or one value an objective.
        observation: Numbers that an optimizer may learn from, ``(k,)``.
        metrics: Further named numbers, kept in the history.
    """

    fitness: float | Sequence[float]
    observation: ArrayLike | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass
class BatchResult:
    """What ``simulate_batch`` returns.

    Attributes:
        fitness: ``(n,)`` or ``(n, m)``.
        ok: ``(n,)``, False for a lane that diverged; None if all are ok.
        observation: ``(n, k)`` or None.
        metrics: ``(n,)`` each.
    """

    fitness: ArrayLike
    ok: ArrayLike | None = None
    observation: ArrayLike | None = None
    metrics: Mapping[str, ArrayLike] = field(default_factory=dict)


class Individual(Mapping[str, Any]):
    """One parameter set as ``simulate`` sees it: ``individual.tau`` or ``individual["tau"]``.

    Attributes:
        params: The parameters, a dict.
        generation: Number of the generation, from 0.
        ind_idx: Place in the generation, from 0.
        seed: Of all randomness of this evaluation, 1..2^32-1.
        test: Whether this is a test on held-out tasks.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        generation: int = 0,
        ind_idx: int = 0,
        seed: int = 1,
        scratch: Callable[[], Path] | None = None,
        tasks: Sequence[Any] | Callable[[], Sequence[Any]] = (),
        test: bool = False,
    ) -> None:
        self.params = dict(params)
        self.generation = generation
        self.ind_idx = ind_idx
        self.seed = seed
        self.test = test
        self._tasks = tasks
        self._scratch = scratch or (lambda: Path(tempfile.mkdtemp(prefix="l2l-")))

    @functools.cached_property
    def workdir(self) -> Path:
        """A scratch folder of this evaluation, made when first used."""
        return self._scratch()

    @functools.cached_property
    def tasks(self) -> Sequence[Any]:
        """The tasks to be faced, where the optimizee has a family of them; fitness is their mean.

        Drawn when first used.
        """
        return self._tasks() if callable(self._tasks) else self._tasks

    @property
    def task(self) -> Any:
        """The first task; the only one, unless the family says otherwise."""
        if not self.tasks:
            raise ConfigError(
                "the individual has no task: give the optimizee a TaskFamily as its attribute "
                "`tasks`"
            )
        return self.tasks[0]

    def __getattr__(self, name: str) -> Any:
        params = self.__dict__.get("params", {})
        if name in params:
            return params[name]
        raise AttributeError(f"the individual has no parameter {name!r}, only {sorted(params)}")

    def __getitem__(self, name: str) -> Any:
        return self.params[name.removeprefix("individual.")]

    def __iter__(self) -> Iterator[str]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __repr__(self) -> str:
        return f"Individual({self.params!r}, generation={self.generation}, ind_idx={self.ind_idx})"

    def f_add_parameter(self, key: str, value: Any, comment: str = "") -> None:
        """Set a parameter, as classic optimizees do for their example individual."""
        self.params[key.removeprefix("individual.")] = value


#: What an individual has for itself: parameters of these names could not be read from it.
RESERVED = frozenset(dir(Individual)) | vars(Individual({})).keys()


class Trial:
    """What ``simulate(traj)`` gets: the individual, and the run's constants as attributes."""

    def __init__(self, individual: Individual, constants: Mapping[str, Any] | None = None) -> None:
        self.individual = individual
        self.constants = dict(constants or {})

    def __getattr__(self, name: str) -> Any:
        constants = self.__dict__.get("constants", {})
        if name in constants:
            return constants[name]
        raise AttributeError(
            f"the trajectory has no {name!r} inside simulate(); it has 'individual' and "
            f"{sorted(constants) or 'no constants'}"
        )


class Optimizee:
    """Base of all optimizees.

    A subclass has at least ``simulate`` and either ``space`` (preferred: with bounds, every
    optimizer scales by itself) or ``create_individual``. It may have ``bounding_func(individual)``,
    ``simulate_batch(params, seeds)``, ``value_and_grad(traj)`` and ``setup()``. Where it has
    ``tasks``, ``simulate_batch(params, seeds, tasks)`` gets a list of tasks for each individual.

    Attributes:
        space: The parameters, a :class:`ParameterSpace` or what makes one; None where an example
            individual implies them.
        reusable: Keep one warm instance in each worker, with ``setup()`` called once, instead of
            giving each evaluation a fresh copy.
        group_by: Parameters that must be equal within one call of ``simulate_batch``.
        n_inner_params: How many parameter sets one call of ``simulate`` takes; None for one. Then
            ``traj.individual.tau`` is an array with an entry a set, and ``simulate`` returns a
            fitness for each.
        resources: What one evaluation needs where each is a job step of its own (executor
            ``srun``): ``{"ntasks": 4, "cpus_per_task": 2, "mem": "4G"}``. A configuration that
            says something else wins.
        tasks: The family that its tasks are drawn from; None where there is but one task. See
            :mod:`l2l.tasks`.
        figures: Further figures of a run, for ``l2l plot RUN --figure NAME``:
            ``{"traces": "module:function"}`` with ``function(history, optimizee, **options)`` that
            returns a figure or an animation of matplotlib; options have defaults.
        parameters: As given to the constructor.
    """

    Parameters: ClassVar[type[Options] | None] = None
    space: ParameterSpace | Mapping[str, Any] | Sequence[Parameter] | None = None
    reusable: bool = False
    group_by: Sequence[str] = ()
    n_inner_params: int | None = None
    resources: Mapping[str, Any] | None = None
    tasks: TaskFamily[Any] | None = None
    figures: ClassVar[Mapping[str, str]] = {}

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        if parameters is None and self.Parameters is not None:
            parameters = self.Parameters()
        self.parameters = parameters

    def create_individual(self) -> dict[str, Any]:
        """Return a random individual, drawn from ``np.random`` (which the run seeds)."""
        if self.space is None:
            raise ConfigError(
                f"{type(self).__name__} needs a create_individual() that returns a dict, "
                "or a space with bounds"
            )
        rng = np.random.default_rng(np.random.randint(2**32, dtype=np.uint64))  # noqa: NPY002
        space = _as_space(self.space)
        return space.decode(space.sample(1, rng))[0]

    def simulate(self, traj: Any) -> Any:
        """Run the individual ``traj.individual``; return fitness: a float, a tuple or a Result."""
        raise NotImplementedError(f"{type(self).__name__} has no simulate(traj)")

    def setup(self) -> None:
        """Prepare a warm instance, once a worker (only where ``reusable``)."""

    def max_batch(self, memory: int | None) -> int | None:
        """Return the largest n of one ``simulate_batch`` in ``memory`` bytes; None: no limit."""
        return None


class FunctionOptimizee(Optimizee):
    """A plain function as an optimizee.

    Args:
        function: ``function(individual) -> fitness``; it gets the :class:`Individual`.
        space: Its parameters.
    """

    def __init__(self, function: Callable[..., Any], space: ParameterSpace) -> None:
        super().__init__()
        self.function = function
        self.space = space

    def simulate(self, traj: Any) -> Any:
        """Return what the function returns."""
        return self.function(traj.individual)


def is_batched(optimizee: Any) -> bool:
    """Whether an optimizee evaluates many individuals in one call."""
    return callable(getattr(optimizee, "simulate_batch", None))


def family_of(optimizee: Any) -> TaskFamily[Any] | None:
    """Return the family that an optimizee's tasks are drawn from, or None.

    Raises:
        ConfigError: If its numbers do not fit together, or it is a class.
    """
    family = getattr(optimizee, "tasks", None)
    if isinstance(family, type) and issubclass(family, TaskFamily):
        name = family.__name__
        raise ConfigError(
            f"{type(optimizee).__name__}.tasks must be a {name}, got the class: write "
            f"tasks = {name}()"
        )
    if not isinstance(family, TaskFamily):  # a user's own attribute of that name
        return None
    check_family(family)
    return family


def has_gradients(optimizee: Any) -> bool:
    """Whether an optimizee gives the gradient of its fitness."""
    return callable(getattr(optimizee, "value_and_grad", None))


def space_of(optimizee: Any) -> ParameterSpace:
    """Return the optimizee's space: its own, or the one that an example individual implies."""
    space = getattr(optimizee, "space", None)
    if isinstance(space, (ParameterSpace, Mapping, list, tuple)):
        return _as_space(space)
    return ParameterSpace.from_individual(optimizee.create_individual())


def _as_space(space: ParameterSpace | Mapping[str, Any] | Sequence[Parameter]) -> ParameterSpace:
    return space if isinstance(space, ParameterSpace) else ParameterSpace(space)


def draws_its_own(optimizee: Any) -> bool:
    """Whether the class has a ``create_individual`` of its own."""
    own = inspect.getattr_static(type(optimizee), "create_individual", None)
    return own is not None and own is not Optimizee.create_individual
