"""A JUBE parameter study over whole experiments: ``l2l submit --jube sweep.yaml``.

Each combination of the values is one workpackage, and each workpackage is one ``l2l run``, which
goes on where it was if it has been begun before.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from l2l.cluster import jube, sweeprun
from l2l.cluster.jube import parameter, verbatim
from l2l.cluster.jubeplatform import Platform, find_platform
from l2l.cluster.jubesite import SiteOptions, site_parameters
from l2l.cluster.sweepstudy import Study
from l2l.errors import ConfigError, nearest
from l2l.options import option

_NAMES = ("config", "run", "values", "job")
_COLUMNS = {
    "state": "string", "best": "float", "evaluations": "int", "seconds": "float", "why": "string",
}  # fmt: skip


class JobOptions(SiteOptions):
    """The ``job:`` of a sweep: what one experiment gets."""

    procs: int = option(
        1, "experiments at the same time where there is no batch system", low=1, high=50
    )


@dataclass(frozen=True)
class Sweep:
    """A study, ready to be submitted.

    Attributes:
        config: The base configuration of all experiments.
        folder: Of the study; each experiment has a folder in it, and JUBE has ``jube``.
        values: Setting -> its values, as texts of YAML.
        job: What one experiment gets.
    """

    config: Path
    folder: Path
    values: dict[str, list[str]]
    job: JobOptions

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Sweep:
        """Return the study that a file describes.

        Raises:
            ConfigError: If something in it is wrong, or one of its experiments can't be run.
        """
        from l2l.config.document import Document
        from l2l.config.parameters import check_options

        file = Path(path)
        document = Document.read(file)
        for key in document.data:
            if key not in _NAMES:
                document.problem((key,), f"there is no {key!r}; {nearest(key, _NAMES)}")
        given = document.data.get("job") or {}
        if not isinstance(given, dict):
            document.problem(("job",), f"job must have parts ('name: value'), got {given!r}")
            given = {}
        job = check_options(document, ("job",), JobOptions, given)
        config = document.data.get("config")
        if not isinstance(config, str):
            document.problem(("config",), f"config must name a configuration, got {config!r}")
        values = {}
        for setting, entries in _mapping(document.data.get("values")).items():
            if not isinstance(entries, list) or not entries:
                document.problem(("values", setting), f"expected a list of values, got {entries!r}")
                continue
            values[setting] = [_text(entry) for entry in entries]
            for text in values[setting]:
                if re.search(r"['$\n]", text) or jube.SEPARATOR in text:
                    document.problem(("values", setting), f"{text!r} has one of ' $ in it")
        if not values and not document.problems:
            document.problem(
                (), "expected values, as in 'values: {optimizer: [cma_es, xnes], seed: [1, 2]}'"
            )
        document.raise_problems()
        folder = Path(document.data.get("run") or f"results/{file.stem}").expanduser()
        sweep = cls(file.parent / str(config), folder, values, JobOptions(**job))
        sweep.check()
        return sweep

    def check(self) -> None:
        """Load every combination; raise ConfigError for the first one that can't be run."""
        from l2l import config
        from l2l.plan import Plan

        if len(self.combinations()) > 1000:
            raise ConfigError(
                f"{len(self.combinations())} combinations; JUBE gets slow beyond some hundreds. "
                "Make several sweeps of at most 1000"
            )
        for chosen in self.combinations():
            try:
                Plan.from_config(config.load(self.config, sweeprun.settings(chosen)))
            except ConfigError as error:
                raise ConfigError(f"with {', '.join(chosen)}: {error}") from error

    def combinations(self) -> list[list[str]]:
        """Return ``setting=value`` of each experiment."""
        return [
            [f"{setting}={value}" for setting, value in zip(self.values, chosen, strict=True)]
            for chosen in itertools.product(*self.values.values())
        ]

    # -- as JUBE sees it ----------------------------------------------------------------------

    def benchmark(self, platform: Platform, site: Mapping[str, Any]) -> dict[str, Any]:
        """Return the benchmark for JUBE."""
        own = [
            parameter(_word(setting), jube.SEPARATOR.join(map(verbatim, texts)))
            for setting, texts in self.values.items()
        ]
        command = f"{jube.python_command('l2l.cluster.sweeprun')} {self._arguments()}"
        setup = verbatim(self.job.setup_text)
        columns = [*map(_word, self.values), *_COLUMNS]
        return {
            "name": self.folder.name,
            "outpath": ".",
            **jube.step(platform, own, site, command, setup, self.job.procs),
            **jube.table("experiments", sweeprun.NUMBERS, columns, _COLUMNS, columns[0]),
        }

    def _arguments(self) -> str:
        """Return the arguments of :mod:`l2l.cluster.sweeprun`, for a shell."""
        places = [str(Path.cwd()), str(self.config.absolute()), str(self.folder.absolute())]
        words = [verbatim(jube.quoted(place)) for place in places]
        if self.job.cpus_per_task is not None:
            words.append(f"--cpus {self.job.cpus_per_task}")
        return " ".join([*words, *(f"'{name}=${{{_word(name)}}}'" for name in self.values)])


def submit_sweep(path: str | PathLike[str], *, wait: bool = False) -> int:
    """Check a study, submit it, and say how to look at it; return an exit code.

    Args:
        path: The file that describes it.
        wait: Wait until all experiments have ended, and print the table.

    Raises:
        ConfigError: If something is wrong; nothing has been submitted.
        L2LError: If JUBE or the batch system refuses it.
    """
    sweep = Sweep.read(path)
    command = jube.find_command(sweep.job.command)
    platform = find_platform(sweep.job.platform)
    site = site_parameters(platform, sweep.job)
    home = sweep.folder / "jube"
    home.mkdir(parents=True, exist_ok=True)
    number = jube.next_number(home)
    file = sweep.folder / f"sweep-{number}.yaml"
    jube.write(sweep.benchmark(platform, site), file)
    arguments = [command, "run", "--hide-animation", "-o", ".", "-i", str(number), "--"]
    process = jube.launch(
        [*arguments, str(file.absolute())], home, jube.environment(platform),
        sweep.folder / f"sweep-{number}.log",
    )  # fmt: skip
    names = [sweeprun.name_of(chosen) for chosen in sweep.combinations()]
    study = Study(sweep.folder, names, platform, number, process)
    print(f"{len(names)} experiments in {sweep.folder}, benchmark {number} of JUBE")
    study.begin()
    if wait:
        study.wait()
        print(study.table(command))
    else:
        study.explain()
    return 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """Return a value as a text of YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def _word(setting: str) -> str:
    """Return a setting's name as JUBE can have it."""
    return re.sub(r"\W", "_", setting)
