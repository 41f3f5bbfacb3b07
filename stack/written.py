"""The text of a stack's file, for the two things that Pulumi's config API does not show. Pure.

A number that is not quoted reaches the program changed: `imageTag: 1.10` arrives as 1.1, and `0123` as 83, because YAML
reads numbers. And Pulumi says only of a whole object that it has an encrypted value, so that one encrypted key would
hide another one in plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Written:
    """What the file shows.

    Attributes:
        numbers: the keys whose text YAML read as a number and changed, each with that number.
        plain: the paths of the values inside objects that are in plain text, such as `keys.NAME`.
    """

    numbers: Mapping[str, int | float]
    plain: frozenset[str]


def parse(text: str, project: str, values: Mapping[str, Any]) -> Written:
    """Return what a stack's file shows.

    Args:
        text: the file's content; empty if there is none.
        project: the prefix of the keys.
        values: the values that arrived, by key. A value that does not match the file comes from another one
            (`--config-file`) and is not reported.
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
    """Yield the numbers that YAML may read a text as: 0123 is octal, 0x10 hexadecimal, and 1_000 is a thousand."""
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
