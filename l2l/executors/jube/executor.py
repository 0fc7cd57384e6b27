"""JUBE: a generation becomes a few workpackages, each a batch job of the site."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Sequence

from l2l.errors import L2LError
from l2l.evaluation import Job, Outcome
from l2l.executors.base import Executor, ExecutorOptions, Task, available_cores
from l2l.executors.calls import make_calls
from l2l.executors.jube import chunkfiles
from l2l.executors.jube.benchmark import Benchmark
from l2l.executors.jube.engine import JubeEngine
from l2l.executors.jube.options import JubeOptions
from l2l.executors.jube.packages import Package
from l2l.executors.signals import uninterrupted

_LOOKS = (0.02, 0.5)  # results are looked for as often, the seldomer the longer none came, in s
_SETTLE = 2.0  # time that results take at most to be seen on another node, in s
_PATIENCE = 60.0  # longest time for which the run's folder may be out of reach, in s
_ANSWER = 5.0  # time that packages get to say what they have not begun, in s
_FAREWELL = 3.0  # time that a submission gets at the end, so that its jobs are known, in s


class JubeExecutor(Executor):
    """Evaluates jobs in workpackages of JUBE; see ``docs/jube.md``.

    There are no threads here: packages are started, read and judged while :meth:`collect` waits.
    """

    Options = JubeOptions

    def __init__(self, options: ExecutorOptions | None = None) -> None:
        super().__init__(options)
        self._engine: JubeEngine | None = None
        self._pending: deque[list[Job]] = deque()
        self._benchmarks: list[Benchmark] = []
        self._landed: list[Outcome] = []
        self._news = self._next_try = 0.0
        self._out_of_reach_since: float | None = None
        self._accepted = False  # whether the batch system has ever accepted a job
        self._each: int | None = None  # workers that a process was found to have
        self._stillborn = 0  # packages that ended before any had begun

    @property
    def engine(self) -> JubeEngine:
        """JUBE. Raises RuntimeError before :meth:`start` and after :meth:`close`."""
        if self._engine is None:
            raise RuntimeError("expected start(task) before jobs are submitted and collected")
        return self._engine

    @property
    def workers(self) -> int:
        """Number of evaluations that run at the same time when all packages run."""
        options: JubeOptions = self.options
        each = options.workers_per_job or self._each
        if each is None:
            cpus = options.cpus_per_task or 1
            if options.platform in ("none", "local"):
                cpus = max(1, available_cores() // (options.packages * options.tasks))
            each = max(1, cpus // options.threads)
        return options.packages * options.tasks * each

    def start(self, task: Task) -> None:
        """Get ready to run jobs of ``task``; end jobs that a killed outer loop has left.

        Raises:
            ConfigError: If ``jube``, the platform or something that it needs isn't there.
        """
        self.close()
        self._task = self.with_scratch(task)
        self._engine = JubeEngine(self._task, self.options)

    def close(self) -> None:
        """End all packages at once; may be called twice."""
        with uninterrupted():
            if self._engine is not None:
                self._end_packages(self._engine)
                self._engine = None
            self._pending.clear()
            self._landed.clear()
            self._benchmarks.clear()
            self.remove_scratch()

    def _end_packages(self, engine: JubeEngine) -> None:
        """End what runs and cancel what waits, with all processes that were started here."""
        end = time.monotonic() + _FAREWELL
        for benchmark in self._benchmarks:
            benchmark.order(chunkfiles.END)
        jobs = []
        for benchmark in self._benchmarks:
            at_once = engine.platform.is_local and bool(benchmark.open)
            engine.end(benchmark.process, 0.0 if at_once else end - time.monotonic())
            benchmark.find_jobs()
            jobs += [package.job for package in benchmark.open if package.job is not None]
            benchmark.finish()
        engine.cancel(jobs)
        engine.close(end - time.monotonic())

    # -- jobs ---------------------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs; returns at once."""
        with uninterrupted():
            self._pending.extend(make_calls(self._task, jobs, self.workers))
            self._dispatch()

    def collect(self, timeout: float | None = None) -> list[Outcome]:
        """Return what has landed; wait for at least one outcome, at most ``timeout`` s.

        Returns an empty list at once where no job is waiting or running.

        Raises:
            L2LError: If packages can't be submitted or can't do their work; says why.
        """
        _ = self.engine  # there must be one
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self._landed and (self._pending or self._open):
            with uninterrupted():
                self._look()
            now = time.monotonic()
            if self._landed:
                self._news = now
            if self._landed or now >= end:
                break
            pause = min(max(_LOOKS[0], 0.05 * (now - self._news)), _LOOKS[1])
            time.sleep(min(pause, end - now))
        landed, self._landed = self._landed, []
        return landed

    def drain(self) -> list[Job]:
        """Forget the jobs that have not begun, and return them; those that run go on.

        Packages that wait in the queue are cancelled; those that run get some seconds to say what
        they have not begun.
        """
        with uninterrupted():
            jobs = [job for call in self._pending for job in call]
            self._pending.clear()
            chunks = [chunk for _, package in self._open for chunk in package.chunks if chunk.jobs]
            for benchmark in self._benchmarks:
                benchmark.order(chunkfiles.STOP)
            end = time.monotonic() + _ANSWER
            self._look()
            while time.monotonic() < end and (
                self._submitting or any(c.begun and c.jobs and not c.answered for c in chunks)
            ):
                time.sleep(0.02)
                self._look()
            waiting = [package.job for _, package in self._open if not package.begun]
            self.engine.cancel(job for job in waiting if job is not None)
            for chunk in chunks:
                jobs += chunk.given_back if chunk.begun else chunk.forget()
                chunk.given_back = []
            self._bury()
        return sorted(jobs, key=lambda job: job.id)

    def ages(self) -> list[float]:
        """Return for how long evaluations have been running, as far as packages have said, in s."""
        return [age for _, package in self._open for c in package.chunks for age in c.ages()]

    @property
    def _open(self) -> list[tuple[Benchmark, Package]]:
        """Packages of which something is still to come."""
        return [(b, package) for b in self._benchmarks for package in b.open]

    # -- what goes out ------------------------------------------------------------------------

    @property
    def _submitting(self) -> bool:
        """Whether a submission is under way that must end before the next one."""
        return not self.engine.platform.is_local and any(b.submitting for b in self._benchmarks)

    def _dispatch(self) -> None:
        """Make packages of all pending jobs, as many as there is room for."""
        options: JubeOptions = self.options
        free = options.packages - len(self._open)
        if not self._pending or free < 1 or self._submitting or time.monotonic() < self._next_try:
            return
        local, each = self.engine.platform.is_local, options.workers_per_job
        known = self.workers // (options.packages * options.tasks)
        layout = chunkfiles.Layout(options.tasks, known if local else each, not local)
        shares = _shares(self._pending, free * options.tasks)
        try:
            first = [known * place for place in range(len(shares))]
            self._benchmarks.append(Benchmark(self.engine, layout, shares, first))
        except OSError as error:
            self._wait_for_folder(error)
        else:
            self._news = time.monotonic()
            self._out_of_reach_since = None
            self._pending.clear()

    def _wait_for_folder(self, error: OSError) -> None:
        """Try again in a moment; raise if the folder has been out of reach for too long."""
        now = time.monotonic()
        since = self._out_of_reach_since = self._out_of_reach_since or now
        if now - since > _PATIENCE:
            raise L2LError(f"workpackages can't be written: {error}") from error
        self._next_try = now + 0.5

    # -- what comes back ----------------------------------------------------------------------

    def _look(self) -> None:
        """Read results, find packages that are gone, submit what waits."""
        for benchmark in self._benchmarks:
            self._landed += benchmark.look()
            self._accepted = self._accepted or bool(benchmark.jobs)
            begun = (chunk.workers for p in benchmark.packages for chunk in p.chunks if chunk.begun)
            self._each = self._each or next(begun, None)
        self._find_gone()
        for benchmark, package in self._open:
            if package.gone is not None and time.monotonic() >= package.gone + _SETTLE:
                self._judge(benchmark, package)
        self._bury()
        self._dispatch()
        self.engine.tidy()

    def _find_gone(self) -> None:
        """Take note of packages whose process or job has ended."""
        now = time.monotonic()
        waited_for = [(b, p) for b, p in self._open if p.gone is None and not b.submitting]
        gone = self.engine.gone([p.job for _, p in waited_for if p.job is not None])
        for _, package in waited_for:
            if package.job is None:  # run to its end here, or not submitted
                package.gone = now - _SETTLE
            elif package.job in gone:
                package.gone = now

    def _judge(self, benchmark: Benchmark, package: Package) -> None:
        """Say what became of a package that has ended, perhaps with something missing."""
        self._landed += package.look()  # what it said last
        if package.ended:
            package.gone = None
            return
        what = f"workpackage {package.number} ended before it was done"
        if package.job is not None:
            what = f"job {package.job} of {what}: cancelled, out of time, or its node has gone"
        elif not self.engine.platform.is_local:
            what = f"workpackage {package.number} was not accepted by the batch system"
        if self._never_works(package):
            said = benchmark.why(package)
            raise L2LError(f"workpackages can't do their work: {what}. It says:\n{said}")
        self._landed += package.lose(f"{what} (jube/{benchmark.number:06d})")

    def _never_works(self, package: Package) -> bool:
        """Whether packages end before they begin, so that it is no use to submit more of them.

        A single job may have been cancelled while it was starting: another round of them tells.
        """
        if package.job is None and not self.engine.platform.is_local:
            return not self._accepted
        if self._each is not None:
            return False
        self._stillborn += 1
        return self.engine.platform.is_local or self._stillborn > self.options.packages

    def _bury(self) -> None:
        """Let go of benchmarks of which nothing more is to come."""
        for benchmark in [b for b in self._benchmarks if not b.open and not b.submitting]:
            benchmark.finish()
            self._benchmarks.remove(benchmark)
            self.engine.note_end(benchmark.number)


def _shares(calls: Sequence[list[Job]], most: int) -> list[list[Job]]:
    """Return the jobs of calls in at most so many shares, which are about equal."""
    n = min(most, len(calls))
    cuts = [round(place * len(calls) / n) for place in range(n + 1)]
    every = list(calls)
    return [[job for call in every[a:b] for job in call] for a, b in itertools.pairwise(cuts)]
