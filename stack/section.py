"""How a key of a stack's config is declared and read: its type, default, range, description and secrecy, once.

A section is a pydantic model of the keys of one noun. Adding a key is adding one field to a section; Pulumi.yaml and
docs/configuration.md are written from it by `make config-docs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pool_contract.key_values import Choice, Number
from pool_contract.keys import declaration_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from stack.problem import Problem

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DATE_OF_PULUMI = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \S+")
_CUSTOM = "config"
_LONGEST_SHOWN = 80
_TYPES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean"}


class Section(BaseModel):
    """The keys of one noun: a field with an alias is the key of that name; any other field comes from elsewhere."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, validate_by_alias=True, validate_by_name=True
    )

    def problems(self) -> Iterator[Problem]:
        """Yield problems that involve several keys, or need more than one value."""
        yield from ()


@dataclass(frozen=True)
class ConfigKey:
    """A key as it is declared, for people and for Pulumi.yaml.

    Attributes:
        name: as in the stack's config.
        type: Pulumi's word: string, integer, boolean or object.
        default: the value that applies if it is not set.
        description: sentences.
        secret: whether its value has to be encrypted.
        env: variables of the shell; if the key is empty, the first one that is set applies.
        env_stack: the only stack that reads the shell; empty for all.
        variable: the pool manager's variable that it sets, or empty.
        units: how many units of the variable make one unit of the key; 0 for text.
        allowed: the allowed values, for people.
    """

    name: str
    type: str
    default: object
    description: str
    secret: bool
    env: tuple[str, ...]
    env_stack: str
    variable: str
    units: int
    allowed: str


@dataclass(frozen=True)
class OneOf:
    """Annotates a text that must be one of these values."""

    values: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return pydantic's schema: the type's own, followed by the check of the value."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: str) -> str:
        if value not in self.values:
            listed = " or ".join(self.values) if self._is_pair else f"one of {', '.join(self.values)}"
            raise refused(f"must be {listed}, not {value[:_LONGEST_SHOWN]!r}")
        return value

    @property
    def _is_pair(self) -> bool:
        return False


@dataclass(frozen=True)
class Either(OneOf):
    """Annotates a text that must be one of two values."""

    @property
    def _is_pair(self) -> bool:
        return True


def refused(what: str, next_step: str = "") -> PydanticCustomError:
    """Return a validator's error: the problem of one key's value, and what to do."""
    return PydanticCustomError(_CUSTOM, "{what}", {"what": what, "next_step": next_step})


def key(
    name: str,
    description: str,
    default: Any = "",
    *,
    lowest: int | None = None,
    highest: int | None = None,
    secret: bool = False,
    env: tuple[str, ...] = (),
    env_stack: str = "",
) -> Any:
    """Declare a key.

    Args:
        name: as in the stack's config.
        description: sentences.
        default: the value that applies if it is not set; its type is the key's.
        lowest: the smallest number that is allowed.
        highest: the largest one.
        secret: as in `ConfigKey`.
        env: as in `ConfigKey`.
        env_stack: as in `ConfigKey`.
    """
    extra: dict[str, Any] = {"secret": secret, "env": list(env), "env_stack": env_stack}
    return Field(
        default=default,
        alias=name,
        description=description,
        ge=lowest,
        le=highest,
        repr=not secret,
        json_schema_extra=extra,
    )


def object_key(name: str, description: str) -> Any:
    """Declare a key whose value is an object of names and values, empty by default; whoever reads it checks its values.

    Args:
        name: as in the stack's config.
        description: sentences.
    """
    extra: dict[str, Any] = {"secret": False, "env": [], "env_stack": ""}
    return Field(default={}, alias=name, description=description, repr=False, json_schema_extra=extra)


