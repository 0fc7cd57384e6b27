"""Try one individual: ``python -m l2l.optimizees.command CONFIG.yaml [--set tau=3]``."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2l import config, registry
from l2l.classic.tools import DummyTrajectory
from l2l.config.document import parse_value
from l2l.errors import ConfigError, L2LError, SimulationFailed, about, nearest
from l2l.optimizee import Individual
from l2l.optimizees.command import folder
from l2l.optimizees.command.placeholders import as_text, repeated
from l2l.optimizees.command.program import Program
from l2l.optimizees.command.readers import Outputs
from l2l.space import Parameter

_LINES = 12  #: of a file or an output that are shown
_EPILOG = """\
examples:
  python -m l2l.optimizees.command config.yaml
  python -m l2l.optimizees.command config.yaml --set tau=3 --set n=2 --folder try
  python -m l2l.optimizees.command results/fit --folder best     # the best of a run, once more
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one individual and show its files, its command and what was read; return the code."""
    parser = argparse.ArgumentParser(
        prog="python -m l2l.optimizees.command",
        description="Run one individual and show all that happens; or the best one of a run again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "config", metavar="CONFIG", help="the configuration, or the folder of a run"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="value of a parameter; the middle of its range without",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="the individual's seed")
    parser.add_argument("--folder", metavar="DIR", help="working folder, which is kept then")
    options = parser.parse_args(arguments)
    workdir = None
    try:
        optimizee, individual = _chosen(Path(options.config))
        _set(optimizee, individual, options.set)
        if options.seed is not None:
            individual.seed = options.seed
        if optimizee.n_inner_params is not None:
            individual.params = repeated(individual.params, optimizee.n_inner_params)
        workdir = _workdir(options.folder)
        _try(optimizee, individual, workdir)
    except L2LError as error:
        print(f"{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; the program has been killed", file=sys.stderr)
        return 130
    finally:
        if workdir is not None and options.folder is None:
            shutil.rmtree(workdir, ignore_errors=True)
    return 0


def _chosen(path: Path) -> tuple[Program, Individual]:
    """Return the optimizee of a configuration and its middle, or of a run and its best."""
    best = None
    if path.is_dir():
        from l2l.trajectory import Trajectory

        best = Trajectory(path).best
        path = path / "run.yaml"
    spec = dict(config.load(path)["optimizee"])
    cls = registry.load("optimizees", spec.pop("name"))
    if not issubclass(cls, Program):
        raise ConfigError(f"expected the optimizee command or netlogo, got {cls.__name__}")
    with config.located(path), about("optimizee"):
        optimizee = registry.construct(cls, spec, DummyTrajectory())
    space = optimizee.space
    if best is None:
        return optimizee, Individual(space.decode(np.full((1, space.size), 0.5))[0])
    print(f"the best of the run: evaluation {best.id}, fitness {best.fitness.tolist()}")
    return optimizee, Individual(
        best.individual, generation=best.generation, ind_idx=best.index, seed=best.seed
    )


def _set(optimizee: Any, individual: Individual, changes: Sequence[str]) -> None:
    for change in changes:
        name, equals, text = change.partition("=")
        names = optimizee.space.names
        if not equals or name not in names:
            hint = nearest(name, names) if equals else "expected NAME=VALUE"
            raise ConfigError(f"--set {change}: {hint}")
        value = parse_value(text, f"--set {change}")
        parameter = optimizee.space.parameters[names.index(name)]
        try:
            individual.params[name] = parameter.unflatten(parameter.flatten(value))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"--set {change}: {error}") from None


def _workdir(given: str | None) -> Path:
    if given is None:
        return Path(tempfile.mkdtemp(prefix="l2l-"))
    path = Path(given).absolute()
    if path.exists() and any(path.iterdir()):
        raise ConfigError(f"--folder: {path} is not empty")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _try(optimizee: Program, individual: Individual, workdir: Path) -> None:
    print("parameters:")
    for p in optimizee.space.parameters:
        print(f"  {p.name} = {_short(as_text(individual[p.name]))}  ({_range(p)})")
    values = optimizee.values(individual, workdir)
    print(f"  seed = {values['seed']}")
    print(f"working folder: {workdir}")
    optimizee.prepare(values, workdir)
    made = [file.path for file in optimizee.inputs]
    for name in folder.files(workdir):
        print(f"  {name}" + (" (written)" if name in made else ""))
    for name in made:
        print(f"{name}:\n{_head((workdir / name).read_text())}")
    sys.stdout.flush()
    outputs = optimizee.launch(values, workdir)
    done = outputs.done
    print(f"command: {_short(shlex.join(done.command), 400)}")
    print(f"took {done.seconds:.2f} s, return code {done.code}")
    _show(outputs)
    sys.stdout.flush()
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # the output has just been shown
            result = optimizee.read(outputs)
    except SimulationFailed as error:
        raise SimulationFailed(f"failed: {error}") from None
    print(f"fitness: {result.fitness}")
    for name, number in result.metrics.items():
        print(f"metric {name}: {number}")
    if result.observation is not None:
        print(f"observation: {_short(str(np.asarray(result.observation).tolist()))}")
    if not np.isfinite(result.fitness).all():
        raise SimulationFailed("failed: fitness must be finite; such an evaluation is `invalid`")


def _show(outputs: Outputs) -> None:
    for name, text in (("stdout", outputs.done.stdout), ("stderr", outputs.done.stderr)):
        lines = text.rstrip().splitlines()
        if lines:
            print(f"{name}:" + (f" (the last {_LINES} lines)" if len(lines) > _LINES else ""))
            print("\n".join(f"  {line}" for line in lines[-_LINES:]))
    new = folder.written(outputs.folder, outputs.done.started)
    new = [name for name in new if name not in outputs.inputs]
    print(f"files it wrote: {folder.listing(new)}")


def _range(p: Parameter) -> str:
    """Return what a parameter may be: whole numbers are easily declared by mistake."""
    if p.kind == "categorical":
        return f"one of {', '.join(map(as_text, p.choices))}"
    kind = "whole numbers, " if p.kind == "int" else "log scale, " if p.scale == "log" else ""
    return _short(f"{kind}{p.low} to {p.high}{f' {p.unit}' if p.unit else ''}")


def _head(text: str) -> str:
    lines = [f"  {_short(line)}" for line in text.rstrip().splitlines()]
    return "\n".join(lines[:_LINES] + (["  ..."] if len(lines) > _LINES else []))


def _short(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


if __name__ == "__main__":
    raise SystemExit(main())
