"""Arbor's catalogues of mechanisms; importing this imports Arbor."""

from __future__ import annotations

from collections.abc import Iterable

import arbor as A  # noqa: N812

from l2l.errors import ConfigError, nearest

CATALOGUES = {
    "allen": A.allen_catalogue,
    "bbp": A.bbp_catalogue,
    "default": A.default_catalogue,
    "stochastic": A.stochastic_catalogue,
}


def catalogue(names: Iterable[str]) -> A.catalogue:
    """Return Arbor's default catalogue and the named ones as one."""
    merged = A.default_catalogue()
    for name in names:
        if name not in CATALOGUES:
            raise ConfigError(f"Arbor has no catalogue {name!r}; {nearest(str(name), CATALOGUES)}")
        merged.extend(CATALOGUES[name]())
    return merged
