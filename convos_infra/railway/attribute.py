"""`Attribute`: one attribute of a service instance, and `attribute()`, which declares one as a field of a dataclass.

The field's name, its type and the call of `attribute()` are the whole declaration: the arguments of the
resource, its names on Railway and in the state, patches, drift, the checks of the preview, docs/service-attributes.md
and the tests of each attribute are made from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.dynamic import CheckFailure

from convos_infra.provider import has_unknown, is_unknown

Rule = Callable[[Any], str]
Problems = Callable[[Any], Iterable[tuple[str, str]]]
_DECLARED = "attribute"


def always(before: Any, after: Any) -> bool:  # noqa: ARG001
    """The default of `deploys`: every change makes a deployment."""
    return True


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        name: the name of the input, which is Railway's own.
        argument: its name in Python.
        path: its path in `services.<id>` of an environment's config (fact: environment-config-paths).
        about: its description, for docs/service-attributes.md.
        example: a value that is not the default.
        default: Railway's value if it is absent; an input equal to it counts as absent.
        readable: False if Railway never shows the value again.
        problems: returns the problems of a value: the place below the attribute, and the problem.
        deploys: whether Railway makes a deployment for a change from one value to another.
        normal: converts a value into the form in which values are compared and sent.
        needs: another attribute that must be set as well.
        excludes: another attribute that must not be set.
        builder: the builder that it applies to.
    """

    name: str
    argument: str
    path: tuple[str, ...]
    about: str
    example: Any
    default: Any = None
    readable: bool = True
    problems: Problems = lambda _value: ()
    deploys: Callable[[Any, Any], bool] = always
    normal: Callable[[Any], Any] = lambda value: value
    needs: str = ""
    excludes: str = ""
    builder: str = ""


def attribute(section: str, *, about: str, example: Any, rule: Rule | Problems, **more: Any) -> Any:
    """Declare an attribute as the default of a dataclass field; without a value, it is not managed.

    Args:
        section: the part of the service's config that contains it; empty for none.
        about: its description.
        example: a value that is not the default.
        rule: checks a value: returns its problem, or yields places below it with their problems.
        more: other attributes of `Attribute`.
    """
    said = {"section": section, "about": about, "example": example, "problems": _problems_of(rule), **more}
    unknown = set(said) - {item.name for item in dataclasses.fields(Attribute)} - {"section"}
    if unknown:
        raise TypeError(f"an attribute has no {', '.join(sorted(unknown))}")
    return dataclasses.field(default=None, metadata={_DECLARED: said})


def attributes_of(kind: type[Any]) -> tuple[Attribute, ...]:
    """Return the attributes that a dataclass declares, in order."""
    found = []
    for item in dataclasses.fields(kind):
        if _DECLARED in item.metadata:
            said = dict(item.metadata[_DECLARED])
            section, name = said.pop("section"), camel(item.name)
            found.append(Attribute(name=name, argument=item.name, path=(*filter(None, [section]), name), **said))
    return tuple(found)


def camel(argument: str) -> str:
    """Return Railway's form of a name in Python: `healthcheck_path` is `healthcheckPath`."""
    first, *others = argument.split("_")
    return first + "".join(word.capitalize() for word in others)


def failures(attributes: Iterable[Attribute], inputs: Mapping[str, Any]) -> list[CheckFailure]:
    """Check every attribute by its own rule, and those that need or exclude another; unknown values pass."""
    return [failure for item in attributes for failure in _failures(item, inputs)]


def _failures(item: Attribute, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
    value = inputs.get(item.name)
    if value is None or is_unknown(value):
        return
    if item.excludes and _is_set(inputs.get(item.excludes)):
        yield CheckFailure(item.name, f"cannot be combined with {item.excludes}")
        return
    # In a list, each known text can be checked by itself; an object is checked as a whole.
    if not (isinstance(value, Mapping) and has_unknown(value)):
        yield from (CheckFailure(f"{item.name}{where}", problem) for where, problem in item.problems(value))
    if value and item.needs and inputs.get(item.needs) is None:
        yield CheckFailure(item.name, f"needs {item.needs}")
    builder = inputs.get("builder")
    if value and item.builder and _is_set(builder) and builder != item.builder:
        yield CheckFailure(item.name, f"needs builder {item.builder}")


def _is_set(value: Any) -> bool:
    return value is not None and not is_unknown(value)


def _problems_of(rule: Rule | Problems) -> Problems:
    def problems(value: Any) -> Iterator[tuple[str, str]]:
        found = rule(value)
        if isinstance(found, str):
            yield from [("", found)] if found else []
        else:
            yield from found

    return problems
