"""Experiment: the calls that every classic run script makes."""

from __future__ import annotations

import logging
import shutil
from os import PathLike
from pathlib import Path
from typing import Any

from l2l.api import telling_interruptions
from l2l.classic import runner
from l2l.classic.multi import MultiParameters
from l2l.classic.optimizer import ClassicOptimizer
from l2l.classic.paths import Paths
from l2l.classic.trajectory import Trajectory
from l2l.errors import ConfigError, RunExists, nearest
from l2l.evaluation import seeded_globals
from l2l.execution import Result, execute, set_aside
from l2l.loop import Stop
from l2l.optimizee import space_of
from l2l.origin import resuming, source_of
from l2l.plan import Plan, executor_of, shipped, with_an_end
from l2l.space import ParameterSpace
from l2l.trajectory import Trajectory as History

log = logging.getLogger("l2l")

#: What ``prepare_experiment`` takes; the three spellings of runner parameters are one thing.
ARGUMENTS = (
    "name", "trajectory_name", "checkpoint", "log_stdout", "runner_params", "runner_parameter",
    "jube_parameter", "multiprocessing", "debug", "stop_run", "timeout", "overwrite", "resume",
    "mode", "executor", "test_every",
)  # fmt: skip


class Experiment:
    """One experiment of a classic script: ``prepare_experiment``, ``run_...``, ``end_...``.

    Args:
        root_dir_path: Folder of all runs; a run lies in ``root_dir_path/name``.
    """

    def __init__(self, root_dir_path: str | PathLike[str]) -> None:
        self.root_dir_path = str(Path(root_dir_path).expanduser())
        self.name = "L2L-run"
        self.traj = Trajectory()
        self.runner_params: dict[str, Any] = {}
        self.result: Result | None = None
        self._settings: dict[str, Any] = {}
        self._executor: dict[str, Any] = {}
        self._runs = 0

    def prepare_experiment(self, **kwargs: Any) -> tuple[Trajectory, dict[str, Any]]:
        """Prepare a run.

        Args:
            **kwargs: ``name`` of the run (default ``L2L-run``); ``runner_params`` with
                ``max_workers`` (also as ``runner_parameter`` or ``jube_parameter``, see
                ``docs/jube.md``); ``executor``, a name or a dict with a name and options, in
                place of what these mean; ``multiprocessing=False`` to evaluate in this process;
                ``timeout`` of one evaluation in s (True and False: none); ``mode="async"`` for a
                new individual as soon as a worker is free; ``test_every=10`` for tests on the
                optimizee's held-out tasks every 10 generations; ``overwrite`` an earlier run (it
                is renamed to ``<name>.1``); ``resume`` it instead; ``checkpoint`` as loaded by
                ``load_trajectory``; ``trajectory_name``; ``log_stdout``, ``debug`` for more log.

        Returns:
            The trajectory and the runner parameters in force.

        Raises:
            ConfigError: On an unknown argument.
            RunExists: If there is a run, and neither resuming nor overwriting is asked for.
        """
        for key in kwargs:
            if key not in ARGUMENTS:
                raise ConfigError(
                    f"prepare_experiment has no argument {key!r}; {nearest(key, ARGUMENTS)}"
                )
        self._settings = kwargs
        self.name = kwargs.get("name", self.name)
        self.traj = Trajectory(kwargs.get("trajectory_name", "trajectory"))
        self.runner_params = runner.runner_params(kwargs)
        self._executor = runner.executor(kwargs)
        executor_of(self._executor)  # an error in it comes now
        self.traj.f_add_parameter_group("runner_params", "Contains runner parameters")
        for key, value in self.runner_params.items():
            self.traj.f_add_parameter_to_group("runner_params", key, value)
        if kwargs.get("log_stdout") or kwargs.get("debug"):
            logging.basicConfig(level=logging.DEBUG if kwargs.get("debug") else logging.INFO)
        self._take_checkpoint(kwargs.get("checkpoint"))
        self._runs = 0
        if self.path.exists() and not (self._resume or kwargs.get("overwrite", False)):
            raise RunExists(
                f"{self.path} exists already: go on with resume=True, move it out of the way with "
                "overwrite=True, or give the run another name"
            )
        return self.traj, self.runner_params

    def run_experiment(
        self,
        optimizer: ClassicOptimizer,
        optimizee: Any,
        optimizer_parameters: Any = None,
        optimizee_parameters: Any = None,
    ) -> None:
        """Run the experiment to its end.

        Args:
            optimizer: Made by a classic constructor.
            optimizee: The optimizee.
            optimizer_parameters: As given to the optimizer; if given here alone, used from here.
            optimizee_parameters: As given to the optimizee; for the record.
        """
        if not isinstance(optimizer, ClassicOptimizer):
            raise ConfigError(
                "run_experiment takes an optimizer made by a classic constructor, such as "
                f"GeneticAlgorithmOptimizer(traj, ...), got {type(optimizer).__name__}; for an "
                "l2l.Optimizer use l2l.optimize"
            )
        self._runs += 1
        plan = self._plan(optimizer, optimizee, optimizer_parameters)
        with telling_interruptions():
            self.result = execute(
                plan,
                self.path,
                resume=self._resume,
                overwrite=self._settings.get("overwrite", False),
            )
        self.traj.history = self.result.history

    def end_experiment(self, optimizer: ClassicOptimizer) -> tuple[Trajectory, Paths]:
        """Report the best individual; return the trajectory with all results, and the paths."""
        if self.result is not None:
            best = self.result.best
            optimizer.best_individual = best.individual
            optimizer.best_fitness = tuple(best.fitness.tolist())
            n_iteration = int(self.result.history.generation[-1]) + 1
            for key, value in (
                ("final_individual", best.individual),
                ("final_fitness", optimizer.best_fitness),
                ("n_iteration", n_iteration),
            ):
                self.traj.f_add_result(key, value)
            log.info("best fitness %s of evaluation %d", optimizer.best_fitness, best.id)
        return self.traj, Paths(self.path.name, {}, self.root_dir_path)

    def load_trajectory(self, path: str | PathLike[str]) -> Trajectory:
        """Return the trajectory of a run: its folder, or any file or folder within it."""
        start = Path(path).expanduser()
        for folder in (start, *start.parents):
            if (folder / "run.yaml").is_file():
                return Trajectory(folder.name, History(folder))
        raise ConfigError(f"{start} is no run of l2l and lies in none (no run.yaml found)")

    # -- settings -----------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """Folder of the run; the second run of one experiment gets ``<name>-2``."""
        suffix = f"-{self._runs}" if self._runs > 1 else ""
        return Path(self.root_dir_path) / f"{self.name}{suffix}"

    @property
    def _resume(self) -> bool:
        asked = self._settings.get("resume", False)
        return bool(asked) or self._settings.get("checkpoint") is not None or resuming()

    def _take_checkpoint(self, checkpoint: Trajectory | None) -> None:
        """Go on in the checkpoint's own folder, or in a copy if the run has another name."""
        if checkpoint is None:
            return
        if checkpoint.history is None:
            raise ConfigError("checkpoint must come from load_trajectory(path)")
        source = checkpoint.history.path
        if source.resolve() != self.path.resolve():
            if self.path.exists():
                set_aside(self.path)
            shutil.copytree(source, self.path)

    def _plan(self, optimizer: ClassicOptimizer, optimizee: Any, parameters: Any) -> Plan:
        algorithm, parameters = optimizer.chosen(
            optimizer.parameters if parameters is None else parameters
        )
        inner = None
        if isinstance(parameters, MultiParameters):
            inner, parameters = parameters.n_inner_params, parameters.expanded()
        seed = getattr(parameters, "seed", None)
        seed = 1 if seed is None else int(seed)
        executor_class, options = executor_of(self._executor or runner.executor(self._settings))
        with seeded_globals(seed):
            space = raw_space(optimizer, optimizee)
        return Plan(
            optimizee=optimizee,
            reference=None,
            space=space,
            optimizer=algorithm,
            parameters=parameters,
            executor=executor_class,
            options=options,
            stop=with_an_end(Stop(), algorithm, parameters),
            weights=optimizer.optimizee_fitness_weights,
            seed=seed,
            create=optimizer.create_individual,
            bounding=optimizer.bounding,
            constants={**self.traj.parameters, "parameters": self.traj.parameters,
                       "par": self.traj.parameters},
            source=source_of(optimizee, by_value=True),
            inner=inner,
            mode=self._settings.get("mode", "generational"),
            test_every=self._settings.get("test_every"),
        )  # fmt: skip


