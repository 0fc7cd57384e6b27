"""Options: frozen dataclasses whose fields know their range and their meaning.

The parameters of optimizers, optimizees and executors are declared this way once, and are from
there validated, listed by ``l2l list``, read from YAML and written to the run folder.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from l2l.errors import ConfigError, nearest


def option(
    default: Any = dataclasses.MISSING,
    doc: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: Sequence[Any] | None = None,
    unit: str = "",
    path: bool | str = False,
) -> Any:
    """Declare one option.

    Args:
        default: Its default; without one the option is mandatory.
        doc: One line that says what it is.
        low: Smallest valid value, inclusive.
        high: Largest valid value, inclusive.
        above: Exclusive lower limit.
        choices: All valid values.
        unit: Physical unit, for display.
        path: Whether it is a path, or a list of such: in a configuration a relative one starts from
            the folder of the file, and ``~`` is the home folder. ``"reference"`` where only what
            is given as ``file.py:NAME`` is one; ``"or word:"`` where ``word:rest`` is none.
    """
    limits = {"low": low, "high": high, "above": above, "choices": choices}
    metadata = {"doc": doc, "unit": unit, "path": path, **limits}
    return dataclasses.field(default=default, metadata=metadata)


class Options:
    """Base of all option classes: a subclass is a frozen, validated dataclass.

    Fields may be given by keyword or by position in the order of their declaration. ``_asdict``
    and ``_replace`` work as on a namedtuple.

    Raises:
        ConfigError: On an unknown name, a wrong type or a value out of range.
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    absent: ClassVar[dict[str, str]] = {}  #: names that are expected here, and why they are none

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True)(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse unknown and missing names with an error that helps."""
        fields = dataclasses.fields(cls)
        names = [field.name for field in fields]
        for name in kwargs:
            if name not in names:
                why = cls.absent.get(name) or nearest(name, names)
                raise ConfigError(f"{cls.__name__} has no field {name!r}; {why}")
        if len(args) > len(names):
            raise ConfigError(f"{cls.__name__} takes {len(names)} values, {len(args)} were given")
        mandatory = {f.name for f in fields if f.default is dataclasses.MISSING}
        missing = sorted(mandatory - set(names[: len(args)]) - set(kwargs))
        if missing:
            raise ConfigError(f"{cls.__name__} needs a value for {', '.join(missing)}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _checked(getattr(self, field.name), field, hints[field.name], type(self))
            object.__setattr__(self, field.name, value)
        self.check()

    def check(self) -> None:
        """Validate what concerns more than one field; raise ConfigError."""

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self._asdict().values())

    def _asdict(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def _replace(self, **changes: Any) -> Self:
        return type(self)(**{**self._asdict(), **changes})


def _checked(value: Any, field: dataclasses.Field[Any], hint: Any, owner: type) -> Any:
    """Return ``value`` in the declared type, or raise ConfigError."""
    where = f"{owner.__name__}.{field.name}"
    allowed = typing.get_args(hint) or (hint,)
    if value is None and (type(None) in allowed or hint is Any):
        return None
    if bool in allowed and not isinstance(value, bool) and not {int, float} & set(allowed):
        raise ConfigError(f"{where} must be true or false, got {value!r}")
    if {int, float} & set(allowed):
        if str in allowed and isinstance(value, str):
            return _in_range(value, field, where)
        value = _number(value, float in allowed, where)
    elif str in allowed and not isinstance(value, str):
        raise ConfigError(f"{where} must be a text, got {value!r}")
    return _in_range(value, field, where)


def _number(value: Any, real: bool, where: str) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} must be a number, got {value!r}") from None
    if isinstance(value, (bool, str)) or number != number:
        raise ConfigError(f"{where} must be a number, got {value!r}")
    if real:
        return number if isinstance(value, float) else value  # keep ints as the user wrote them
    if not number.is_integer():
        raise ConfigError(f"{where} must be a whole number, got {value!r}")
    return int(value)


def _in_range(value: Any, field: dataclasses.Field[Any], where: str) -> Any:
    limits = field.metadata
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        hint = nearest(str(value), [str(choice) for choice in choices])
        raise ConfigError(f"{where} can't be {value!r}; {hint}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        for key, text in (("low", "at least"), ("high", "at most"), ("above", "greater than")):
            limit = limits.get(key)
            bad = limit is not None and (
                value < limit
                if key == "low"
                else value > limit
                if key == "high"
                else value <= limit
            )
            if bad:
                raise ConfigError(f"{where} must be {text} {limit}, got {value!r}")
    return value
