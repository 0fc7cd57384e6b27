"""Who takes part in the benchmarks of optimizers, and how their runs are done and remembered.

Every participant is a process of its own (``peers/solve_*.py``), which does the tasks that it is
sent. A result is kept in a file of JSON lines, under the task and a fingerprint of the code that
ran it, so that an interrupted benchmark goes on, and only what has changed is run again.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import plain_environment
from overhead import ENVIRONMENTS, HERE, Peer

from l2l import registry

ROOT = HERE.parent
TIME_LIMIT = 1200  # of one task, in s
Task = dict[str, Any]
Found = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One participant.

    Attributes:
        name: As tables show it.
        script: File in ``peers/``.
        algorithm: What the script is asked for.
        options: Further options of that.
        packages: What pip installs into its own environment; empty: it runs in this one.
        distribution: Package whose version tables name; empty: it is ours.
        dimensions: Those in which it takes part.
        noise: Whether it takes part where there is noise.
        integers: Whether it takes part where there are integers.
    """

    name: str
    script: str
    algorithm: str
    options: dict[str, Any] = field(default_factory=dict, hash=False)
    packages: tuple[str, ...] = ()
    distribution: str = ""
    dimensions: tuple[int, ...] = (2, 10, 40)
    noise: bool = True
    integers: bool = False

    @property
    def ours(self) -> bool:
        return not self.distribution

    @property
    def peer(self) -> Peer:
        """Its environment and its command."""
        options = (self.algorithm, json.dumps(self.options))
        return Peer(self.name, self.script, self.packages, options=options)

    def version(self) -> str:
        """Return the version of a peer, or why it is not there."""
        if not self.peer.installed():
            raise RuntimeError("not installed: benchmarks/optimizers.py --install-peers")
        path = sys.path
        if self.packages:
            path = [str(p) for p in self.peer.environment.glob("lib/python*/site-packages")]
        for distribution in importlib.metadata.distributions(name=self.distribution, path=path):
            return distribution.version
        raise RuntimeError(f"{self.distribution} is not installed: pip install {self.distribution}")

    def fingerprint(self) -> str:
        """Return a hash of the code that its results depend on."""
        parts = [self.algorithm, json.dumps(self.options, sort_keys=True)]
        parts += [_code(HERE / "peers" / f) for f in (self.script, "solving.py", "problems.py")]
        if self.ours:
            parts += [_code(ROOT / "l2l" / f"{f}.py") for f in ("optimizer", "evaluation", "space")]
            module = registry.reference("optimizers", self.algorithm).partition(":")[0]
            files = sorted(_sources(module.removeprefix("l2l.optimizers.")))
            parts += [_code(path) for path in files]
        else:
            parts.append(self.version())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _code(path: Path) -> str:
    """Return the code of a file, without comments and layout."""
    return ast.dump(ast.parse(path.read_text()))


def _sources(name: str, known: set[Path] | None = None) -> set[Path]:
    """Return the files of a module below ``optimizers/`` and of what it imports from there."""
    known = set() if known is None else known
    path = ROOT / "optimizers" / f"{name.replace('.', '/')}.py"
    if path in known or not path.exists():
        return known
    known.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("l2l.optimizers."):
            module = (node.module or "").removeprefix("l2l.optimizers.")
            for part in (module, *(f"{module}.{alias.name}" for alias in node.names)):
                _sources(part, known)
    return known


#: Without a place in the contest: they need observations, or know their end from the start.
LEFT_OUT = ("ensemble_kalman_filter", "grid_search", "latin_hypercube")
#: Those that take part in 40 dimensions too, where a run is long.
WIDE = ("cma_es", "cross_entropy", "evolution_strategies", "natural_evolution_strategies", "xnes")
EVOSAX = ("evosax", "coco-experiment")
PEERS = (
    Entry("pycma IPOP", "solve_cma.py", "cma", distribution="cma", integers=True),
    Entry(
        "cmaes IPOP",
        "solve_cmaes.py",
        "cma",
        packages=("cmaes", "numpy<2.4", "scipy", "coco-experiment"),
        distribution="cmaes",
        dimensions=(2, 10),
    ),
    Entry("DEAP eaSimple", "solve_deap.py", "eaSimple", distribution="deap", dimensions=(2, 10)),
    Entry(
        "pymoo GA",
        "solve_pymoo.py",
        "GA",
        packages=("pymoo", "coco-experiment"),
        distribution="pymoo",
        dimensions=(10,),
    ),
    *(
        Entry(
            f"evosax {algorithm}",
            "solve_evosax.py",
            algorithm,
            {"x64": True},
            packages=EVOSAX,
            distribution="evosax",
            dimensions=(10,),
        )
        for algorithm in ("SNES", "Open_ES", "xNES")
    ),
)


