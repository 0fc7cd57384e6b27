"""A YAML document whose every value knows its line, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

from l2l.config.yaml12 import compose, read_text, scalar
from l2l.errors import ConfigError

#: Keys on the way from the top to a value.
Keys = tuple[Any, ...]


class Override(NamedTuple):
    """A value given on the command line, in place of the one in the file.

    Attributes:
        keys: Where it goes.
        value: The value.
        label: How the user gave it, for messages.
    """

    keys: Keys
    value: Any
    label: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the override that ``section.name=value`` stands for; the value is YAML."""
        key, equals, value = text.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not equals or not all(keys):
            raise ConfigError(
                f"--set {text}: expected section.name=value, as in stop.generations=5"
            )
        return cls(keys, parse_value(value, f"--set {text}"), f"--set {text}")


@dataclass
class Document:
    """The content of a configuration file, and the errors found in it.

    Attributes:
        path: The file.
        data: Its content as plain data.
        lines: Line of each value, from 1; values from the command line are not in it.
        labels: How a value of the command line was given.
        problems: Line (0 where there is none) and text of each error.
    """

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Keys, int] = field(default_factory=dict)
    labels: dict[Keys, str] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigError: If there is no such file, or it is no YAML mapping.
        """
        text = read_text(path)
        node = compose(text, str(path))
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(
                f"{path}: expected sections such as 'optimizee:' and 'optimizer:', "
                + ("the file is empty" if node is None else f"got {text.strip()[:40]!r}")
            )
        document = cls(path)
        document.data = document._plain(node, (), ())
        return document

    def problem(self, keys: Keys, message: str) -> None:
        """Note an error at a value, or at the nearest one above it that exists."""
        for length in range(len(keys), -1, -1):
            if keys[:length] in self.labels:
                self.problems.append((0, f"{self.labels[keys[:length]]}: {message}"))
                return
            if line := self.lines.get(keys[:length]):
                where = f"{self.path}:{line}" if length else f"{self.path}"
                self.problems.append((line if length else 0, f"{where}: {message}"))
                return
        self.problems.append((0, f"{self.path}: {message}"))

    def refuse(self, error: ConfigError, message: str | None = None) -> None:
        """Note an error at what it is about: it knows that, or names an option first."""
        message = str(error) if message is None else message
        first = re.split(r"\W", message, maxsplit=1)[0]
        self.problem((*error.at, first), message)

    def overridden(self, keys: Keys) -> bool:
        """Whether a value comes from the command line."""
        return any(keys[:length] in self.labels for length in range(1, len(keys) + 1))

    def place(self, keys: Keys, path: str) -> str:
        """Return a path as an absolute one: from the folder of the file, if it is from there."""
        base = Path() if self.overridden(keys) else self.path.parent
        return str((base / Path(path).expanduser()).absolute())

    def override(self, changes: Sequence[Override]) -> None:
        """Put values of the command line in place."""
        for change in changes:
            at: Any = self.data
            for place, key in enumerate(change.keys[:-1], 1):
                if at.get(key) is None:  # not there, or an empty section
                    at[key] = {}
                    self.labels[change.keys[:place]] = change.label
                at = at[key]
                if not isinstance(at, dict):
                    above = ".".join(change.keys[:place])
                    self.problems.append((0, f"{change.label}: {above} has no parts, it is {at!r}"))
                    break
            else:
                at[change.keys[-1]] = change.value
                self.labels[change.keys] = change.label

    def raise_problems(self) -> None:
        """Raise one ConfigError with all errors found, in order of their lines."""
        if not self.problems:
            return
        found = [text for _, text in sorted(self.problems, key=lambda p: p[0] or 10**9)]
        count = "an error" if len(found) == 1 else f"{len(found)} errors"
        raise ConfigError(
            f"{self.path} has {count}; nothing has been started:\n  " + "\n  ".join(found)
        )

    # -- nodes --------------------------------------------------------------------------------

    def _plain(self, node: yaml.Node, keys: Keys, above: tuple[int, ...]) -> Any:
        """Return a node as plain data, and note the lines of all that is in it."""
        self.lines[keys] = node.start_mark.line + 1
        if id(node) in above:
            self.problem(keys, "an alias (*) inside what it stands for")
            return None
        above = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys, above)
        if isinstance(node, yaml.SequenceNode):
            parts = enumerate(node.value)
            return [self._plain(part, (*keys, place), above) for place, part in parts]
        try:
            return scalar(node)
        except ValueError as error:
            self.problem(keys, str(error))
            return None

    def _mapping(
        self, node: yaml.MappingNode, keys: Keys, above: tuple[int, ...]
    ) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                wrong = getattr(key_node, "value", key)
                text = f"{self.path}:{line}: a name is a text, got {wrong!r}; put it in quotes"
                if value_node.value == "":  # {low: 1,5}
                    text += ". (A comma separates entries, and is no decimal point)"
                self.problems.append((line, text))
                continue
            if key in data:
                first = self.lines[*keys, key]
                text = f"{self.path}:{line}: {'.'.join((*keys, key))} is there twice, first in line"
                self.problems.append((line, f"{text} {first}"))
                continue
            data[key] = self._plain(value_node, (*keys, key), above)
            self.lines[*keys, key] = line
        return data


def parse_value(text: str, label: str) -> Any:
    """Return the plain data that a piece of YAML stands for."""
    node = compose(text, label, many_lines=False)
    document = Document(Path(label))
    value = None if node is None else document._plain(node, (), ())
    if document.problems:
        raise ConfigError(document.problems[0][1])
    return value
