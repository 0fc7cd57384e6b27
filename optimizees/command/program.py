"""Program: what all optimizees have in common that run somebody else's program."""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ConfigError, SimulationFailed, nearest
from l2l.optimizee import BatchResult, Individual, Optimizee, OptimizeeParameters, Result
from l2l.optimizees.command import folder
from l2l.optimizees.command.declared import space_from
from l2l.optimizees.command.inputs import inputs_from
from l2l.optimizees.command.placeholders import OWN, as_text, as_word, example, fill, values_of
from l2l.optimizees.command.process import Finished
from l2l.optimizees.command.readers import Outputs, Reader, readers_from
from l2l.options import option
from l2l.space import ParameterSpace


class ProgramParameters(OptimizeeParameters):
    """Parameters of :class:`Program`."""

    parameters: Any = option(None, "what is searched for: {tau: {low: 1.0, high: 50.0}, n: [1, 5]}")
    inputs: Any = option(None, "files to write: {params.json: json, model.in: jinja}")
    fitness: Any = option("stdout", "where the fitness is; a list for several objectives")
    metrics: Any = option(None, "further numbers to record: {spikes: {text: stdout, key: spikes}}")
    observation: Any = option(None, "numbers to learn from (ensemble Kalman filter); like fitness")
    environment: Any = option(None, "environment variables: {OMP_NUM_THREADS: 1}; null removes one")
    timeout: float | None = option(
        None, "longest time that the program may take", above=0, unit="s"
    )
    keep: str = option(
        "failed", "working folders that are kept, in artifacts/", choices=("failed", "all", "never")
    )

    def check(self) -> None:
        """Check all that needs no look at files."""
        environment = {} if self.environment is None else self.environment
        if not isinstance(environment, Mapping):
            raise ConfigError(
                "environment: expected variables, as in `environment: {OMP_NUM_THREADS: 1}`; "
                f"got {environment!r}"
            )
        values = example(self.parsed()[0], self.sets)
        for where, text in self.texts.items():
            try:
                fill(text, values)
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from None

    @property
    def sets(self) -> int | None:
        """Parameter sets that one start of the program takes; None for one, not as a table."""
        return None

    @property
    def texts(self) -> dict[str, str]:
        """All texts that may have placeholders, by where they are."""
        given = (self.environment or {}).items()
        found = {f"environment, {name}": text for name, text in given if text is not None}
        return {where: as_word(text, where) for where, text in found.items()}

    def parsed(self) -> tuple[Any, ...]:
        """Return space, inputs, and the readers of fitness, metrics and observation."""
        space = space_from(self.parameters)
        metrics = {} if self.metrics is None else self.metrics
        if not isinstance(metrics, Mapping):
            raise ConfigError(f"metrics: expected names and where they are, got {metrics!r}")
        fitness = self.fitness_readers()
        if not fitness:
            raise ConfigError("fitness: expected where it is, got an empty list")
        return (
            space,
            inputs_from(self.inputs, space.names, self.sets),
            fitness,
            {str(k): readers_from(v, f"metrics, {k}") for k, v in metrics.items()},
            () if self.observation is None else readers_from(self.observation, "observation"),
        )

    def fitness_readers(self) -> tuple[Any, ...]:
        """Return what reads the fitness."""
        return readers_from(self.fitness, "fitness")