def key_of_variable(
    name: str, variable: str, description: str, *, units: int = 1, env: tuple[str, ...] = (), default: Any = None
) -> Any:
    """Declare a key that sets a variable of the pool manager, with the variable's own default and range.

    Args:
        name: as in the stack's config.
        variable: the pool manager's variable.
        description: sentences.
        units: how many units of the variable make one unit of the key.
        env: as in `ConfigKey`.
        default: replaces the variable's own default.
    """
    declared = declaration_of(variable)
    is_number = isinstance(declared.allowed, Number)
    lowest, highest = _range(declared.allowed, units)
    if default is None:
        default = int(declared.default) // units if is_number else declared.default
    extra: dict[str, Any] = {"secret": declared.secret, "env": list(env), "env_stack": ""}
    return Field(
        default=default,
        alias=name,
        description=description,
        ge=lowest,
        le=highest,
        repr=not declared.secret,
        json_schema_extra={**extra, "variable": variable, "units": units if is_number else 0},
    )


def values_of(variable: str) -> tuple[str, ...]:
    """Return the values that a variable of the pool manager may have."""
    allowed = declaration_of(variable).allowed
    assert isinstance(allowed, Choice), variable
    return allowed.values


def _range(allowed: object, units: int) -> tuple[int | None, int | None]:
    if not isinstance(allowed, Number):
        return None, None
    return -(-allowed.lowest // units), allowed.highest // units


def was_date(text: str) -> bool:
    """Tell whether a text is what Pulumi makes of a date that is not quoted in YAML."""
    return _DATE_OF_PULUMI.fullmatch(text) is not None


def _text(value: object) -> object:
    if not isinstance(value, str) or was_date(value):
        kind = "date" if isinstance(value, str) else type(value).__name__
        raise refused(f"must be text, not {kind}: YAML did not keep it as it was written", SET_AS_TEXT)
    if value and not value.strip():
        raise refused("is only whitespace", "set it, or remove it")
    return value.strip()


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise refused(f"must be true or false, not {_shown(value)}")


def _whole(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise refused(f"must be a whole number, not {_shown(value)}")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


SET_AS_TEXT = "set-as-text"
"""A placeholder for the command that sets the key as text: a validator does not know the name of its key."""
Text = Annotated[str, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]


def section_in(field: FieldInfo) -> type[Section] | None:
    """Return the section that a field holds; None if the field is a single key, or comes from elsewhere."""
    annotation: object = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def config_keys(section: type[Section]) -> Iterator[ConfigKey]:
    """Yield the keys of a section and of its nested sections, in the order of their declaration."""
    for field in section.model_fields.values():
        inside = section_in(field)
        if inside is not None:
            yield from config_keys(inside)
        elif field.alias is not None:
            yield _declared(field, field.alias)


def _declared(field: FieldInfo, name: str) -> ConfigKey:
    extra = field.json_schema_extra
    assert isinstance(extra, dict), name
    env, units = extra["env"], extra.get("units", 0)
    assert isinstance(env, list), name
    assert isinstance(units, int), name
    return ConfigKey(
        name=name,
        type=next((word for type_, word in _TYPES.items() if field.annotation is type_), "object"),
        default=field.get_default(call_default_factory=True),
        description=field.description or "",
        secret=bool(extra["secret"]),
        env=tuple(str(variable) for variable in env),
        env_stack=str(extra["env_stack"]),
        variable=str(extra.get("variable", "")),
        units=units,
        allowed=_allowed(field),
    )


def _allowed(field: FieldInfo) -> str:
    lowest, highest = bounds(field)
    if lowest is not None:
        return f"{lowest} to {highest}"
    listed = [f"`{value}`" for one in field.metadata if isinstance(one, OneOf) for value in one.values]
    return ", ".join(listed)


def bounds(field: FieldInfo) -> tuple[int | None, int | None]:
    """Return the bounds of a number's range; None for a missing bound."""
    lowest = next((one.ge for one in field.metadata if hasattr(one, "ge")), None)
    highest = next((one.le for one in field.metadata if hasattr(one, "le")), None)
    return lowest, highest
