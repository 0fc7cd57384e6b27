from __future__ import annotations

import functools

import pytest

from l2l.store import provenance

_once = functools.cache(provenance.collect)


@pytest.fixture(autouse=True)
def fast_provenance(request, monkeypatch):
    """Asking git and the package metadata takes longer than most of these tests."""
    if "provenance" not in request.node.name:
        monkeypatch.setattr(provenance, "collect", lambda: dict(_once()))