class Program(Optimizee):
    """Base of optimizees that run a program in a working folder and read its results.

    A subclass says how: :meth:`prepare` fills the folder, :meth:`launch` runs the program there,
    :meth:`judge` says whether it worked.
    """

    parameters: Any
    space: ParameterSpace

    def __init__(self, traj: Any = None, parameters: Any = None) -> None:
        super().__init__(traj, parameters)
        parsed = self.parameters.parsed()
        self.space, self.inputs, self.fitness, self.metrics, self.observation = parsed

    @property
    def template(self) -> Path | None:
        """The template folder, or None."""
        return None

    @abstractmethod
    def prepare(self, values: Mapping[str, Any], workdir: Path) -> None:
        """Fill the working folder."""

    @abstractmethod
    def launch(self, values: Mapping[str, Any], workdir: Path) -> Outputs:
        """Run the program to its end."""

    @abstractmethod
    def judge(self, outputs: Outputs) -> None:
        """Raise SimulationFailed if the program did not do its work."""

    def values(self, individual: Individual, workdir: Path) -> dict[str, Any]:
        """Return what can stand in place of placeholders."""
        return values_of(individual, str(workdir), str(self.template or workdir))

    def environment(self, values: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return the environment of the program."""
        found = dict(os.environ)
        for name, value in (self.parameters.environment or {}).items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = fill(as_text(value), values) if values else as_text(value)
        return found

    def check_inputs(self, source: Path | None) -> set[str]:
        """Return the names that input files use; ``source`` is the folder of Jinja templates.

        Raises:
            ConfigError: If one uses what is not there.
        """
        used: set[str] = set()
        known = (*self.space.names, *OWN)
        for file in self.inputs:
            if file.source:
                folder.check_source(source, file.source, file.path)
            found = file.names(self.space.names, source)
            if unknown := sorted(found - set(known)):
                raise ConfigError(
                    f"inputs, {file.path}: nothing is known of {unknown[0]!r}; "
                    f"{nearest(unknown[0], known)}"
                )
            used |= found
        return used

    def bounding_func(self, individual: Mapping[str, Any]) -> dict[str, Any]:
        """Return the individual with its parameters within their ranges, integers rounded."""
        return self.space.unflatten(self.space.repair(self.space.flatten([individual]))[0])

    def simulate(self, traj: Any) -> Any:
        """Run the program with one individual, and read fitness, metrics and observation."""
        workdir = traj.individual.workdir
        try:
            values = self.values(traj.individual, workdir)
            self.prepare(values, workdir)
            result = self.read(self.launch(values, workdir))
        finally:
            if self.parameters.keep == "never":
                shutil.rmtree(workdir, ignore_errors=True)
        if self.parameters.keep == "all":
            _put_away(workdir)
        return result

    def read(self, outputs: Outputs) -> Result | BatchResult:
        """Return the result that a program has left.

        Raises:
            SimulationFailed: If there is none; the end of what the program printed is printed then.
        """
        try:
            self.judge(outputs)
            result = self.result(outputs)
        except SimulationFailed:
            outputs.done.show()
            raise
        if not np.isfinite(result.fitness).all():
            outputs.done.show()
        return result

    def result(self, outputs: Outputs) -> Result | BatchResult:
        """Return the result that is in the outputs of a program that worked."""
        fitness = self.read_all("fitness", self.fitness, outputs)
        metrics = {
            name: self.read_all(f"metrics, {name}", readers, outputs)
            for name, readers in self.metrics.items()
        }
        for name, found in metrics.items():
            if len(found) != 1:
                raise SimulationFailed(f"metrics, {name}: expected one number, got {len(found)}")
        seen = self.read_all("observation", self.observation, outputs)
        return Result(
            fitness,
            np.array(seen) if self.observation else None,
            {name: found[0] for name, found in metrics.items()},
        )

    def read_all(self, what: str, readers: tuple[Reader, ...], outputs: Outputs) -> list[float]:
        """Return the numbers of all readers, one after the other."""
        try:
            return [number for reader in readers for number in reader.read(outputs)]
        except SimulationFailed as error:
            raise SimulationFailed(f"{what}: {error}") from None


def check_end(done: Finished, timeout: float | None) -> None:
    """Raise SimulationFailed if a program was killed because its time was up."""
    if done.late:
        raise SimulationFailed(
            f"the command did not end within {timeout:g} s (timeout), and was killed with all "
            "that it had started"
        )


def _put_away(workdir: Path) -> None:
    """Move a working folder to where the run keeps those of failures."""
    if workdir.parent.name == "scratch":  # of a run; by hand the folder stays where it is
        kept = workdir.parents[1] / "artifacts"
        kept.mkdir(exist_ok=True)
        shutil.rmtree(kept / workdir.name, ignore_errors=True)
        shutil.move(workdir, kept / workdir.name)
