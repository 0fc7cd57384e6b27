"""Regions and locations of a description, checked by Arbor; importing this imports Arbor."""

from __future__ import annotations

import re

import arbor as A  # noqa: N812
import numpy as np

from l2l.errors import ConfigError, nearest
from l2l.optimizees.arbor_cell.description import Description
from l2l.optimizees.arbor_cell.model import Recipe, load_morphology, spelt
from l2l.optimizees.arbor_cell.setup import Setup


def check_places(setup: Setup, d: Description) -> None:
    """Check that all expressions are understood, and mean some part of the morphology."""
    try:
        morphology = load_morphology(setup)
    except Exception as error:
        raise ConfigError(f"Arbor can't read {d.morphology}: {core(error)}") from None
    if morphology.empty:
        raise ConfigError(f"{d.morphology} has no samples: expected an SWC")
    labels = A.label_dict().add_swc_tags()
    for name, expression in setup.labels.items():
        _parsed(expression, f"regions.{name}", labels)
        labels[name] = expression
    cell = A.cable_cell(morphology, A.decor(), labels)
    regions = {each.where: each.region for each in d.fixed}
    regions |= {each.where: each.region for each in d.parameters}
    for where, region in regions.items():
        _check_place(cell, spelt(region, labels), where, labels, "region")
    for i, stimulus in enumerate(setup.stimuli):
        _check_place(cell, spelt(stimulus.at, labels), f"stimuli[{i}].at", labels, "location")
    _check_place(cell, spelt(setup.record, labels), "record", labels, "location")
    _check_cell(setup)
    if len(cell.locations(spelt(setup.record, labels))) != 1:
        raise ConfigError(f"record: {setup.record} is several locations, expected one")


def _check_cell(setup: Setup) -> None:
    """Make the cells: Arbor refuses, say, what two regions give to the same place."""
    try:
        recipe = Recipe(setup, np.array([[target.low for target in setup.unknown]]))
        A.simulation(recipe, A.context(threads=1))
    except Exception as error:
        raise ConfigError(f"Arbor can't make the cell: {core(error)}") from None


def _check_place(
    cell: A.cable_cell, expression: str, where: str, labels: A.label_dict, kind: str
) -> None:
    if re.fullmatch(r"[\w .-]+", expression):
        names = labels.regions if kind == "region" else labels.locsets
        hint = nearest(expression, names)
        raise ConfigError(f"{where}: there is no {kind} {expression!r}; {hint}")
    found = _parsed(expression, where, labels)
    if found != kind:
        raise ConfigError(f"{where}: {expression} is a {found}, expected a {kind}")
    try:
        parts = cell.cables(expression) if kind == "region" else cell.locations(expression)
    except Exception as error:
        raise ConfigError(f"{where}: {expression}: Arbor says: {core(error)}") from None
    if not parts:
        raise ConfigError(f"{where}: {expression} is no part of the morphology")


def _parsed(expression: str, where: str, labels: A.label_dict) -> str:
    """Return ``region`` or ``location``, what an expression is."""
    try:
        alone = A.label_dict({"x": expression})
    except Exception as error:
        raise ConfigError(
            f"{where}: Arbor does not understand {expression!r}: {core(error)}{_hint(expression)}"
        ) from None
    return "region" if list(alone.regions) else "location"


#: Arbor's names of what makes regions; for the error of one it does not know.
QUERIES = (
    "all", "branch", "cable", "complement", "complete", "difference", "distal-interval",
    "intersect", "join", "proximal-interval", "radius-ge", "radius-gt", "radius-le", "radius-lt",
    "region", "segment", "tag", "z-dist-from-root-lt", "z-dist-from-root-gt",
)  # fmt: skip


def _hint(expression: str) -> str:
    if "rad-" in expression:
        return "; Arbor's names are now radius-lt, radius-le, radius-gt and radius-ge"
    unknown = [w for w in re.findall(r"\(([a-z-]+)", expression) if w not in QUERIES]
    return f"; {nearest(unknown[0], QUERIES)}" if unknown else ""


def core(error: Exception) -> str:
    """Return what an error of Arbor says, without the frame around it."""
    lines = [line.strip() for line in str(error).splitlines()]
    frame = ("---", "Please file", "github.com", "Error parsing the", "Error adding the")
    return " ".join(line for line in lines if line and not line.startswith(frame))
