"""Optimizees: the models of the inner loop, one folder each."""

from __future__ import annotations

if __name__ != "l2l.optimizees":
    raise ImportError(
        "this folder is the package l2l.optimizees: import it as `from l2l.optimizees...`, not as "
        f"{__name__!r}, which would make a second copy of every class"
    )
