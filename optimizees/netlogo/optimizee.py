"""NetLogo: a NetLogo model, run headless by BehaviorSpace."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l.errors import ConfigError, SimulationFailed
from l2l.optimizees.command import folder
from l2l.optimizees.command.explained import last_line
from l2l.optimizees.command.placeholders import MAX_SEED, as_text
from l2l.optimizees.command.process import run
from l2l.optimizees.command.program import Program, check_end
from l2l.optimizees.command.readers import Outputs
from l2l.optimizees.netlogo.experiment import NAME, Experiment
from l2l.optimizees.netlogo.installation import home_of, java_home, launcher
from l2l.optimizees.netlogo.parameters import NetLogoParameters
from l2l.optimizees.netlogo.table import FILE

SETUP_FILE = "experiment.xml"  #: name of the experiment that is written


class NetLogo(Program):
    """A NetLogo model, run headless by BehaviorSpace; parameters are globals of its interface.

    For each individual the model is copied, and an experiment written that sets its sliders,
    switches and choosers to the parameters and measures the reporters; or an experiment of the
    model's own runs, with the parameters in a file that it reads. Use case 3 of Yegenoglu et al.
    2022, Front. Comput. Neurosci. 16:885207, does the latter.

    Raises:
        ConfigError: If NetLogo, Java or the model are not there.
    """

    Parameters = NetLogoParameters

    def __init__(self, traj: Any = None, parameters: NetLogoParameters | None = None) -> None:
        super().__init__(traj, parameters)
        p = self.parameters
        self.model = Path(p.model).expanduser().absolute()
        if not self.model.is_file():
            raise ConfigError(f"model: there is no file {self.model}")
        environment = self.environment()
        home = home_of(p.netlogo_home, environment)
        self.launcher = launcher(home)
        self.java_home = java_home(home, environment)
        names = self.check_inputs(self.model.parent)
        unused = [name for name in self.space.names if name not in names]
        if unused and p.experiment is not None:
            raise ConfigError(
                f"the parameter {', '.join(unused)} reaches the model nowhere: its experiment "
                f"{p.experiment!r} has values of its own. Write it into a file that the model "
                "reads (`inputs:`), or leave `experiment` out"
            )

    @property
    def template(self) -> Path | None:
        """The folder of the model, if all of it is copied."""
        return self.model.parent if self.parameters.whole_folder else None

    def simulate(self, traj: Any) -> Any:
        """Run the model with one individual; try again, a few times, where no result came."""
        workdir, tries = traj.individual.workdir, 1
        while True:
            try:
                return super().simulate(traj)
            except SimulationFailed as error:
                if tries > self.parameters.retries:
                    times = f" (tried {tries} times)" if tries > 1 else ""
                    raise SimulationFailed(f"{error}{times}") from None
            tries += 1
            shutil.rmtree(workdir, ignore_errors=True)
            workdir.mkdir(parents=True)

    def prepare(self, values: Mapping[str, Any], workdir: Path) -> None:
        """Copy the model, and write the experiment and the input files."""
        folder.copy(self.template, workdir)
        shutil.copy2(self.model, workdir / self.model.name)
        for file in self.inputs:
            file.write(workdir, values, self.model.parent)
        p = self.parameters
        if p.experiment is None:
            experiment = Experiment(
                {**(p.constants or {}), **{name: values[name] for name in self.space.names}},
                list(p.reporters.values()),
                p.setup, p.go, p.steps, p.stop_when, p.repetitions, p.over == "mean",
                1 + values["seed"] % (MAX_SEED - p.repetitions),
            )  # fmt: skip
            version = p.version or (7 if "nlogox" in self.model.suffix else 6)
            (workdir / SETUP_FILE).write_text(experiment.xml(version))

    def command_line(self, workdir: Path) -> list[str]:
        """Return the command line; the launcher may change folder, so all paths are absolute."""
        p = self.parameters
        words = [*self.launcher, "--model", str(workdir / self.model.name)]
        if p.experiment is None:
            words += ["--setup-file", str(workdir / SETUP_FILE), "--experiment", NAME]
        else:
            words += ["--experiment", p.experiment]
        if p.reporters:
            words += ["--table", str(workdir / FILE)]
        return [*words, "--threads", str(p.threads), *map(as_text, p.arguments or ())]

    def launch(self, values: Mapping[str, Any], workdir: Path) -> Outputs:
        """Run NetLogo to its end."""
        environment = self.environment(values)
        if self.java_home is not None:
            environment["JAVA_HOME"] = self.java_home
        done = run(
            self.command_line(workdir),
            cwd=workdir,
            environment=environment,
            timeout=self.parameters.timeout,
        )
        given = folder.files(self.template) if self.template else []
        made = [SETUP_FILE, self.model.name, *(file.path for file in self.inputs)]
        return Outputs(workdir, done, made, given)

    def judge(self, outputs: Outputs) -> None:
        """Raise SimulationFailed if NetLogo took too long.

        Its return code is not looked at: it is 0 after errors in the arguments and in the model.
        """
        check_end(outputs.done, self.parameters.timeout)

    def read_all(self, what: str, readers: tuple[Any, ...], outputs: Outputs) -> list[float]:
        """Return the numbers of all readers, one after the other."""
        try:
            return super().read_all(what, readers, outputs)
        except SimulationFailed as error:
            lines = [line for line in outputs.done.stderr.splitlines() if line.strip()]
            said = lines[0].strip()[:200] if lines else last_line(outputs.done.stdout)
            raise SimulationFailed(f"{error}. NetLogo said: {said or 'nothing'}") from None
