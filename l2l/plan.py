"""Plan: all that a run needs, checked and put together before anything starts."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l2l import registry
from l2l.classic.tools import DummyTrajectory
from l2l.errors import ConfigError, about, nearest
from l2l.evaluation import seeded_globals
from l2l.executors.base import Executor, ExecutorOptions, Task
from l2l.heldout import check_testing
from l2l.loop import Bounding, Stop
from l2l.optimizee import (
    RESERVED,
    FunctionOptimizee,
    draws_its_own,
    family_of,
    has_gradients,
    is_batched,
    space_of,
)
from l2l.optimizer import Optimizer, OptimizerParameters
from l2l.origin import source_of
from l2l.plain import as_plain
from l2l.references import PREFIX, anywhere
from l2l.space import Floats, ParameterSpace
from l2l.warmstart import Known, Source, known, plain_source


@dataclass
class Plan:
    """One run, ready to start.

    Attributes:
        optimizee: The optimizee, as it stands in this process.
        reference: ``(reference, kwargs)`` by which a worker can make it, or None: it is sent.
        space: The parameter space.
        optimizer: Class of the optimizer.
        parameters: Its options.
        executor: Class of the executor.
        options: Its options.
        stop: When the run ends.
        weights: One an objective.
        seed: Of the run.
        create: Draws a first individual, or None: the optimizer draws in the space.
        bounding: Puts an individual inside its bounds, or None.
        constants: Attributes of ``traj`` inside ``simulate``.
        source: What the run was begun with: command, script and hashes.
        start: Known points to begin with: the folder of an earlier run, or individuals.
        inner: How many parameter sets one call of ``simulate`` takes, or None: one.
        mode: ``generational``, or ``async``: nobody waits for a generation to end.
        test_every: Test on held-out tasks after so many generations; None: never.
    """

    optimizee: Any
    reference: tuple[str, dict[str, Any]] | None
    space: ParameterSpace
    optimizer: type[Optimizer]
    parameters: OptimizerParameters
    executor: type[Executor]
    options: ExecutorOptions
    stop: Stop
    weights: tuple[float, ...] = (1.0,)
    seed: int = 1
    create: Callable[[], Mapping[str, Any]] | None = None
    bounding: Bounding | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    start: Source | None = None
    inner: int | None = None
    mode: str = "generational"
    test_every: int | None = None

    def __post_init__(self) -> None:
        self.weights, self.seed = _weights(self.weights), _seed(self.seed)
        check_mode(self.mode, self.optimizer)
        if self.inner is None:
            self.inner = _inner(self.optimizee)
        check_testing(self.test_every, self.mode, self.optimizee, self.inner)
        self.start = plain_source(self.start)
        if taken := sorted(RESERVED.intersection(self.space.names)):
            raise ConfigError(
                f"parameters can't be named {', '.join(taken)}: an individual has that for itself "
                "(individual.seed, individual.generation, ...). Choose another name"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Plan:
        """Return the plan of a validated configuration (see :mod:`l2l.config`)."""
        name, kwargs = _split(config["optimizee"])
        optimizee_class = registry.load("optimizees", name)
        with about("optimizee"):
            optimizee = registry.construct(optimizee_class, kwargs, DummyTrajectory())
        return cls.of(
            optimizee,
            config["optimizer"],
            config.get("executor", "local"),
            Stop(**config.get("stop", {})),
            weights=tuple(config.get("weights", (1.0,))),
            seed=config.get("seed", 1),
            reference=(registry.reference("optimizees", name), kwargs),
            start=config.get("from"),
            mode=config.get("mode", "generational"),
            test_every=config.get("test_every"),
        )

    @classmethod
    def of(
        cls,
        optimizee: Any,
        optimizer: Any,
        executor: Any,
        stop: Stop,
        *,
        space: ParameterSpace | Mapping[str, Any] | None = None,
        weights: tuple[float, ...] = (1.0,),
        seed: int = 1,
        reference: tuple[str, dict[str, Any]] | None = None,
        start: Source | None = None,
        mode: str = "generational",
        test_every: int | None = None,
    ) -> Plan:
        """Return a plan of live objects, names, or dicts with a ``name`` and options."""
        if reference is None and space is None:
            reference = _reference(optimizee)
        optimizee = as_optimizee(optimizee, space)
        optimizer_class, parameters = _optimizer(optimizer)
        executor_class, options = executor_of(executor)
        stop = with_an_end(stop, optimizer_class, parameters)
        portable = anywhere(registry.name_of("optimizers", optimizer_class)) and anywhere(
            registry.name_of("executors", executor_class)
        )
        return cls(
            optimizee=optimizee,
            reference=reference,
            space=space_of(optimizee),
            optimizer=optimizer_class,
            parameters=parameters,
            executor=executor_class,
            options=options,
            stop=stop,
            weights=weights,
            seed=seed,
            create=optimizee.create_individual if draws_its_own(optimizee) else None,
            bounding=getattr(optimizee, "bounding_func", None),
            source=source_of(optimizee, by_value=reference is None or not portable),
            start=start,
            mode=mode,
            test_every=test_every,
        )

    def config(self) -> dict[str, Any]:
        """Return the plan as the plain data of ``run.yaml``."""
        config = {
            "mode": self.mode,
            "test_every": self.test_every,
            "seed": self.seed,
            "weights": list(self.weights),
            "optimizee": self._optimizee(),
            "optimizer": {
                "name": registry.name_of("optimizers", self.optimizer),
                **self.parameters._asdict(),
            },
            "executor": {
                "name": registry.name_of("executors", self.executor),
                **self.options._asdict(),
            },
            "stop": self.stop._asdict(),
            "space": self.space.describe(),
            "from": self.start,
            "source": self.source,
        }
        return dict(as_plain(config))

    def _optimizee(self) -> dict[str, Any]:
        """Return name and parameters of the optimizee."""
        kind: Any = type(self.optimizee)
        if self.reference is not None:
            return {"name": registry.name_of("optimizees", kind), **self.reference[1]}
        if isinstance(self.optimizee, FunctionOptimizee):
            kind = self.optimizee.function
        parameters: Any = getattr(self.optimizee, "parameters", None)
        options = parameters._asdict() if hasattr(parameters, "_asdict") else {}
        return {"name": f"{kind.__module__}:{kind.__qualname__}", **options}

    def task(self, folder: Path) -> Task:
        """Return what workers need to know, for a run in ``folder``."""
        batched = self.inner is not None or (is_batched(self.optimizee) and not self.gradients)
        columns = [
            place
            for name in (getattr(self.optimizee, "group_by", ()) if batched else ())
            for place in range(self.space.size)[self.space.slice(name)]
        ]
        for value in self.constants.values():
            shipped(value)  # says which can't be sent
        limit = getattr(self.optimizee, "max_batch", lambda _memory: None)
        family = family_of(self.optimizee)
        return Task(
            optimizee=self.reference or shipped(self.optimizee),
            space=self.space,
            objectives=len(self.weights),
            batched=batched,
            group_by=columns,
            max_batch=limit(self.options.memory_bytes) if batched else None,
            inner=self.inner,
            constants=self._constants(),
            scratch=folder / "scratch",
            keep=folder / "artifacts",
            logs=folder / "logs",
            gradients=self.gradients,
            resources=dict(getattr(self.optimizee, "resources", None) or {}),
            pulled=self.mode == "async",
            seed=self.seed,
            shared=family is not None and family.shared,
        )

    @property
    def gradients(self) -> bool:
        """Whether ``value_and_grad`` runs in place of ``simulate``."""
        wanted = self.optimizer.uses_gradients and self.inner is None
        return wanted and has_gradients(self.optimizee)

    @property
    def test_parts(self) -> int:
        """How many evaluations face all held-out tasks; 1 where there are none."""
        family = family_of(self.optimizee)
        return 1 if family is None else family.n_parts

    def _constants(self) -> dict[str, Any]:
        """Return the attributes of ``traj``, with the size of a multi-individual if that is set."""
        if self.inner is None:
            return self.constants
        return {**self.constants, "n_inner_params": self.inner, "inner_params": self.inner}

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer, with the first points that the optimizee draws.

        They are drawn for a resume too, so that an optimizee with random numbers of its own is in
        the same state then, for the next run of its script.
        """
        optimizer = self.optimizer(
            self.space,
            self.parameters,
            weights=self.weights,
            seed=self.seed,
            initial=self._first_points(),
        )
        optimizer.gradients = self.gradients
        return optimizer

    @functools.cached_property
    def known(self) -> Known | None:
        """What is known before the first evaluation; read when it is first asked for."""
        return None if self.start is None else known(self.start, self.space, self.weights)

    def warm(self, optimizer: Optimizer) -> None:
        """Tell a new optimizer what is known."""
        if self.known is not None:
            self.known.tell(optimizer)

    def _first_points(self) -> Floats | None:
        """Return the first points ``(n, d)`` that the optimizee draws, in search coordinates."""
        n = self.optimizer.n_initial(self.parameters)
        if n == 0:
            return None
        if self.create is None:
            self.space.need_bounds()
            return None
        with seeded_globals(self.seed):
            values = self.space.repair(self.space.flatten([self.create() for _ in range(n)]))
            if self.bounding is not None:
                values = self.space.confined(values, self.bounding)
        return self.space.to_search(values)


