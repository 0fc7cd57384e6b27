"""Where the files of a classic run lie."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any


class Paths:
    """Folders of one run: ``root_dir_path/name``.

    Attributes:
        root_dir_path: Folder of all runs.
        output_dir_path: Folder of this run.
        logs_path: Its logs.
        simulation_path: Working folders of evaluations.
        results_path: The file with the whole history.
    """

    def __init__(
        self,
        root_name: str,
        param_dict: dict[str, Any] | None = None,
        root_dir_path: str | PathLike[str] = ".",
        suffix: str = "",
    ) -> None:
        self.name = root_name
        self.param_dict = dict(param_dict or {})
        self.root_dir_path = str(Path(root_dir_path).expanduser())
        self.output_dir_path = str(Path(self.root_dir_path) / f"{root_name}{suffix}")
        self.logs_path = str(Path(self.output_dir_path) / "logs")
        self.simulation_path = str(Path(self.output_dir_path) / "artifacts")
        self.results_path = str(Path(self.output_dir_path) / "history.h5")
