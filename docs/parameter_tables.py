"""Fills the tables of parameters in ``docs/optimizers/*.md`` from the classes themselves.

``python docs/parameter_tables.py`` writes them; ``--check`` exits with 1 if one is out of date.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from l2l import registry

FOLDER = Path(__file__).parent / "optimizers"
BEGIN, END = "<!-- parameters: begin -->", "<!-- parameters: end -->"


def table(cls: Any) -> str:
    """Return the table of the options that the class ``cls`` takes."""
    rows = [("parameter", "default", "range", "meaning"), ("---", "---", "---", "---")]
    for field in dataclasses.fields(cls.Parameters):
        meaning = str(field.metadata.get("doc", ""))
        unit = field.metadata.get("unit")
        rows.append(
            (
                f"`{field.name}`",
                _default(field.default),
                _range(field.metadata),
                meaning + (f" ({unit})" if unit else ""),
            )
        )
    return "\n".join("| " + " | ".join(_cell(text) for text in row) + " |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(value: Any) -> str:
    if value is dataclasses.MISSING:
        return "must be given"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    plain = f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{plain}`"


def _range(limits: Any) -> str:
    """Return the valid values as ``>= 1``, ``0 < x <= 1`` or a list."""
    if limits.get("choices") is not None:
        return ", ".join(f"`{choice}`" for choice in limits["choices"])
    low, high, above = (limits.get(key) for key in ("low", "high", "above"))
    bottom = "" if low is None else f"{low:g}"
    if above is not None:
        bottom = f"{above:g}"
    sign = "<=" if above is None else "<"
    if bottom and high is not None:
        return f"{bottom} {sign} x <= {high:g}"
    if high is not None:
        return f"<= {high:g}"
    return f"{'>=' if above is None else '>'} {bottom}" if bottom else ""


def filled(page: str, cls: Any) -> str:
    """Return the text of a page with the table of ``cls`` in its place.

    Raises:
        ValueError: If the page does not have the two marks, each on a line of its own.
    """
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}")
    return f"{before}{begin}\n{table(cls)}\n\n{end}{after}"


def out_of_date(name: str) -> str | None:
    """Return the text that the page of a registered optimizer should have; None if it has it.

    Raises:
        ValueError: If there is no such page, or it has no place for the table.
    """
    path = FOLDER / f"{name}.md"
    if not path.exists():
        raise ValueError("there is no such page")
    text = path.read_text()
    wanted = filled(text, registry.load("optimizers", name))
    return None if text == wanted else wanted


def names() -> list[str]:
    """Return the names of l2l's own optimizers."""
    points = registry.entry_points("optimizers")
    return sorted(name for name, point in points.items() if registry.package_of(point) == "l2l")


def main() -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    args = parser.parse_args()
    status = 0
    for name in names():
        path = FOLDER / f"{name}.md"
        try:
            wanted = out_of_date(name)
        except ValueError as error:
            print(f"{path}: {error}")
            status = 1
            continue
        if wanted is not None and args.check:
            print(f"{path}: out of date; run python docs/parameter_tables.py")
            status = 1
        elif wanted is not None:
            path.write_text(wanted)
            print(f"{path}: written")
    return status


if __name__ == "__main__":
    sys.exit(main())
