"""Small text files of a run folder: run.yaml and provenance.json."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import StoreError
from l2l.store import claims
from l2l.store.journal import write_new


def write_text(path: Path, text: str) -> None:
    """Write a file all or nothing, durable."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    os.close(write_new(temporary, [text.encode()]))
    os.replace(temporary, path)
    claims.fsync_folder(path.parent)


def read_config(path: Path) -> dict[str, Any]:
    """Return ``run.yaml`` of a run folder."""
    try:
        text = (path / "run.yaml").read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{path} is no run folder: it has no run.yaml") from None
    except OSError as error:
        raise StoreError(f"can't read {path / 'run.yaml'}: {error.strerror}") from error
    try:
        config = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StoreError(f"{path / 'run.yaml'} is no valid YAML: {error}") from error
    if not isinstance(config, dict):
        raise StoreError(f"{path / 'run.yaml'} must hold a mapping, got {type(config).__name__}")
    return config


def write_config(path: Path, config: dict[str, Any]) -> None:
    """Write ``run.yaml`` of a run folder."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    write_text(path / "run.yaml", yaml.dump(config, Dumper=dumper, sort_keys=False))


def read_provenance(path: Path) -> dict[str, Any]:
    """Return ``provenance.json`` of a run folder; empty if it is missing or damaged."""
    try:
        return dict(json.loads((path / "provenance.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def write_provenance(path: Path, provenance: dict[str, Any]) -> None:
    """Write ``provenance.json`` of a run folder."""
    write_text(path / "provenance.json", json.dumps(provenance, indent=1) + "\n")


def weights_of(config: dict[str, Any]) -> tuple[float, ...]:
    """Return the weights of the objectives that a configuration names."""
    return tuple(float(weight) for weight in config.get("weights", (1.0,)))


def told_in_order(config: Mapping[str, Any]) -> bool:
    """Return whether a run tells its results in order of landing: whether it is asynchronous."""
    return config.get("mode") == "async"


def test_every(config: Mapping[str, Any]) -> int | None:
    """Return after how many generations a run is tested on held-out tasks; None: never."""
    every: int | None = config.get("test_every")
    return every


def schema_of(config: Mapping[str, Any]) -> int:
    """Return the version of the format that a run has."""
    if test_every(config) is not None:
        return claims.SCHEMA_WITH_TESTS
    return claims.SCHEMA_IN_ORDER if told_in_order(config) else claims.SCHEMA


def width_of(config: Mapping[str, Any]) -> int:
    """Return the number of columns of the parameters that a configuration implies."""
    space = config.get("space") or {"parameters": []}
    return sum(math.prod(p.get("shape", ())) for p in space["parameters"])
