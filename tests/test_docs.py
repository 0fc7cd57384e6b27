"""The documentation: a page for each optimizer, its table as the code is, and no dead links."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="not in a clone")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = script("parameter_tables") if DOCS.is_dir() else None
NAMES = TABLES.names() if TABLES else []
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md"), *ROOT.glob("benchmarks/*.md")])


def anchors(text):
    """Return the names that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub(_inline, text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def _inline(match):
    return "" if match[0].startswith("```") else match[0].strip("`")


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_has_a_page_with_its_parameters(name):
    assert TABLES.out_of_date(name) is None, "run python docs/parameter_tables.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_shows_its_picture(name):
    picture = f"../images/optimizers/{name}.png"
    assert f"]({picture})" in (DOCS / "optimizers" / f"{name}.md").read_text()
    path = (DOCS / "optimizers" / picture).resolve()
    assert path.exists(), f"run python docs/pictures.py {name}"
    assert path.stat().st_size < 120_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page):
    dead = []
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        heading = anchor and linked.suffix == ".md"
        if not linked.exists() or (heading and anchor not in anchors(linked.read_text())):
            dead.append(target)
    assert not dead


def test_the_table_says_what_the_options_say():
    from l2l.optimizer import OptimizerParameters
    from l2l.options import option

    class P(OptimizerParameters):
        d: float = option(doc="needed")
        a: int = option(5, "how many | or so", low=1)
        b: float = option(0.5, "a share", above=0, high=1, unit="s")
        c: str | None = option(None, "which", choices=("x", "y"))

    lines = TABLES.table(type("O", (), {"Parameters": P})).splitlines()
    assert lines[3] == "| `a` | `5` | >= 1 | how many \\| or so |"
    assert lines[4] == "| `b` | `0.5` | 0 < x <= 1 | a share (s) |"
    assert lines[5] == "| `c` | none | `x`, `y` | which |"
    assert lines[2] == "| `d` | must be given |  | needed |"
