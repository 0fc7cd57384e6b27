"""The file that describes a cell, its stimuli and its unknown parameters; read and checked.

What only Arbor can judge (units, regions, mechanisms) is checked in ``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from l2l.errors import ConfigError, nearest
from l2l.optimizees.arbor_cell.entries import Assignment, Clamp, Simulation, Unknown
from l2l.optimizees.arbor_cell.records import read_record, read_records, refuse_unknown, text_of

OWN = Path(__file__).parent / "data" / "pyramid.yaml"  #: the cell that comes with l2l


@dataclass(frozen=True)
class Description:
    """A cell as its file describes it. See the README for the file."""

    path: Path
    morphology: Path
    interpretation: str
    regions: Mapping[str, str]
    record: str
    simulation: Simulation
    temperature: Any
    catalogues: Sequence[str]
    ions: Mapping[str, Mapping[str, Any]]
    fixed: Sequence[Assignment]
    stimuli: Sequence[Clamp]
    parameters: Sequence[Unknown]
    spike_threshold: Any
    truth: Mapping[str, float]

    def response_of(self, clamp: Clamp) -> Path | None:
        """Return where a response lies: the path in the file is from the file's folder."""
        return None if clamp.response is None else self.path.parent / clamp.response


#: What a file may hold: its value if not given (None: mandatory).
SECTIONS: dict[str, Any] = {
    "morphology": None,
    "interpretation": "neuron",
    "regions": {},
    "record": "(location 0 0.5)",
    "simulation": None,
    "temperature": "279.45 K",
    "catalogues": ["allen"],
    "ions": {},
    "fixed": [],
    "stimuli": None,
    "parameters": None,
    "spike_threshold": "-20 mV",
    "truth": {},
}


def read(cell: str | None = None) -> Description:
    """Read and check the description of a cell.

    Args:
        cell: The file; the one that comes with l2l if None.

    Raises:
        ConfigError: If anything in it is missing, unknown or of the wrong kind.
    """
    path = OWN if cell is None else Path(cell).expanduser().absolute()
    if not path.is_file():
        raise ConfigError(f"cell: there is no file {path}, which should describe the cell")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is neither YAML nor JSON: {error}") from None
    try:
        return _described(path, data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _described(path: Path, data: Any) -> Description:
    if not isinstance(data, Mapping):
        raise ConfigError(f"expected sections such as 'morphology:' and 'stimuli:', got {data!r}")
    refuse_unknown(data, SECTIONS, "the file")
    missing = [name for name, default in SECTIONS.items() if default is None and name not in data]
    if missing:
        raise ConfigError(f"it has no {', '.join(missing)}")
    given = {**SECTIONS, **data}
    if given["interpretation"] not in ("neuron", "arbor"):
        hint = nearest(str(given["interpretation"]), ("neuron", "arbor"))
        raise ConfigError(f"interpretation can't be {given['interpretation']!r}; {hint}")
    for name in ("regions", "ions", "truth"):
        if not isinstance(given[name], Mapping):
            raise ConfigError(f"{name} must be 'name: ...' lines, got {given[name]!r}")
    clamps = _named(read_records(Clamp, given["stimuli"], "stimuli"))
    if not isinstance(given["catalogues"], list):
        raise ConfigError(f"catalogues must be a list, got {given['catalogues']!r}")
    return Description(
        path=path,
        morphology=_file(path.parent / text_of(given["morphology"], "morphology"), "morphology"),
        interpretation=given["interpretation"],
        regions={str(k): text_of(v, f"region {k}") for k, v in given["regions"].items()},
        record=text_of(given["record"], "record"),
        simulation=read_record(Simulation, given["simulation"], "simulation"),
        temperature=given["temperature"],
        catalogues=given["catalogues"],
        ions=given["ions"],
        fixed=read_records(Assignment, given["fixed"], "fixed", empty=True),
        stimuli=clamps,
        parameters=read_records(Unknown, given["parameters"], "parameters"),
        spike_threshold=given["spike_threshold"],
        truth=given["truth"],
    )


def _named(clamps: Sequence[Clamp]) -> list[Clamp]:
    """Return the stimuli with a name each."""
    return [
        clamp if clamp.name else Clamp(**{**vars(clamp), "name": f"stimulus {i}"})
        for i, clamp in enumerate(clamps)
    ]


def _file(path: Path, what: str) -> Path:
    if not path.is_file():
        raise ConfigError(
            f"there is no file {path} ({what}); paths are from the folder of the cell's file"
        )
    return path
