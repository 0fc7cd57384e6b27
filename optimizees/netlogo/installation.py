"""Where NetLogo and its Java are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from l2l.errors import ConfigError
from l2l.optimizees.command.folder import listing

#: Launchers by file name, the first that is there is taken; and what they need to run headless.
LAUNCHERS: Mapping[str, tuple[str, ...]] = {
    "netlogo-headless.sh": (),
    "NetLogo_Console": ("--headless",),
}
#: Where distributions keep a Java of their own.
RUNTIMES = ("lib/runtime", "runtime", "jre")


def home_of(given: str | None, environment: Mapping[str, str]) -> Path:
    """Return the folder of NetLogo: as given, or of the variable NETLOGO_HOME.

    Raises:
        ConfigError: If there is none.
    """
    name = given or environment.get("NETLOGO_HOME")
    if not name:
        raise ConfigError(
            "netlogo: expected the folder of NetLogo, got none. Give `netlogo_home: /opt/NetLogo` "
            "or set NETLOGO_HOME. NetLogo is free: https://ccl.northwestern.edu/netlogo/download.shtml"
        )
    where = "netlogo_home" if given else "NETLOGO_HOME"
    home = Path(name).expanduser().absolute()
    if not home.is_dir():
        raise ConfigError(f"{where}: there is no folder {home}")
    return home


def launcher(home: Path) -> list[str]:
    """Return the words that a headless command line begins with.

    Raises:
        ConfigError: If the folder is not that of NetLogo.
    """
    for name, words in LAUNCHERS.items():
        if (path := home / name).is_file():
            found = [str(path)] if os.access(path, os.X_OK) else ["bash", str(path)]
            return [*found, *words]
    there = sorted(path.name for path in home.iterdir())
    below = [name for name in there for each in LAUNCHERS if (home / name / each).is_file()]
    hint = f" Is it {home / below[0]}?" if below else ""
    raise ConfigError(
        f"NETLOGO_HOME: expected {' or '.join(LAUNCHERS)} in {home}, and there is: "
        f"{listing(there)}.{hint}"
    )


def java_home(home: Path, environment: Mapping[str, str]) -> str | None:
    """Return what JAVA_HOME has to be set to; None to leave it as it is.

    Raises:
        ConfigError: If there is no Java.
    """
    if given := environment.get("JAVA_HOME"):
        if not os.access(Path(given) / "bin" / "java", os.X_OK):
            raise ConfigError(
                f"JAVA_HOME: expected a Java, and there is no {Path(given) / 'bin' / 'java'}. "
                "Correct the variable or unset it"
            )
        return None
    if shutil.which("java", path=environment.get("PATH")):
        return None
    for name in RUNTIMES:
        if os.access(home / name / "bin" / "java", os.X_OK):
            return str(home / name)
    raise ConfigError(
        "netlogo: expected Java, and found none: JAVA_HOME is not set, `java` is not on PATH, and "
        f"there is none in {home}. Install one (apt-get install default-jre-headless, 17 or newer)"
        ", or load its module"
    )
