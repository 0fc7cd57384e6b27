"""Experiments of BehaviorSpace: the XML of ``--setup-file``, in the forms of NetLogo 6 and 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

NAME = "l2l"  #: of the experiment that is written

_HEAD_6 = (
    '<?xml version="1.0" encoding="us-ascii"?>\n<!DOCTYPE experiments SYSTEM "behaviorspace.dtd">\n'
)
_HEAD_7 = '<?xml version="1.0" encoding="us-ascii"?>\n'


@dataclass(frozen=True)
class Experiment:
    """One experiment with a single setting of all values.

    Attributes:
        values: Globals of the interface (sliders, switches, choosers), by name.
        reporters: What is measured.
        setup: Commands before a run.
        go: Commands of a step.
        steps: Most steps of a run; 0 for no limit.
        stop_when: A reporter that ends a run when it is true.
        repetitions: Runs.
        every_step: Whether to measure after each step, or after the last one.
        seed: Of the first run; the next one has the next seed.
    """

    values: Mapping[str, Any]
    reporters: Sequence[str]
    setup: str = "setup"
    go: str = "go"
    steps: int = 0
    stop_when: str = ""
    repetitions: int = 1
    every_step: bool = False
    seed: int = 1

    def xml(self, version: int) -> str:
        """Return the setup file for NetLogo 6 or 7, whose forms differ."""
        root = ET.Element("experiments")
        experiment = ET.SubElement(
            root,
            "experiment",
            name=NAME,
            repetitions=str(self.repetitions),
            runMetricsEveryStep="true" if self.every_step else "false",
        )
        seed = f"random-seed ({self.seed} + behaviorspace-run-number - 1)"
        ET.SubElement(experiment, "setup").text = f"{seed}\n{self.setup}"
        ET.SubElement(experiment, "go").text = self.go
        metrics = constants = experiment
        if version >= 7:
            experiment.set("sequentialRunOrder", "true")  # which older ones do not know
            if self.steps:
                experiment.set("timeLimit", str(self.steps))
        elif self.steps:
            ET.SubElement(experiment, "timeLimit", steps=str(self.steps))
        if self.stop_when:
            ET.SubElement(experiment, "exitCondition").text = self.stop_when
        if version >= 7:
            metrics = ET.SubElement(experiment, "metrics")
        for reporter in self.reporters:
            ET.SubElement(metrics, "metric").text = reporter
        if version >= 7:
            constants = ET.SubElement(experiment, "constants")
        for name, value in self.values.items():
            values = ET.SubElement(constants, "enumeratedValueSet", variable=name)
            ET.SubElement(values, "value", value=literal(value))
        ET.indent(root)
        text = str(ET.tostring(root, encoding="us-ascii", xml_declaration=False), "ascii")
        return f"{_HEAD_7 if version >= 7 else _HEAD_6}{text}\n"


def literal(value: Any) -> str:
    """Return a value as NetLogo's language writes it."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{text}"'
    if isinstance(value, (np.ndarray, list, tuple)):
        return f"[{' '.join(literal(part) for part in value)}]"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return repr(float(value)).upper()
