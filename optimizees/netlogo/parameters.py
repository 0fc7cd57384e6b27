"""The options of :class:`NetLogo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, nearest
from l2l.optimizees.command.program import ProgramParameters
from l2l.optimizees.command.readers import readers_from
from l2l.optimizees.netlogo.table import ReporterReader
from l2l.options import option

SUFFIXES = (".nlogo", ".nlogo3d", ".nlogox", ".nlogox3d")
#: Options that say what an experiment is.
_WITHOUT = ("constants", "setup", "go", "steps", "stop_when", "repetitions")


class NetLogoParameters(ProgramParameters):
    """Parameters of :class:`NetLogo`."""

    model: str | None = option(None, "the model's file, .nlogo or .nlogox", path=True)
    netlogo_home: str | None = option(
        None, "folder of NetLogo; the variable NETLOGO_HOME if none", path=True
    )
    fitness: Any = option(None, "a reporter's name here, or a file as in `command`; first reporter")
    reporters: Any = option(None, "what is measured: {sheep: count sheep}; all are recorded")
    over: str = option("last", "which steps of a run count", choices=("last", "mean"))
    constants: Any = option(None, "further values of the interface: {model-version: sheep-wolves}")
    setup: str = option("setup", "commands before a run")
    go: str = option("go", "commands of a step")
    steps: int = option(0, "most steps of a run; 0 for no limit", low=0)
    stop_when: str = option("", "reporter that ends a run")
    repetitions: int = option(
        1, "runs of an evaluation, each with its seed; their mean counts", low=1
    )
    experiment: str | None = option(None, "an experiment in the model to run instead")
    whole_folder: bool = option(False, "whether all that is beside the model is copied with it")
    version: int | None = option(None, "6 or 7: form of experiments; by the model's ending if none")
    threads: int = option(1, "threads of BehaviorSpace", low=1)
    arguments: Any = option(None, "further arguments: [--min-pxcor, -20, ...]")
    retries: int = option(1, "further tries where there is no result", low=0)

    def check(self) -> None:
        """Check all that needs no look at files."""
        if not self.model or Path(self.model).suffix not in SUFFIXES:
            raise ConfigError(f"model: expected a file {', '.join(SUFFIXES)}; got {self.model!r}")
        super().check()
        if self.version not in (None, 6, 7):
            raise ConfigError(f"version: expected 6 or 7, got {self.version}")
        if not isinstance({} if self.constants is None else self.constants, Mapping):
            raise ConfigError(f"constants: expected names and values, got {self.constants!r}")
        if not isinstance(self.arguments or [], (list, tuple)):
            raise ConfigError(f"arguments: expected a list of words, got {self.arguments!r}")
        if self.experiment is None:
            if not (self.steps or self.stop_when):
                raise ConfigError("steps: a run would never end; give steps or stop_when")
        else:
            names = [name for name in _WITHOUT if getattr(self, name) != _DEFAULTS[name]]
            if names:
                raise ConfigError(
                    f"{names[0]}: the experiment {self.experiment!r} of the model says that "
                    "itself; leave it out, or leave `experiment` out"
                )

    def fitness_readers(self) -> tuple[Any, ...]:
        """Return what reads the fitness."""
        measured = self._measured()
        given = self.fitness if isinstance(self.fitness, list) else [self.fitness]
        if self.fitness is None:
            if not measured:
                raise ConfigError(
                    "fitness: expected where it is: a reporter, or a file that the model writes, "
                    "as in {csv: individual_result.csv, column: 0}"
                )
            given = [next(iter(measured))]
        readers: list[Any] = []
        for part in given:
            if not isinstance(part, str):
                readers.extend(readers_from(part, "fitness"))
            elif part in measured:
                readers.append(measured[part])
            else:
                hint = nearest(part, measured)
                raise ConfigError(f"fitness: there is no reporter {part!r}; {hint}")
        return tuple(readers)

    def parsed(self) -> tuple[Any, ...]:
        """Return space, inputs, and the readers of fitness, metrics and observation."""
        space, inputs, fitness, metrics, observation = super().parsed()
        others = {name: (r,) for name, r in self._measured().items() if r not in fitness}
        return space, inputs, fitness, {**others, **metrics}, observation

    def _measured(self) -> dict[str, ReporterReader]:
        """Return what reads each of the reporters."""
        reporters = {} if self.reporters is None else self.reporters
        if not isinstance(reporters, Mapping) or not all(
            isinstance(text, str) and text.strip() for text in reporters.values()
        ):
            raise ConfigError(
                "reporters: expected names and reporters, as in `reporters: {sheep: count sheep}`; "
                f"got {reporters!r}"
            )
        if not reporters and self.experiment is None:
            raise ConfigError(
                "reporters: expected what to measure, as in `reporters: {sheep: count sheep}`; or "
                "name an experiment of the model (`experiment:`)"
            )
        runs = self.repetitions if self.experiment is None else None
        return {name: ReporterReader(text, self.over, runs) for name, text in reporters.items()}


_DEFAULTS = {name: field.default for name, field in NetLogoParameters.__dataclass_fields__.items()}
