"""A benchmark of JUBE: packages that are submitted together by one ``jube run``."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l2l.cluster import jube
from l2l.cluster.jube import parameter, verbatim
from l2l.evaluation import Job, Outcome
from l2l.executors.jube import chunkfiles
from l2l.executors.jube.engine import JubeEngine
from l2l.executors.jube.packages import Chunk, Package

#: The file in a package's folder that ``jube result`` makes its table of.
NUMBERS = "l2l.txt"
_WORK = "l2l.executors.jube.chunkwork"
_FOUND = {"ok": "int", "lost": "int", "lowest": "float", "highest": "float", "seconds": "float"}
_COLUMNS = ("package", "individuals", *_FOUND)


class Benchmark:
    """One call of ``jube run``.

    Args:
        engine: JUBE.
        layout: How packages are run.
        chunks: The jobs, by process.
        first: Number of the first worker of each chunk.

    Raises:
        OSError: If the folders can't be reached.
    """

    def __init__(
        self,
        engine: JubeEngine,
        layout: chunkfiles.Layout,
        chunks: Sequence[Sequence[Job]],
        first: Sequence[int],
    ) -> None:
        self.engine = engine
        self.number = engine.next_number()
        self.folder = engine.scratch / f"{self.number:06d}"
        self.folder.mkdir()
        chunkfiles.write_chunks(self.folder, engine.task, layout, chunks)
        made = [Chunk(self.folder, n, jobs, first[n]) for n, jobs in enumerate(chunks)]
        tasks = layout.tasks
        self.packages = [
            Package(n // tasks, made[n : n + tasks]) for n in range(0, len(made), tasks)
        ]
        file = self.folder / "benchmark.yaml"
        jube.write(self._study(), file)
        command = [engine.command, "run", "--hide-animation", "-o", ".", "-i", str(self.number)]
        self.process = jube.launch(
            [*command, "--", str(file)], engine.home, engine.environment, self.folder / "jube.log"
        )
        self.submitting = True

    def _study(self) -> dict[str, Any]:
        options, platform = self.engine.options, self.engine.platform
        n = len(self.packages)
        sizes = [package.individuals for package in self.packages]
        jobs = [job for p in self.packages for chunk in p.chunks for job in chunk.jobs.values()]
        own = [
            {"name": "package", "type": "int", "_": ",".join(map(str, range(n)))},
            parameter("individuals", f"{sizes}[$package]", type="int", mode="python"),
            parameter("generation", jobs[0].generation, type="int"),
            parameter("first_evaluation", min(job.id for job in jobs), type="int"),
            parameter("last_evaluation", max(job.id for job in jobs), type="int"),
        ]
        setup = options.setup_text
        if not platform.is_local:  # srun of Slurm 22.05 and later takes it from here alone
            setup = f"export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK\n{setup}".rstrip()
        command = f"{jube.python_command(_WORK)} {verbatim(jube.quoted(self.folder))} $jube_wp_id"
        return {
            "name": "l2l",
            "outpath": ".",
            **jube.step(
                platform, own, self.engine.site, command, verbatim(setup), options.packages
            ),
            **jube.table("packages", NUMBERS, _COLUMNS, _FOUND, "package"),
        }

    # -- what becomes of it -------------------------------------------------------------------

    @property
    def open(self) -> list[Package]:
        """Packages of which something is still to come."""
        return [package for package in self.packages if not package.ended]

    def look(self) -> list[Outcome]:
        """Return what has come since the last look, and take note of jobs that were submitted."""
        # Where the folder is out of reach, what JUBE has said of jobs can be read later.
        if self.submitting and self.process.poll() is not None and self.engine.home.is_dir():
            self.submitting = False
            self.find_jobs()
        return [outcome for package in self.open for outcome in package.look()]

    @property
    def jobs(self) -> list[str]:
        """Ids of the jobs that are known."""
        return [package.job for package in self.packages if package.job is not None]

    def find_jobs(self) -> None:
        """Look for the ids of jobs that have been submitted."""
        for package in self.packages if not self.engine.platform.is_local else ():
            package.job = package.job or jube.job_id(self.work(package))

    def work(self, package: Package) -> Path:
        """Return the working folder of a package."""
        return jube.package_folder(self.engine.home, self.number, package.number)

    def order(self, order: str) -> None:
        """Tell the processes of all packages what to do."""
        with contextlib.suppress(OSError):
            chunkfiles.give_orders(self.folder, order)

    def why(self, package: Package) -> str:
        """Return what a package that never began has left to read."""
        work = self.work(package)
        names = ("stderr", "job.err", "job.out", "stdout")
        said = [jube.tail(work / name) for name in names]
        return "\n".join(filter(None, said)) or jube.tail(self.folder / "jube.log")

    def finish(self) -> None:
        """Write the packages' numbers where JUBE finds them, and remove what is temporary."""
        for package in self.packages:
            work = self.work(package)
            with contextlib.suppress(OSError):
                (work / NUMBERS).write_text(package.numbers())
                if package.gone is not None:  # JUBE would wait for ever
                    (work / "error").touch()
        shutil.rmtree(self.folder, ignore_errors=True)
