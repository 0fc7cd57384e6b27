"""Old import paths: one lazy finder, one table."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

#: Old module -> new module.
MOVED = {
    "l2l.paths": "l2l.classic.paths",
    "l2l.logging_tools": "l2l.classic.logging_tools",
    "l2l.optimizers.crossentropy.distribution": "l2l.optimizers.distributions",
    "l2l.optimizers.optimizer": "l2l.classic.optimizer",
    "l2l.utils": "l2l.classic",
    "l2l.utils.JUBE_runner": "l2l.classic.experiment",
    "l2l.utils.environment": "l2l.classic.experiment",
    "l2l.utils.experiment": "l2l.classic.experiment",
    "l2l.utils.groups": "l2l.classic.trajectory",
    "l2l.utils.individual": "l2l.classic.trajectory",
    "l2l.utils.runner": "l2l.classic.experiment",
    "l2l.utils.tools": "l2l.classic.tools",
    "l2l.utils.trajectory": "l2l.classic.trajectory",
}

#: Packages of old that are single modules here; ``<package>.optimizer`` is the module itself.
OPTIMIZERS = (
    "crossentropy", "evolution", "evolutionstrategies", "face", "gradientdescent", "gridsearch",
    "kalmanfilter", "multievolution", "multigradientdescent", "naturalevolutionstrategies",
    "paralleltempering", "simulatedannealing",
)  # fmt: skip


class ClassicFinder:
    """Finds the modules of upstream L2L under their old names."""

    @classmethod
    def install(cls, meta_path: list[Any]) -> None:
        """Put the finder in front, once."""
        if cls not in meta_path:
            meta_path.insert(0, cls)

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of an old name, or None for all others."""
        if not name.startswith("l2l."):
            return None
        package, _, last = name.rpartition(".")
        optimizer = package.removeprefix("l2l.optimizers.")
        if optimizer in OPTIMIZERS and last == "optimizer":
            return cls._alias(name, package)
        if name in MOVED:
            return cls._alias(name, MOVED[name])
        if package == "l2l.optimizers" and last in OPTIMIZERS:
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None:
                spec.submodule_search_locations = []  # lets Python ask for its .optimizer
            return spec
        return None

    @staticmethod
    def _alias(name: str, new: str) -> ModuleSpec:
        spec = ModuleSpec(name, _AliasLoader(new), is_package=new == "l2l.classic")
        return spec


class _AliasLoader(importlib.abc.Loader):
    """Loads a module whose names are those of another one."""

    def __init__(self, new: str) -> None:
        self._new = new

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return None: Python makes the module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give the alias the names of the module it stands for."""
        real = importlib.import_module(self._new)
        module.__doc__ = real.__doc__
        module.__dict__["__getattr__"] = lambda name: getattr(real, name)
        module.__dict__["__dir__"] = lambda: dir(real)
