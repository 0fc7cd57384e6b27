"""Allen Cell Types Database: a model's ``*_fit.json`` and its SWC as a description of a cell.

The format is the one of the Allen Software Development Kit's biophysical models. All conductances
become unknown, a decade to both sides of the fit, which becomes the truth of the description; all
else is fixed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import ConfigError

SECTIONS = {"soma": 1, "axon": 2, "dend": 3, "apic": 4}  #: names in the fit, tags in the SWC
CABLE = {"cm": ("cm", "uF/cm2"), "Ra": ("rL", "Ohm*cm")}  #: their names in Arbor, and units
DECADES = 10.0  #: factor from the fitted conductance to the ends of its range

HEAD = """\
# A model of the Allen Cell Types Database, from {fit}.
# Its junction potential is {junction} mV: add it to recorded voltages.
# Give a stimulus with the recorded response, or let the model itself respond:
#   python -m l2l.optimizees.arbor_cell respond THIS_FILE
"""


def from_allen(fit: Path, morphology: Path) -> str:
    """Return the description, as the text of a YAML file, of a model of the Allen Institute.

    Args:
        fit: The model's ``*_fit.json``.
        morphology: Its SWC. Sections that it does not have are left out.

    Raises:
        ConfigError: If the fit is not what it should be.
    """
    try:
        data = json.loads(fit.read_text(encoding="utf-8"))
        return _described(data, fit, morphology)
    except OSError as error:
        raise ConfigError(f"{error.filename} can't be read: {error.strerror}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{fit} is no fit of the Allen Cell Types Database, which has passive, conditions, "
            f"fitting and genome ({type(error).__name__}: {error})"
        ) from None


def _described(data: Mapping[str, Any], fit: Path, morphology: Path) -> str:
    conditions, passive = data["conditions"][0], data["passive"][0]
    present = sections_of(morphology)
    fixed: list[list[Any]] = [["(all)", "cable", "Vm", float(conditions["v_init"]), "mV"]]
    fixed.append(["(all)", "cable", "rL", float(passive["ra"]), "Ohm*cm"])
    for each in passive.get("cm", ()):
        if each["section"] in present:
            fixed.append([each["section"], "cable", "cm", float(each["cm"]), "uF/cm2"])
    if "e_pas" in passive:
        fixed.append(["(all)", "pas", "e", float(passive["e_pas"]), "mV"])
    for erev in conditions["erev"]:
        for name, ion in (("ena", "ion:na"), ("ek", "ion:k")):
            if erev["section"] in present and name in erev:
                fixed.append([erev["section"], ion, "rev_pot", float(erev[name]), "mV"])
    unknown, truth = [], {}
    for section, mechanism, name, value in _genome(data["genome"], present):
        if mechanism == "cable":
            fixed.append([section, "cable", CABLE[name][0], value, CABLE[name][1]])
        elif name in ("g", "gbar") and value > 0:
            bounds = [float(f"{value * f:.4g}") for f in (1 / DECADES, DECADES)]
            unknown.append([section, mechanism, name, *bounds, "log"])
            truth["_".join((section, mechanism, name))] = value
        else:
            fixed.append([section, mechanism, name, value])
    description = {
        "morphology": str(morphology),
        "temperature": f"{float(conditions['celsius'])} Celsius",
        "simulation": {
            "length": "1400 ms", "step": "0.025 ms", "sampling": "0.1 ms", "max_extent": "20 um"
        },
        "ions": {"ca": {"int_con": "5e-5 mM", "ext_con": "2 mM", "method": "nernst/x=ca"}},
        "fixed": fixed,
        "parameters": unknown,
        "stimuli": [_stimulus(fit)],
        "truth": truth,
    }  # fmt: skip
    junction = data.get("fitting", [{}])[0].get("junction_potential", "not known")
    head = HEAD.format(fit=fit.name, junction=junction)
    return head + yaml.safe_dump(description, sort_keys=False, default_flow_style=None, width=100)


def _stimulus(fit: Path) -> dict[str, Any]:
    return {
        "name": "step",
        "delay": "200 ms",
        "duration": "1000 ms",
        "amplitude": "0.15 nA",
        "response": f"{fit.stem}-response.csv",
        "features": {
            "spike_count": 0.5, "time_to_first_spike": 5.0, "AP_amplitude": 2.0, "AP_width": 0.1,
            "AHP_depth_abs": 1.0, "voltage_base": 0.5,
        },
    }  # fmt: skip


def _genome(
    genome: list[Mapping[str, Any]], present: set[str]
) -> Iterator[tuple[str, str, str, float]]:
    """Yield section, mechanism, parameter and value; cm and Ra belong to the mechanism cable."""
    for block in genome:
        section, name, value = block["section"], block["name"], float(block["value"])
        mechanism = block["mechanism"] or ("cable" if name in CABLE else "pas")
        if section not in SECTIONS:
            raise ValueError(f"no section {section!r}")
        if mechanism != "cable":
            if not name.endswith(f"_{mechanism}"):
                raise ValueError(f"{name!r} is no parameter of {mechanism!r}")
            name = name.removesuffix(f"_{mechanism}")
        if section in present:
            yield section, mechanism, name, value


def sections_of(morphology: Path) -> set[str]:
    """Return which sections an SWC has, by the tags in its second column."""
    lines = morphology.read_text(encoding="utf-8").splitlines()
    tags = {int(line.split()[1]) for line in lines if line.strip() and line.strip()[0] != "#"}
    return {name for name, tag in SECTIONS.items() if tag in tags}
