"""The errors that l2l raises, and the exit code that each gives a command."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
from collections.abc import Iterable, Iterator


class L2LError(Exception):
    """Base of all errors of l2l. Its text says what was expected, what came and what to do."""

    exit_code = 1


class ConfigError(L2LError, ValueError):
    """A configuration, a parameter or an argument is wrong; nothing has been started.

    Attributes:
        at: Keys on the way to what is wrong, as far as they are known (:func:`about`).
    """

    exit_code = 2
    at: tuple[str, ...] = ()


@contextlib.contextmanager
def about(*keys: str) -> Iterator[None]:
    """Note in a ConfigError that comes from within what it is about; a file's line follows."""
    try:
        yield
    except ConfigError as error:
        error.at = (*keys, *error.at)
        raise


class StoreError(L2LError):
    """A run folder can't be created, read or written."""


class RunExists(StoreError):
    """The run folder exists already, and neither resuming nor overwriting was asked for."""

    exit_code = 2


class RunLocked(StoreError):
    """Another process is writing to the run folder."""

    exit_code = 4


class RunChanged(StoreError):
    """Script or optimizee differ from the ones that began the run."""

    exit_code = 2


class NothingWorked(L2LError):
    """No evaluation of the first generation ended ok; carries the first failure's report."""

    exit_code = 3


class SimulationFailed(L2LError):
    """An evaluation failed, and the text says why: its record gets no traceback.

    For optimizees that run other programs, where the Python code is not what went wrong.
    """


class Interrupted(L2LError, SystemExit):
    """A signal asked the run to stop: its state is written, and the run can be resumed.

    Left uncaught it ends the process with exit code 75 (EX_TEMPFAIL: try again).
    """

    exit_code = 75

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = self.exit_code


class MissingExtra(L2LError, ImportError):
    """An optional package is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package {package!r} is needed here and is not installed. "
            f"Install it with: pip install 'l2l[{extra}]'"
        )


def need(module: str, package: str, extra: str) -> None:
    """Raise MissingExtra if a module is not installed, without importing it."""
    if importlib.util.find_spec(module) is None:
        raise MissingExtra(package, extra)


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint that names the valid name nearest to ``word``, or lists them all."""
    names = sorted(names)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid names: {', '.join(names)}" if names else "no name is valid here"
