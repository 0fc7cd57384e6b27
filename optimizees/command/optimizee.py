"""Command: any command line as an optimizee."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, SimulationFailed, about
from l2l.optimizee import BatchResult, Result
from l2l.optimizees.command import folder
from l2l.optimizees.command.batch import check_readers, read_batch
from l2l.optimizees.command.explained import last_line, why_failed
from l2l.optimizees.command.inputs import check_inside
from l2l.optimizees.command.placeholders import as_word, fill, used
from l2l.optimizees.command.process import run
from l2l.optimizees.command.program import Program, ProgramParameters, check_end
from l2l.optimizees.command.readers import Outputs
from l2l.options import option

#: Pipes and redirections, the end of a command, variables, wildcards, the home folder.
_SHELLS_OWN = re.compile(r"^(\|\|?|&&?|<.*|\d?>.*)$|;$|\$[A-Za-z_({]|[*`]|^~(/|$)")


class CommandParameters(ProgramParameters):
    """Parameters of :class:`Command`."""

    command: Any = option(None, "the command line: ./model --tau {tau}; or a list of its words")
    template: str | None = option(
        None, "folder whose copy the command runs in, for each individual", path=True
    )
    shell: bool = option(False, "whether /bin/sh gets the command line, with | and >")
    stdin: Any = option(None, "text for the command's input, or {file: NAME}")
    cwd: str = option(".", "folder within the working folder to start in")
    return_codes: Any = option((0,), "return codes that count as success: a list, or any")
    batch: int | None = option(
        None, "parameter sets that each start of the command takes, always so many", low=1
    )
    find_program: bool = option(True, "whether the program must be there before anything starts")

    def check(self) -> None:
        """Check all that needs no look at files."""
        super().check()
        words = self.words
        if not words or not all(words[:1]):
            raise ConfigError("command: expected a command line, as in `command: ./model {tau}`")
        codes = self.return_codes
        if codes != "any" and not (
            isinstance(codes, (list, tuple)) and codes and all(type(c) is int for c in codes)
        ):
            raise ConfigError(
                f"return_codes: expected a list such as [0, 3], or any; got {codes!r}"
            )
        if self.stdin is not None and not (
            isinstance(self.stdin, str)
            or (isinstance(self.stdin, Mapping) and set(self.stdin) == {"file"})
        ):
            raise ConfigError(f"stdin: expected a text, or {{file: NAME}}; got {self.stdin!r}")
        if isinstance(self.stdin, Mapping):
            check_inside(str(self.stdin["file"]), "stdin")
        check_inside(self.cwd, "cwd")
        if self.batch is not None:
            _, _, fitness, metrics, seen = self.parsed()
            named = {f"metrics, {name}": readers for name, readers in metrics.items()}
            check_readers({"fitness": fitness, **named, "observation": seen})

    @property
    def sets(self) -> int | None:
        """Parameter sets that one start of the command takes."""
        return self.batch

    @property
    def words(self) -> list[str]:
        """The command line as its words; one, if a shell gets it."""
        given = self.command
        if isinstance(given, (list, tuple)):
            if self.shell:
                raise ConfigError("command: a shell takes one text, not a list")
            words = [as_word(word, "command") for word in given]
            if len(words) == 1 and " " in words[0] and used(words[0]):
                raise ConfigError(
                    "command: a list has an entry for each word, as in [./model, '{tau}']; got one "
                    f"entry, {words[0]!r}. Write it as a text, not as a list"
                )
            return words
        if isinstance(given, Mapping):
            as_word(given, "command")  # says that braces need quotes
        if not isinstance(given, str):
            raise ConfigError(
                "command: expected a text such as `./model --tau {tau}`, or a list of words; "
                f"got {given!r}"
            )
        if self.shell:
            return [given.strip()]
        try:
            words = shlex.split(given)
        except ValueError as error:
            raise ConfigError(f"command: {given!r} can't be split into words: {error}") from None
        _check_no_shell(given)
        return words

    @property
    def texts(self) -> dict[str, str]:
        """All texts that may have placeholders, by where they are."""
        texts = {"command": "\n".join(self.words)}
        if isinstance(self.stdin, str):
            texts["stdin"] = self.stdin
        return {**texts, **super().texts}


def _check_no_shell(command: str) -> None:
    """Raise ConfigError if a command line has, outside of quotes, what only a shell understands."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"|\\.", "", command).split()
    if words and (assigned := re.match(r"([A-Za-z_]\w*)=", words[0])):
        raise ConfigError(
            f"command: {words[0]!r} is for a shell, and none is used. Set `environment: "
            f"{{{assigned[1]}: ...}}`"
        )
    if word := next(filter(_SHELLS_OWN.search, words), None):
        raise ConfigError(
            f"command: {word!r} is for a shell, and none is used. Set `shell: true`; or put it "
            "into quotes, if the program itself is to get it"
        )