#: How the outer loop goes: by generations, or a new individual as soon as a worker is free.
MODES = ("generational", "async")


def check_mode(mode: Any, optimizer: type[Optimizer]) -> None:
    """Raise ConfigError if there is no such mode, or the optimizer can't do it."""
    if mode not in MODES:
        raise ConfigError(f"mode can't be {mode!r}; {nearest(str(mode), MODES)}")
    if mode == "async" and not optimizer.asynchronous:
        can = sorted(
            registry.name_of("optimizers", entry)
            for entry in registry.classes("optimizers")
            if entry.asynchronous
        )
        raise ConfigError(
            f"{registry.name_of('optimizers', optimizer)} learns from whole generations and can't "
            f"be asked for one individual at a time. Take mode: generational, or one of those that "
            f"can: {', '.join(can)}"
        )


def with_an_end(stop: Stop, optimizer: type[Optimizer], parameters: Any) -> Stop:
    """Return the criteria, with the optimizer's own number of iterations where there is no other.

    Raises:
        ConfigError: If nothing would ever end the run.
    """
    if any(criterion is not None for criterion in stop._asdict().values()):
        return stop
    n_iteration = getattr(parameters, "n_iteration", None)
    if n_iteration is None and not optimizer.finite:
        raise ConfigError(
            "say when to stop: give generations, evaluations, target, time or patience, or "
            "n_iteration in the optimizer's parameters"
        )
    return stop._replace(generations=n_iteration)


