"""What a description comes to in Arbor's terms, checked by Arbor; importing this imports Arbor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import arbor as A  # noqa: N812

from l2l.errors import ConfigError, nearest
from l2l.optimizees.arbor_cell.catalogues import catalogue
from l2l.optimizees.arbor_cell.description import Description
from l2l.optimizees.arbor_cell.entries import Assignment, Clamp, Unknown
from l2l.optimizees.arbor_cell.places import check_places
from l2l.optimizees.arbor_cell.setup import Place, Setup, Stimulus, Target
from l2l.optimizees.arbor_cell.units import convert, number

CABLE = {"cm": "uF/cm2", "rL": "Ohm*cm", "Vm": "mV"}
ION = {"rev_pot": "mV", "int_con": "mM", "ext_con": "mM"}
NEVER_NEGATIVE = ("cm", "rL", "int_con", "ext_con")


def resolve(description: Description) -> Setup:
    """Return the setup that a description stands for, all in Arbor's units.

    Raises:
        ConfigError: If Arbor does not know a region, a mechanism, a parameter or a unit, or if one
            of them makes no sense where it is.
    """
    d = description
    try:
        properties = catalogue(d.catalogues)
        setup = Setup(
            morphology=str(d.morphology),
            interpretation=d.interpretation,
            labels=dict(d.regions),
            catalogues=tuple(d.catalogues),
            temperature=number(d.temperature, "K", "temperature"),
            record=d.record,
            ions=_ions(d.ions),
            **_simulation(d.simulation),
            stimuli=tuple(_stimulus(i, c, d.record) for i, c in enumerate(d.stimuli)),
            fixed=tuple(_fixed(each, properties) for each in d.fixed),
            unknown=tuple(_unknown(each, properties) for each in d.parameters),
        )
        _check_twice(setup)
        check_places(setup, d)
    except ConfigError as error:
        raise ConfigError(f"{d.path}: {error}") from None
    return setup


def _check_twice(setup: Setup) -> None:
    """Refuse a number that is given twice."""
    seen: set[tuple[str, str, str]] = set()
    for place in (*(place for place, _ in setup.fixed), *(t.place for t in setup.unknown)):
        key = (place.region, place.mechanism, place.parameter)
        if key in seen:
            raise ConfigError(f"[{', '.join(key)}] is given twice, in fixed or in parameters")
        seen.add(key)
    if setup.temperature <= 0:
        raise ConfigError(f"temperature must be above 0 K, got {setup.temperature:g} K")


# -- numbers ----------------------------------------------------------------------------------


def _simulation(given: Any) -> dict[str, float]:
    step = number(given.step, "ms", "simulation.step")
    found = {
        "length": number(given.length, "ms", "simulation.length"),
        "step": step,
        "sampling": step
        if given.sampling is None
        else number(given.sampling, "ms", "simulation.sampling"),
        "max_extent": number(given.max_extent, "um", "simulation.max_extent"),
    }
    for name, value in found.items():
        if value <= 0:
            raise ConfigError(f"simulation.{name} must be greater than 0, got {value:g}")
    if found["length"] < 2 * max(step, found["sampling"]):
        raise ConfigError("simulation.length is shorter than two steps")
    return found


def _stimulus(i: int, clamp: Clamp, record: str) -> Stimulus:
    where = f"stimuli[{i}]"
    found = Stimulus(
        clamp.name,
        number(clamp.delay, "ms", f"{where}.delay"),
        number(clamp.duration, "ms", f"{where}.duration"),
        number(clamp.amplitude, "nA", f"{where}.amplitude"),
        clamp.at or record,
    )
    if found.delay < 0 or found.duration <= 0:
        raise ConfigError(f"{where} needs delay >= 0 and duration > 0")
    return found


def _ions(given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    ions: dict[str, dict[str, Any]] = {}
    known = A.neuron_cable_properties().ions
    for ion, values in given.items():
        if ion not in known:
            raise ConfigError(f"ions.{ion}: there is no such ion; {nearest(str(ion), known)}")
        if not isinstance(values, Mapping):
            raise ConfigError(f"ions.{ion} must be 'name: value' lines, got {values!r}")
        names = [*ION, "method"]
        for name in values:
            if name not in names:
                raise ConfigError(f"ions.{ion} has no field {name!r}; {nearest(str(name), names)}")
        ions[ion] = {
            name: str(value) if name == "method" else number(value, ION[name], f"ions.{ion}.{name}")
            for name, value in values.items()
        }
    return ions


# -- mechanisms and their parameters --------------------------------------------------------------


def _fixed(given: Assignment, known: A.catalogue) -> tuple[Place, float]:
    place = _place(given, known)
    own = given.unit or place.unit
    value = number(given.value, own, given.where)
    value = convert(value, own, place.unit, given.where) if own != place.unit else value
    if place.never_negative and value < 0:
        raise ConfigError(f"{given.where} can't be negative, got {value:g}")
    return place, value


def _unknown(given: Unknown, known: A.catalogue) -> Target:
    place = _place(given, known)
    own = given.unit or place.unit
    low, high = (number(bound, own, given.where) for bound in (given.low, given.high))
    scale = {"lin": "linear"}.get(given.scale, given.scale)
    if scale not in ("linear", "log"):
        raise ConfigError(f"{given.where}: scale is lin or log, got {given.scale!r}")
    if not low < high:
        raise ConfigError(f"{given.where} needs low < high, got {low:g} and {high:g}")
    if place.never_negative and low < 0:
        raise ConfigError(f"{given.where} can't be negative, its range begins at {low:g}")
    if scale == "log" and low <= 0:
        raise ConfigError(f"{given.where}: a log scale needs low > 0, got {low:g}")
    factor = convert(1.0, own, place.unit, given.where)
    return Target(place, given.key, low, high, scale, _spelt(own), factor)


def _place(given: Assignment | Unknown, known: A.catalogue) -> Place:
    mechanism, parameter, where = given.mechanism, given.parameter, given.where
    kind, is_global = "density", False
    if mechanism == "cable" or mechanism.startswith("ion:"):
        units = CABLE if mechanism == "cable" else ION
        kind = "cable" if mechanism == "cable" else "ion"
        ions = A.neuron_cable_properties().ions
        if kind == "ion" and mechanism[4:] not in ions:
            raise ConfigError(
                f"{where}: there is no ion {mechanism[4:]!r}; {nearest(mechanism[4:], ions)}"
            )
    else:
        info = _density(mechanism, known, where)
        is_global = parameter in info.globals
        both = [*info.parameters.items(), *info.globals.items()]
        units = {name: _spelt(field.units) for name, field in both}
    if parameter not in units:
        raise ConfigError(
            f"{where}: {mechanism} has no parameter {parameter!r}; {nearest(parameter, units)}; "
            f"it has {', '.join(sorted(units)) or 'none'}"
        )
    unit = units[parameter]
    never = unit in ("S/cm2", "mS/cm2") or parameter in NEVER_NEGATIVE or parameter == "gbar"
    return Place(given.region, kind, mechanism, parameter, unit, is_global, never)


def _density(mechanism: str, known: A.catalogue, where: str) -> Any:
    densities = [n for n in known if "density" in str(known[n].kind)]
    if mechanism not in densities:
        raise ConfigError(
            f"{where}: no density mechanism {mechanism!r}; {nearest(mechanism, densities)}; the "
            f"catalogue has {', '.join(sorted(densities))}; beside them there are cable and ion:na"
        )
    return known[mechanism]


def _spelt(unit: str) -> str:
    """Return a unit of the catalogue without spaces, and with S for mho."""
    return unit.replace(" ", "").replace("mho", "S")
