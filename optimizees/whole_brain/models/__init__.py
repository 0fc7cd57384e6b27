"""Neural mass models, by name; one's own from a file."""

from __future__ import annotations

from pathlib import Path

from l2l.errors import ConfigError, nearest
from l2l.optimizees.whole_brain.model import Model
from l2l.references import absolute, load_reference

#: Where the models are; each is imported when it is asked for.
MODELS = {
    name: f"l2l.optimizees.whole_brain.models.{place}"
    for name, place in {
        "adex_first_order": "zerlaut:ADEX_FIRST_ORDER",
        "adex_second_order": "zerlaut:ADEX_SECOND_ORDER",
        "dmf": "dmf:DMF",
        "generic2d": "generic2d:GENERIC_2D",
        "kuramoto": "kuramoto:KURAMOTO",
        "montbrio": "montbrio:MONTBRIO",
        "wilson_cowan": "wilson_cowan:WILSON_COWAN",
    }.items()
}


def load(name: str, base: Path | None = None) -> Model:
    """Return a model.

    Args:
        name: One of ``MODELS``, or ``path/to/file.py:NAME`` or ``package.module:NAME`` for a
            :class:`~l2l.optimizees.whole_brain.model.Model` that is called ``NAME`` there.
        base: Folder that a relative path starts from; the current one if None.

    Raises:
        ConfigError: If there is no such model, it can't be imported, or is not written as models
            are.
    """
    if ":" not in name and name not in MODELS:
        raise ConfigError(
            f"there is no model {name!r}; {nearest(name, MODELS)} One's own is given as "
            "path/to/file.py:NAME or package.module:NAME"
        )
    from l2l.optimizees.whole_brain.testing import sound

    found = load_reference(absolute(MODELS.get(name, name), base))
    if not isinstance(found, Model):
        raise ConfigError(f"{name!r} must be a Model, got {type(found).__name__}")
    return sound(found)