class Environment:
    """The surroundings of a run, for scripts that make them by hand.

    Args:
        trajectory: Name of the trajectory.
        filename: Folder of the run.
        **kwargs: Further settings of old, without effect.
    """

    def __init__(self, trajectory: str = "trajectory", filename: str = ".", **kwargs: Any) -> None:
        folder = Path(filename)
        self._experiment = Experiment(folder.parent)
        settings = {k: v for k, v in kwargs.items() if k in ARGUMENTS}
        self._experiment._settings = {**settings, "name": folder.name}
        self._experiment.name = folder.name if folder.name else trajectory
        self.trajectory = self.traj = self._experiment.traj = Trajectory(trajectory)

    def run(self, simulate: Any) -> None:
        """Run the optimizer that was made with this trajectory on an optimizee."""
        optimizee = getattr(simulate, "__self__", simulate)
        if self.trajectory.optimizer is None:
            raise ConfigError("make an optimizer with this environment's trajectory first")
        self._experiment.run_experiment(self.trajectory.optimizer, optimizee)

    def enable_logging(self) -> None:
        """Logs are written to the run folder in any case."""

    def disable_logging(self) -> None:
        """Logs are written to the run folder in any case."""


def prepare_optimizee(optimizee: Any, path: Any = None) -> None:
    """Check that an optimizee can be sent to workers; it needs no file on the way any more.

    Raises:
        ConfigError: If it can't; the text says what to do.
    """
    shipped(optimizee)


def raw_space(optimizer: ClassicOptimizer, optimizee: Any) -> ParameterSpace:
    """Return the space in the parameters' own units, in which classic optimizers work."""
    if isinstance(getattr(optimizee, "space", None), ParameterSpace):
        return ParameterSpace(space_of(optimizee).parameters, "raw")
    return ParameterSpace.from_individual(optimizer.create_individual())
