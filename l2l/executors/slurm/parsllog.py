"""What Parsl's processes print: warnings and errors, to where the batch system collects them.

Without this each of them writes a file of its own, in folders that grow with nodes and workers.
"""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable

from parsl.logconfigs.base import LogConfig

# Parsl says these where nothing is wrong: its first wait is 1000 times too short, and when a job
# is cancelled one of its processes goes first.
_NOISE = ("Failed to connect to interchange", "Failed to forward monitoring message")


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_NOISE)


class Warnings(LogConfig):
    """Parsl's warnings and errors on standard error."""

    def initialize_logging(self, *, log_dir: pathlib.Path, log_name: str) -> Callable[[], None]:
        """Begin; return what ends it."""
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        form = f"%(asctime)s {log_name}[%(process)d] %(levelname)s %(message)s"
        handler.setFormatter(logging.Formatter(form))
        handler.addFilter(_is_news)
        logger = logging.getLogger("parsl")
        logger.addHandler(handler)
        return lambda: logger.removeHandler(handler)
