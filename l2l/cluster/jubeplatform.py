"""A site's platform, as JUBE knows it: ``platform.xml`` and the template of a job script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from l2l.errors import ConfigError, nearest

#: Where the packages of distributions keep JUBE's platform files for Slurm.
DISTRIBUTION = Path("/usr/share/doc/jube/platform/slurm")
#: The parameter sets of a platform that are read.
SETS = ("systemParameter", "executeset")


@dataclass(frozen=True)
class Platform:
    """A site, as JUBE knows it.

    Attributes:
        folder: Holds ``platform.xml`` and the template of the job script; None: no batch system.
        sets: Parameter -> the parameter set that has it.
        submit: The command that submits a job.
        queue: The partition that jobs go to where nobody names one.
    """

    folder: Path | None
    sets: Mapping[str, str] = field(default_factory=dict)
    submit: str = "sbatch"
    queue: str = ""

    @property
    def is_local(self) -> bool:
        """Whether packages run as processes of this machine."""
        return self.folder is None

    def by_set(self, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return parameters by the set that has them.

        Raises:
            ConfigError: If the platform has no such parameter.
        """
        found: dict[str, dict[str, Any]] = {name: {} for name in SETS}
        for name, value in parameters.items():
            if name not in self.sets:
                raise ConfigError(
                    f"{self.folder}/platform.xml has no parameter {name!r}; "
                    f"{nearest(name, self.sets)}"
                )
            found[self.sets[name]][name] = value
        return found


def find_platform(wanted: str | None) -> Platform:
    """Return a site's platform.

    Args:
        wanted: Its folder; ``none`` for no batch system; None for that of ``$JUBE_INCLUDE_PATH``,
            else that of the distribution.

    Raises:
        ConfigError: If there is none, or its command to submit jobs isn't there.
    """
    if wanted in ("none", "local"):
        return Platform(None)
    included = os.environ.get("JUBE_INCLUDE_PATH", "").split(os.pathsep)
    places = [Path(wanted)] if wanted else [*map(Path, filter(None, included)), DISTRIBUTION]
    folder = next((place for place in places if (place / "platform.xml").is_file()), None)
    if folder is None:
        raise ConfigError(
            f"expected platform.xml in {' or '.join(map(str, places))}, found none. Give the "
            "folder of the site's JUBE platform as the option 'platform' (or in "
            "JUBE_INCLUDE_PATH), or platform: none to run on this machine"
        )
    platform = _read(folder.absolute())
    if shutil.which(platform.submit) is None:
        raise ConfigError(
            f"{folder}/platform.xml submits with {platform.submit!r}, which isn't on PATH. Start "
            "on a login node of the cluster, or give platform: none to run on this machine"
        )
    return platform


def _read(folder: Path) -> Platform:
    try:
        root = ElementTree.parse(folder / "platform.xml").getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise ConfigError(f"{folder}/platform.xml can't be read: {error}") from error
    sets, texts = {}, {}
    for name in SETS:
        for parameter in root.iterfind(f"parameterset[@name='{name}']/parameter"):
            sets[parameter.get("name", "")] = name
            texts[parameter.get("name", "")] = (parameter.text or "").strip()
    if missing := [name for name in ("submit", "executable", "done_file") if name not in sets]:
        raise ConfigError(
            f"{folder}/platform.xml has no parameter {', '.join(missing)} in its sets "
            f"{' and '.join(SETS)}; l2l needs a platform like that of JUBE's own package"
        )
    return Platform(folder, sets, texts["submit"], texts.get("queue", ""))
