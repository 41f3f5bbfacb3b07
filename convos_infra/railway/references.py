"""Railway's references in the values of variables: read by one grammar, and resolved against an environment. Pure.

    value      = *( text / "${{" blanks expression blanks "}}" )
    expression = [ namespace "." ] variable
    namespace  = bare / DQUOTE name DQUOTE      ; `shared`, or a service's name, case-sensitive
    bare       = a name without dots, quotes, braces and parentheses
    variable   = ( letter / "_" ) *( letter / digit / "_" )

Without a namespace it is a variable of the service itself. A name with dots has to be quoted
(github.com/wasp-lang/wasp/issues/3513). `${{secret(32)}}` and the like are template functions, not references
(docs.railway.com/templates/create). A reference is rendered when its service is deployed
(docs.railway.com/variables/reference). Without a target, it becomes the empty string, without any error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

SHARED = "shared"
DEEPEST = 50
"""The maximum number of levels of references; Railway documents no limit."""
LONGEST = 64 * 1024
"""The longest resolved value, in characters; a longer one counts as unreadable: doubling would fill memory."""

_BRACES = re.compile(r"\$\{\{((?:(?!\$\{\{).)*?)\}\}", re.DOTALL)
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_EXPRESSION = re.compile(
    rf"""(?:(?:"(?P<quoted>[^"{{}}]+)"|(?P<bare>[^.{{}}"'()\s][^.{{}}"'()]*))\.)?(?P<name>{_NAME})"""
)
_FUNCTION = re.compile(r"[A-Za-z_]\w*\s*\(.*\)", re.DOTALL)
_DOTTED = re.compile(rf"""(?P<owner>[^{{}}"'()\s][^{{}}"'()]*)\.(?P<name>{_NAME})""")


@dataclass(frozen=True)
class Reference:
    """One reference.

    Attributes:
        text: as it stands in the value, braces included.
        owner: the service's name, or `shared`; empty for the service itself.
        name: the variable.
    """

    text: str
    owner: str
    name: str


@dataclass(frozen=True)
class Unreadable:
    """Something in reference braces that is not a reference; `quoted` is the probable correct form, if there is one."""

    quoted: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Gap:
    """A part of a value that exists but cannot be read or is not known yet; `shape` is a regular expression."""

    shape: str = r"(?s:.)+"

    @property
    def is_shapeless(self) -> bool:
        """Whether any sufficiently long text fits."""
        return self.shape in (SOMETHING.shape, ANYTHING.shape)


ANYTHING = Gap(r"(?s:.)*")
"""A gap that may also be empty: a template function, or a value that Railway generates per deployment."""
SOMETHING = Gap()
Value = str | Gap
Part = str | Reference | Unreadable | Gap


def parse(value: str) -> tuple[Part, ...]:
    """Split a value into texts and references."""
    parts: list[Part] = []
    end = 0
    for found in _BRACES.finditer(value):
        if found.start() > end:
            parts.append(value[end : found.start()])
        parts.append(_expression(found[0], found[1].strip()))
        end = found.end()
    if end < len(value):
        parts.append(value[end:])
    return tuple(parts)


def _expression(text: str, inside: str) -> Part:
    found = _EXPRESSION.fullmatch(inside)
    if found is not None:
        return Reference(text, found["quoted"] or found["bare"] or "", found["name"])
    if _FUNCTION.fullmatch(inside):
        return ANYTHING
    dotted = _DOTTED.fullmatch(inside)
    if dotted is None:
        return Unreadable()
    return Unreadable(f'${{{{"{dotted["owner"]}".{dotted["name"]}}}}}', dotted["owner"])


def has_references(value: object) -> bool:
    """Tell whether a value contains anything that Railway would render."""
    return isinstance(value, str) and any(not isinstance(part, str) for part in parse(value))


class DeadEndKind(Enum):
    """The reason why a reference has no target."""

    MISSING_SERVICE = "missing service"
    NO_INSTANCE = "service without an instance here"
    MISSING_VARIABLE = "missing variable"
    MISSING_SHARED = "missing shared variable"
    SELF = "refers to itself"
    CYCLE = "refers to itself by way of others"
    TOO_DEEP = "too many levels"
    EMPTY = "empty"
    UNREADABLE = "not a reference"


@dataclass(frozen=True)
class VariablePlace:
    """A variable: of a service, or a shared one."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


@dataclass(frozen=True)
class DeadEnd:
    """A reference without a target.

    Attributes:
        kind: the reason.
        start: the variable that was resolved.
        reference: the last reference on the way, as written; empty if there is none.
        end: its missing target.
        way: the variables from `start` to the one that contains `reference`, `start` first.
        near: a name that may have been meant; `renamed` tells that it is known to be the same service.
        is_open: whether the same update may still create the target.
    """

    kind: DeadEndKind
    start: VariablePlace
    reference: str
    end: VariablePlace
    way: tuple[VariablePlace, ...]
    near: str = ""
    renamed: bool = False
    is_open: bool = False


@dataclass(frozen=True)
class Members:
    """The variables of a service, or the shared variables, to which a reference can refer.

    Attributes:
        values: the values by name; an unreadable value is a gap.
        is_open: whether the same update may still create more.
    """

    values: Mapping[str, Value] = field(repr=False)
    is_open: bool = False


@dataclass(frozen=True)
class World:
    """The possible targets of references in an environment.

    Attributes:
        services: the services by their current names.
        shared: the environment's shared variables.
        elsewhere: names of the project's services that have no instance in this environment.
        renamed: the name by which the stack knows a service -> its current name.
        is_open: whether services that are not known here may still be created.
    """

    services: Mapping[str, Members]
    shared: Members
    elsewhere: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False


@dataclass(frozen=True)
class Resolved:
    """The value that a variable will have in a deployment.

    Attributes:
        parts: texts and gaps in their order; secrets.
        dead_ends: references without a target on the way.
    """

    parts: tuple[Value, ...] = field(repr=False)
    dead_ends: tuple[DeadEnd, ...] = ()

    @property
    def text(self) -> str | None:
        """The whole value, or None if a part of it cannot be read."""
        known = [part for part in self.parts if isinstance(part, str)]
        return "".join(known) if len(known) == len(self.parts) else None

    def fits(self, running: str) -> bool:
        """Tell whether a running value equals the variable's current value, as far as that can be known."""
        return re.fullmatch(self._pattern(), running) is not None

    def _pattern(self) -> str:
        """Return a regular expression that needs no second try for a gap, however often a text is repeated.

        The first place where the text between two gaps fits is as good as any later one, as in a shell's `*`: all gaps
        but the last are atomic groups.
        """
        head, *rest = _split_at_gaps(self.parts)
        groups = [f"(?>{gap.shape}?{texts})" for gap, texts in rest[:-1]]
        last = [f"{gap.shape}{texts}" for gap, texts in rest[-1:]]
        return "".join([head[1], *groups, *last])


def _split_at_gaps(parts: tuple[Value, ...]) -> list[tuple[Gap, str]]:
    """Return each gap of any shape with the pattern of what follows it up to the next one; first what begins it all."""
    result = [(SOMETHING, "")]
    for part in parts:
        if isinstance(part, Gap) and part.is_shapeless:
            result.append((part, ""))
        else:
            pattern = re.escape(part) if isinstance(part, str) else f"(?:{part.shape})"
            result[-1] = (result[-1][0], result[-1][1] + pattern)
    return result
