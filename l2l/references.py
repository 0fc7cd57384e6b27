"""References: a class named by where it is: ``package.module:Class`` or ``path/file.py:Class``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from l2l.errors import ConfigError, L2LError, nearest

#: Names of modules that were loaded from a file begin with this.
PREFIX = "l2l_file_"


def absolute(reference: str, base: Path | None = None) -> str:
    """Return a reference whose path, if it has one, is absolute.

    Args:
        reference: ``package.module:Class`` or ``path/to/file.py:Class``.
        base: Folder that a relative path starts from; the current one if None.
    """
    place, _, attribute = reference.rpartition(":")
    if not place.endswith(".py"):
        return reference
    return f"{((base or Path.cwd()) / Path(place).expanduser()).resolve()}:{attribute}"


def load_reference(reference: str) -> Any:
    """Return what ``package.module:Class`` or ``path/to/file.py:Class`` stands for.

    Raises:
        ConfigError: If it does not exist or can't be imported.
    """
    place, _, attribute = reference.rpartition(":")
    if not place or not attribute:
        raise ConfigError(
            f"expected package.module:Class or path/to/file.py:Class, got {reference!r}"
        )
    try:
        module = load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except L2LError:
        raise
    except Exception as error:
        raise ConfigError(f"{place} can't be imported: {told(error)}") from error
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            own = [n for n, v in vars(module).items() if inspect.isclass(v) and n[0] != "_"]
            raise ConfigError(f"{place} has no {attribute!r}; {nearest(attribute, own)}")
        found = getattr(found, part)
    return found


def load_file(path: Path) -> ModuleType:
    """Import a Python file under a name that depends on its absolute path alone.

    The same file has the same module name in every process, so that a pickle of what it defines
    fits there too. Its folder is appended to ``sys.path``, so that it can import its neighbours.
    """
    path = path.expanduser().resolve()
    name = f"{PREFIX}{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise ConfigError(f"there is no file {path}; {_beside(path)}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f"nor is there a folder {path.parent}"
    beside = [p.name for p in path.parent.glob("*.py")]
    return nearest(path.name, beside) if beside else "nor any other Python file in its folder"


def anywhere(name: str) -> bool:
    """Whether a name stands for the same class in every process, whatever its ``sys.path``.

    Registered names and files do; a module may be one that only a script finds beside itself.
    """
    return ":" not in name or name.rpartition(":")[0].endswith(".py")


def reference_of(cls: type) -> str | None:
    """Return the reference by which another process can load a class; None if there is none.

    A class of a script (``__main__``), of a prompt or inside a function has none.
    """
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        return None
    if cls.__module__.startswith(PREFIX):
        return f"{module.__file__}:{cls.__qualname__}"
    return f"{cls.__module__}:{cls.__qualname__}"


def told(error: BaseException) -> str:
    """Return an error as one text: our own as they are, others with their kind."""
    return str(error) if isinstance(error, L2LError) else f"{type(error).__name__}: {error}"