def as_optimizee(optimizee: Any, space: ParameterSpace | Mapping[str, Any] | None) -> Any:
    """Return an optimizee made of one, of its class, its name or a function."""
    if isinstance(optimizee, (str, Mapping)):
        name, kwargs = _split(optimizee)
        optimizee = registry.construct(registry.load("optimizees", name), kwargs, DummyTrajectory())
    elif inspect.isclass(optimizee):
        optimizee = registry.construct(optimizee, {}, DummyTrajectory())
    if space is not None and not isinstance(space, ParameterSpace):
        space = ParameterSpace(space)
    if not hasattr(optimizee, "simulate") and callable(optimizee):
        if space is None:
            raise ConfigError(
                "a function needs a space: optimize(function, ..., space={'x': (-1.0, 1.0)})"
            )
        return FunctionOptimizee(optimizee, space)
    if not hasattr(optimizee, "simulate"):
        raise ConfigError(
            "an optimizee is a function, the name of one, or an object with simulate(traj); "
            f"got {optimizee!r}"
        )
    if space is not None:
        optimizee.space = space
    return optimizee


def shipped(optimizee: Any) -> bytes:
    """Return the optimizee as bytes that a worker can load."""
    import cloudpickle

    module = type(optimizee).__module__
    if module.startswith(PREFIX):  # loaded from a file, under a name that only this process knows
        cloudpickle.register_pickle_by_value(sys.modules[module])
    try:
        return bytes(cloudpickle.dumps(optimizee, protocol=5))
    except Exception as error:
        raise ConfigError(
            f"{type(optimizee).__name__} can't be sent to workers: {error}. Open files, simulators "
            "and connections in simulate() or setup(), not in the constructor; or give the "
            "optimizee by name ('module:Class'), and each worker makes its own"
        ) from error


def _split(spec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of ``"name"`` or ``{"name": ..., option: ...}``."""
    if isinstance(spec, str):
        return spec, {}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise ConfigError(f"expected a name, or a dict with a 'name', got {spec!r}")
    return spec["name"], {key: value for key, value in spec.items() if key != "name"}


def _reference(optimizee: Any) -> tuple[str, dict[str, Any]] | None:
    """Return how any process can make the optimizee; None where only this one can."""
    if not isinstance(optimizee, (str, Mapping)):
        return None
    name, kwargs = _split(optimizee)
    if not anywhere(name) or repr(as_plain(kwargs)) != repr(kwargs):
        return None
    return registry.reference("optimizees", name), kwargs


def _optimizer(spec: Any) -> tuple[type[Optimizer], OptimizerParameters]:
    """Return class and parameters of an optimizer given by name, dict, class or parameters."""
    if isinstance(spec, OptimizerParameters):
        for entry in registry.classes("optimizers"):
            if entry.Parameters is type(spec):
                return entry, spec
        raise ConfigError(f"no registered optimizer takes {type(spec).__name__}")
    if inspect.isclass(spec) and issubclass(spec, Optimizer):
        return spec, spec.Parameters()
    name, kwargs = _split(spec)
    found: type[Optimizer] = registry.load("optimizers", name)
    return found, found.Parameters(**kwargs)


def with_changes(section: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section of a configuration with some entries replaced."""
    if "name" in entries and entries["name"] != section.get("name"):
        section = {}  # another executor has other options
    return {**section, **entries}


def executor_of(spec: Any) -> tuple[type[Executor], ExecutorOptions]:
    """Return class and options of an executor given by name or dict."""
    name, kwargs = _split(spec)
    found: type[Executor] = registry.load("executors", name)
    return found, found.Options(**kwargs)


def _inner(optimizee: Any) -> int | None:
    """Return how many parameter sets one call of ``simulate`` takes; None for one."""
    n = getattr(optimizee, "n_inner_params", None)
    if n is None or (isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0):
        return n if n is None else int(n)
    raise ConfigError(f"n_inner_params must be a whole number of at least 1, got {n!r}")


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"seed must be a whole number of at least 0, got {seed!r}")
    return int(seed)


def _weights(weights: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(w) for w in np.atleast_1d(weights))
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(np.isfinite(numbers)) or not any(numbers):
        raise ConfigError(f"weights must be finite numbers, one an objective, got {weights!r}")
    return numbers
