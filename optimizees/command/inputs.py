"""The files that are written for each individual: JSON, YAML, CSV, or from a Jinja template."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from l2l.errors import ConfigError, nearest, need
from l2l.optimizees.command.placeholders import OWN, as_text
from l2l.optimizees.command.tables import check_separator
from l2l.plain import as_plain

FORMATS = ("json", "yaml", "csv", "jinja")
LAYOUTS = ("table", "rows", "lines")
_KEYS = {
    "json": ("values",),
    "yaml": ("values",),
    "csv": ("values", "layout", "separator"),
    "jinja": ("from",),
}


@dataclass(frozen=True)
class Input:
    """One file to write.

    Attributes:
        path: Where, within the working folder.
        format: ``json``, ``yaml``, ``csv`` or ``jinja``.
        values: Names of what is in it; all parameters and the seed if None.
        layout: Of CSV: ``table`` is a line of names and a line of values, ``rows`` has the latter
            alone; ``lines`` has a line for each parameter and no names.
        source: Of Jinja: the template, within the template folder.
        separator: Of CSV.
        sets: Parameter sets of one start of the program: a table has so many lines of values, and
            values are arrays ``(sets, ...)``. None where it takes one set.
    """

    path: str
    format: str
    values: tuple[str, ...] | None = None
    layout: str = "table"
    source: str = ""
    separator: str = ","
    sets: int | None = None

    def names(self, parameters: Sequence[str], template: Path | None) -> set[str]:
        """Return the names of all that the file uses.

        Raises:
            ConfigError: If the Jinja template is not there, or is none.
            MissingExtra: If Jinja is not installed.
        """
        if self.format == "jinja":
            return self._of_jinja(template)
        return set(parameters if self.values is None else self.values)

    def write(self, folder: Path, values: Mapping[str, Any], template: Path | None) -> None:
        """Write the file."""
        path = folder / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be the template's, and read-only
        path.write_text(self._content(values, template), encoding="utf-8")

    def _content(self, values: Mapping[str, Any], template: Path | None) -> str:
        if self.format == "jinja":
            return str(_jinja(template).get_template(self.source).render(**_plain(values)))
        parameters = [name for name in values if name not in OWN]
        chosen = self.values or (*parameters, *(("seed",) if self.layout == "table" else ()))
        data = {name: values[name] for name in chosen}
        if self.format == "json":
            return json.dumps(_plain(data), indent=1) + "\n"
        if self.format == "yaml":
            import yaml

            return str(yaml.safe_dump(_plain(data), sort_keys=False))
        return self._csv(data)

    def _csv(self, data: Mapping[str, Any]) -> str:
        file = io.StringIO()
        writer = csv.writer(file, delimiter=self.separator, lineterminator="\n")
        if self.layout == "lines":
            for value in data.values():
                writer.writerow(map(as_text, np.ravel(np.asarray(value, dtype=object))))
            return file.getvalue()
        columns = {}
        for name, value in data.items():
            one = self.sets is None or name in OWN  # the same for all sets
            array = np.asarray([value] * (self.sets or 1) if one else value, dtype=object)
            for at in np.ndindex(array.shape[1:]):
                key = f"{name}[{','.join(map(str, at))}]" if at else name
                columns[key] = [as_text(part) for part in array[(slice(None), *at)]]
        if self.layout == "table":
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return file.getvalue()

    def _of_jinja(self, template: Path | None) -> set[str]:
        environment = _jinja(template)
        import jinja2
        from jinja2 import meta

        try:
            text = environment.loader.get_source(environment, self.source)[0]
            environment.get_template(self.source)
            return set(meta.find_undeclared_variables(environment.parse(text)))
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(
                f"inputs: the Jinja template {self.source}, line {error.lineno}: {error.message}"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"inputs: the Jinja template {self.source} is no text") from None


def _jinja(template: Path | None) -> Any:
    need("jinja2", "jinja2", "jinja")
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template or Path()),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_plain(value) for name, value in values.items()}


# -- from the configuration -------------------------------------------------------------------


def inputs_from(declared: Any, names: Sequence[str], sets: int | None = None) -> tuple[Input, ...]:
    """Return the files that ``{params.json: json, model.in: {format: jinja, from: a.j2}}`` means.

    Args:
        declared: As in the configuration.
        names: Of the parameters.
        sets: Parameter sets of one start of the program; None where it takes one.

    Raises:
        ConfigError: If it can't be understood.
    """
    if declared is None:
        return ()
    if not isinstance(declared, Mapping):
        raise ConfigError(
            "inputs: expected files and their formats, as in `inputs: {params.json: json, "
            f"model.in: jinja}}`; got {declared!r}"
        )
    return tuple(_input(str(path), spec, names, sets) for path, spec in declared.items())


def _input(path: str, spec: Any, names: Sequence[str], sets: int | None) -> Input:
    where = f"inputs, {path}"
    check_inside(path, where)
    parts = dict(spec) if isinstance(spec, Mapping) else {"format": spec}
    form = parts.pop("format", None)
    if form not in FORMATS:
        raise ConfigError(f"{where}: expected the format {', '.join(FORMATS)}, got {form!r}")
    for key in parts:
        if key not in _KEYS[form]:
            raise ConfigError(f"{where}: {form} has no {key!r}; {nearest(key, _KEYS[form])}")
    values = parts.get("values")
    if values is not None:
        known = (*names, *OWN)
        if not isinstance(values, (str, list, tuple)) or not values:
            raise ConfigError(f"{where}: values are names, as in [{known[0]}]; got {values!r}")
        values = (values,) if isinstance(values, str) else tuple(values)
        for name in values:
            if name not in known:
                raise ConfigError(f"{where}: there is no value {name!r}; {nearest(name, known)}")
    layout = parts.get("layout", "table")
    if layout not in LAYOUTS:
        raise ConfigError(f"{where}: layout can't be {layout!r}; {nearest(str(layout), LAYOUTS)}")
    source = str(parts.get("from", path))
    check_inside(source, where)
    separator = check_separator(parts.get("separator", ","), where)
    return Input(path, form, values, layout, source if form == "jinja" else "", separator, sets)


def check_inside(path: str, where: str) -> None:
    """Raise ConfigError if a path leaves the folder that it is meant to be in."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or path.startswith("~"):
        raise ConfigError(
            f"{where}: expected a path within the working folder (no / or ~ at its start, no ..), "
            f"got {path}"
        )