class Command(Program):
    """Any command line: a program of any language, its input files and its results.

    For each individual the template folder is copied, input files are written, and the command runs
    in the copy. Fitness, metrics and observation are read from what it prints or writes. With
    ``batch`` one start takes so many parameter sets, and gives a fitness for each.

    Raises:
        ConfigError: If the template or the program is not there, a placeholder stands for nothing,
            or a parameter is used nowhere.
        MissingExtra: If an input is a Jinja template and Jinja is not installed.
    """

    Parameters = CommandParameters

    def __init__(self, traj: Any = None, parameters: CommandParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        self.n_inner_params = p.batch
        folder.check_template(self.template)
        names = set().union(*map(used, p.texts.values())) | self.check_inputs(self.template)
        if unused := [name for name in self.space.names if name not in names]:
            with about("parameters", unused[0]):
                raise ConfigError(
                    f"the parameter {', '.join(unused)} is used nowhere. Put {{{unused[0]}}} into "
                    "the command, or write it into a file: `inputs: {params.json: json}`"
                )
        program = "sh" if p.shell else p.words[0]
        made = [file.path for file in self.inputs]
        folder.check_cwd(self.template, p.cwd, made)
        if isinstance(p.stdin, Mapping) and p.stdin["file"] not in made:
            name = str(p.stdin["file"])
            if self.template is None or not (self.template / name).is_file():
                raise ConfigError(
                    f"stdin: there is no {name} in the template folder, nor is it one of `inputs`"
                )
        if p.find_program and not used(program):
            path = self.environment().get("PATH")
            folder.check_program(program, self.template, p.cwd, path)

    def result(self, outputs: Outputs) -> Result | BatchResult:
        """Return the result that is in the outputs, of one parameter set or of a batch."""
        sets = self.parameters.batch
        return super().result(outputs) if sets is None else read_batch(self, outputs, sets)

    @property
    def template(self) -> Path | None:
        """The template folder, or None."""
        given = self.parameters.template
        return None if given is None else Path(given).expanduser().absolute()

    def prepare(self, values: Mapping[str, Any], workdir: Path) -> None:
        """Copy the template and write the input files."""
        folder.copy(self.template, workdir)
        for file in self.inputs:
            file.write(workdir, values, self.template)
        if isinstance(self.parameters.stdin, str):
            (workdir / ".stdin").write_text(fill(self.parameters.stdin, values))

    def command_line(self, values: Mapping[str, Any]) -> list[str]:
        """Return the command line of an individual, as words."""
        p = self.parameters
        if p.shell:
            return ["/bin/sh", "-c", fill(p.words[0], values, shlex.quote)]
        return [fill(word, values) for word in p.words]

    def launch(self, values: Mapping[str, Any], workdir: Path) -> Outputs:
        """Run the command to its end."""
        p = self.parameters
        stdin = None
        if p.stdin is not None:
            stdin = workdir / (".stdin" if isinstance(p.stdin, str) else str(p.stdin["file"]))
        done = run(
            self.command_line(values),
            cwd=workdir / p.cwd,
            environment=self.environment(values),
            stdin=stdin,
            timeout=p.timeout,
        )
        given = folder.files(self.template) if self.template else []
        return Outputs(workdir, done, [".stdin", *(file.path for file in self.inputs)], given)

    def judge(self, outputs: Outputs) -> None:
        """Raise SimulationFailed if the command took too long or ended with a wrong return code."""
        p = self.parameters
        check_end(outputs.done, p.timeout)
        done = outputs.done
        if p.return_codes != "any" and done.code not in p.return_codes:
            expected = " or ".join(map(str, p.return_codes))
            last = last_line(done.stderr) or last_line(done.stdout)
            raise SimulationFailed(why_failed(done.command, done.code, last, expected))
