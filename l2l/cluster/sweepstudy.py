"""A study that is under way: its jobs, its end, its table."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.cluster import jube, slurm, sweeprun
from l2l.cluster.jubeplatform import Platform
from l2l.errors import L2LError


@dataclass
class Study:
    """A study that is under way.

    Attributes:
        folder: Of the study.
        names: Folders of its experiments, in the order of their packages.
        platform: Where they run.
        number: Of JUBE's benchmark.
        process: That submits them, or runs them where there is no batch system.
    """

    folder: Path
    names: Sequence[str]
    platform: Platform
    number: int
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        """Folder of JUBE's benchmarks."""
        return self.folder / "jube"

    @property
    def works(self) -> list[Path]:
        """The working folder of each experiment's package."""
        n = len(self.names)
        return [jube.package_folder(self.home, self.number, package) for package in range(n)]

    def begin(self) -> None:
        """See that all jobs are submitted."""
        if self.platform.is_local:
            return
        self.process.wait()
        self.jobs = [job for work in self.works if (job := jube.job_id(work)) is not None]
        if missing := [work for work in self.works if jube.job_id(work) is None]:
            log = self.folder / f"sweep-{self.number}.log"
            said = jube.tail(missing[0] / "stderr") or jube.tail(log)
            others = f" (the others are jobs {', '.join(self.jobs)})" if self.jobs else ""
            raise L2LError(
                f"{len(missing)} of {len(self.works)} experiments were not submitted{others}. "
                "Mend the sweep's `job` section and give the same command again. The first one "
                f"says:\n{said}"
            )
        print(f"jobs: {', '.join(self.jobs)}")

    def explain(self) -> None:
        """Say how to look at the study."""
        print(f"the table, as far as it is:  jube result -a {self.home} --id {self.number}")
        print(f"one experiment:              l2l status {sweeprun.name_in(self.folder)}")
        print("again, going on where experiments were cut off: the same command")

    def wait(self) -> None:
        """Wait until all experiments have ended."""
        if self.platform.is_local:
            self.process.wait()
            return
        queue, left = slurm.Queue(), list(self.jobs)
        while left:
            time.sleep(1.0)  # the queue asks much more seldom
            states = queue.states(left)
            left = [job for job in left if job in states]

    def table(self, command: str) -> str:
        """Return JUBE's table; those that were cut off are told of too."""
        for work, name in zip(self.works, self.names, strict=True):
            run = self.folder / name
            if not (work / sweeprun.NUMBERS).exists() and work.is_dir():
                sweeprun.write_numbers(run, work / sweeprun.NUMBERS)
        environment, where = jube.environment(self.platform), [".", "--id", str(self.number)]
        for words in ([command, "continue", "--hide-animation"], [command, "result", "-a"]):
            if words[1] == "continue" and self.platform.is_local:
                continue
            done = subprocess.run(
                [*words, *where], cwd=self.home, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True, text=True,
            )  # fmt: skip
        return done.stdout.strip() or done.stderr.strip()