def ours(left_out: Sequence[str] = LEFT_OUT) -> list[Entry]:
    """Return the registered optimizers of l2l that take part."""
    return [
        Entry(
            name,
            "solve_l2l.py",
            name,
            integers=True,
            dimensions=(2, 10, 40) if name in WIDE else (2, 10),
        )
        for name in registry.names("optimizers")
        if registry.package_of(registry.entry_points("optimizers")[name]) == "l2l"
        and name not in left_out
    ]


def install_peers(entries: Iterable[Entry]) -> None:
    """Make the environments of the peers that need one of their own."""
    for peer in {e.packages: e.peer for e in entries if e.packages}.values():
        if not peer.installed():
            print(f"installing {peer.name}: {' '.join(peer.packages)}", flush=True)
            ENVIRONMENTS.mkdir(exist_ok=True)
            peer.install()


class Contest:
    """Runs tasks, and remembers what came of them.

    Attributes:
        failed: Why a participant has no results, by its name.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        """Use the results in the file ``path``; none of them if ``fresh``."""
        self.path = path
        self.failed: dict[str, str] = {}
        self._known: dict[str, Found] = {}
        self._lock = threading.Lock()
        self._prints: dict[str, str] = {}
        if path.exists() and not fresh:
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):  # the last line of one that was killed
                    kept = json.loads(line)
                    self._known[kept["key"]] = kept["found"]

    def found(self, entry: Entry, task: Task) -> Found | None:
        """Return what came of a task, or None."""
        return self._known.get(self._key(entry, task))

    def run(self, work: Sequence[tuple[Entry, list[Task]]], workers: int) -> None:
        """Do what is not known yet; the tasks of one item are one process."""
        todo = []
        for entry, tasks in work:
            try:
                self._prints.setdefault(entry.name, entry.fingerprint())
                if not entry.ours:
                    entry.version()
            except (RuntimeError, OSError) as error:
                self.failed[entry.name] = str(error)
                continue
            rest = [task for task in tasks if self.found(entry, task) is None]
            todo += [(entry, rest)] if rest else []
        with ThreadPoolExecutor(workers) as pool:
            for number, told in enumerate(pool.map(lambda item: self._do(*item), todo), 1):
                print(f"{number} of {len(todo)}: {told}", file=sys.stderr, flush=True)

    def _key(self, entry: Entry, task: Task) -> str:
        fingerprint = self._prints.get(entry.name, "")
        return json.dumps([entry.name, fingerprint, task], sort_keys=True)

    def _do(self, entry: Entry, tasks: list[Task]) -> str:
        """Do tasks in one process; return a line that says so."""
        began = time.perf_counter()
        try:
            for task, found in zip(tasks, answers(entry.peer, tasks), strict=True):
                if "error" in found:
                    raise RuntimeError(found["error"])
                self._keep(self._key(entry, task), found)
        except RuntimeError as error:
            self.failed[entry.name] = str(error)[:100]
        first, seconds = tasks[0], time.perf_counter() - began
        where = f"{first['suite']} D{first['dimension']}"
        return f"{entry.name}, {where}, {len(tasks)} tasks, {seconds:.0f} s"

    def _keep(self, key: str, found: Found) -> None:
        with self._lock:
            self._known[key] = found
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "found": found}) + "\n")


def answers(peer: Peer, tasks: list[Task]) -> Iterator[Found]:
    """Yield what a participant's process answers to each of the tasks.

    Raises:
        RuntimeError: If it ends; carries the last line of what it printed.
    """
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [*peer.command(), *peer.options],
            env=plain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        for task in tasks:
            timer = threading.Timer(TIME_LIMIT, process.kill)
            timer.start()
            line = _answer(process, task)
            timer.cancel()
            if not line:
                process.wait()
                errors.seek(0)
                raise RuntimeError((errors.read().strip().splitlines() or ["it was killed"])[-1])
            yield json.loads(line)


def _answer(process: subprocess.Popen[str], task: Task) -> str:
    """Return the line that a process answers with; an empty one if it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        return process.stdout.readline()
    return ""
