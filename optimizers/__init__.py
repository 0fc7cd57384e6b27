"""Optimizers: the algorithms of the outer loop, one a file."""

from __future__ import annotations

if __name__ != "l2l.optimizers":
    raise ImportError(
        "this folder is the package l2l.optimizers: import it as `from l2l.optimizers...`, not as "
        f"{__name__!r}, which would make a second copy of every class"
    )
