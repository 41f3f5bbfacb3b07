"""What a stack's file says letter by letter, where a value arrives changed, or where Pulumi does not tell enough. Pure.

Pulumi hands the program texts. `imageTag: 1.10` arrives as 1.1, and `0123` as 83, because YAML reads numbers. And it
tells of a whole object whether it has an encrypted value, so that one encrypted key hides another one in plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Written:
    """What was found.

    Attributes:
        numbers: keys whose text YAML read as a number and changed, with that number.
        plain: the path of each value in an object that is not encrypted, such as `keys.NAME`.
    """

    numbers: Mapping[str, int | float]
    plain: frozenset[str]


def look(text: str, project: str, values: Mapping[str, Any]) -> Written:
    """Look at a stack's file.

    Args:
        text: of the file; empty if there is none.
        project: the prefix of the keys.
        values: what arrived, by key; what does not fit the file is of another one (`--config-file`), and left alone.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        root = None
    config = dict(_children(dict(_children(root)).get("config")))
    own = {name.removeprefix(f"{project}:"): node for name, node in config.items() if name.startswith(f"{project}:")}
    return Written(dict(_numbers(own, values)), frozenset(_plain_in(own, values)))


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _numbers(own: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    for name, node in own.items():
        arrived = values.get(name)
        if not isinstance(node, yaml.ScalarNode) or node.style is not None or not isinstance(arrived, str):
            continue
        number = _number(arrived)
        if number is not None and arrived != node.value and number in _readings(node.value):
            yield name, number


def _plain_in(own: Mapping[str, yaml.Node], values: Mapping[str, Any]) -> Iterator[str]:
    for name, node in own.items():
        if isinstance(node, yaml.MappingNode):
            yield from _plain(name, node, values.get(name))


def _plain(where: str, node: Any, arrived: Any) -> Iterator[str]:
    """Yield the paths below `where` whose values are written as they arrived."""
    if not isinstance(arrived, Mapping):
        return
    for name, child in _children(node):
        path = f"{where}.{name}"
        if isinstance(child, yaml.MappingNode):
            yield from _plain(path, child, arrived.get(name))
        elif isinstance(child, yaml.ScalarNode) and str(arrived.get(name)) == child.value:
            yield path


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _readings(text: str) -> Iterator[int | float]:
    """Yield the numbers that YAML may take a text for: 0123 and 0x10 are octal and hexadecimal, 1_000 is a thousand."""
    digits = text.replace("_", "")
    for base in (10, 8, 0):
        try:
            yield int(digits, base)
        except ValueError:
            continue
    try:
        yield float(digits)
    except ValueError:
        return
