"""Logging as classic scripts set it up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_shared: dict[str, Any] = {}


def create_shared_logger_data(
    logger_names: Sequence[str],
    log_levels: Sequence[str],
    log_to_consoles: Sequence[bool],
    sim_name: str,
    log_directory: str,
) -> None:
    """Remember which loggers are wanted; :func:`configure_loggers` sets them up."""
    wanted = list(zip(logger_names, log_levels, log_to_consoles, strict=True))
    _shared.update(wanted=wanted, name=sim_name, folder=log_directory)


def configure_loggers(exactly_once: bool = False) -> None:
    """Set up the loggers that :func:`create_shared_logger_data` named."""
    if not _shared or (exactly_once and _shared.get("done")):
        return
    folder = Path(_shared["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(folder / f"{_shared['name']}_LOG.txt", delay=True)
    for name, level, to_console in _shared["wanted"]:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(file)
        if to_console:
            logger.addHandler(logging.StreamHandler())
    _shared["done"] = True
