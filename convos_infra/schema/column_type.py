"""The type of a column, as a parse tree names it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convos_infra.schema.tree import dotted, kind_of, strings


@dataclass(frozen=True)
class ColumnType:
    """A column's type: PostgreSQL's name and the numbers in parentheses."""

    name: str
    numbers: tuple[int, ...] = ()


def column_type(type_name: Any) -> ColumnType:
    """Return the type that a parse tree names."""
    numbers = [one.a_const.ival.ival for one in type_name.typmods if kind_of(one) == "a_const"]
    suffix = "[]" if type_name.array_bounds else ""
    return ColumnType(dotted(strings(type_name.names)).removeprefix("pg_catalog.") + suffix, tuple(numbers))


def type_name(column: Any) -> str:
    """Return the last name of a column's type."""
    return (strings(column.type_name.names) or [""])[-1]
