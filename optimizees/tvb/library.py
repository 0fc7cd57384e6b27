"""An installed tvb-library: its modules, imported without leaving anything in the user's home."""

from __future__ import annotations

import importlib
import logging
import logging.config
import os
import sys
import tempfile
import types
import warnings
from typing import Any

from l2l.errors import need

_MODULES = {
    name.rpartition(".")[2]: f"tvb.{name}"
    for name in (
        "datatypes.connectivity", "datatypes.equations", "simulator.coupling",
        "simulator.integrators", "simulator.models", "simulator.monitors", "simulator.noise",
        "simulator.simulator",
    )
}  # fmt: skip
_HOME = "TVB_USER_HOME"


def library() -> Any:
    """Return a namespace of tvb-library's modules: ``library().models.Kuramoto``, and so on.

    It has ``connectivity``, ``equations``, ``coupling``, ``integrators``, ``models``, ``monitors``,
    ``noise`` and ``simulator``, and the class ``NArray``. TVB logs nothing but errors.

    Raises:
        MissingExtra: If tvb-library is not installed.
    """
    need("tvb", "tvb-library", "tvb")
    if _MODULES["simulator"] not in sys.modules:
        _import()
    modules = {name: importlib.import_module(path) for name, path in _MODULES.items()}
    narray = importlib.import_module("tvb.basic.neotraits.api").NArray
    return types.SimpleNamespace(**modules, NArray=narray)


def _import() -> None:
    """Import for the first time.

    TVB then makes a folder for its log, in the home by default, and configures the logging of the
    whole process: the former goes into a folder that is removed, the latter is left undone.
    """
    logging.getLogger("tvb").setLevel(logging.ERROR)
    given, configure = os.environ.get(_HOME), logging.config.fileConfig
    with tempfile.TemporaryDirectory(prefix="l2l-tvb-") as folder:
        os.environ[_HOME] = folder
        logging.config.fileConfig = lambda *_args, **_kwargs: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of surfaces, which are not used
                for path in _MODULES.values():
                    importlib.import_module(path)
        finally:
            logging.config.fileConfig = configure
            os.environ.pop(_HOME)
            if given is not None:
                os.environ[_HOME] = given
