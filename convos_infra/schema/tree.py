"""Reads PostgreSQL's parse trees: their nodes and names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

PUBLIC = "public"
SERIAL_TYPES = frozenset({"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"})
"""The names of types whose columns get a sequence of their own (datatype.html, Serial Types)."""
_MESSAGE = 11
"""protobuf's number of a message field (descriptor.proto, FieldDescriptorProto.Type)."""
_PLACES = frozenset(
    {"location", "name_location", "stmt_location", "stmt_len"}
    | {"rexpr_list_start", "rexpr_list_end", "list_start", "list_end"}
)
"""The fields of a parse tree that are positions in its text (libpg_query: protobuf/pg_query.proto)."""


def walk(node: Any, leave_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Return every message of a tree with the name of its type, the root first.

    Args:
        node: the root.
        leave_out: types that are skipped, with everything below them.
    """
    pending = [node]
    while pending:
        one = pending.pop()
        name = type(one).__name__
        if name == "Node":
            kind = one.WhichOneof("node")
            if kind:
                pending.append(getattr(one, kind))
            continue
        if name in leave_out and one is not node:
            continue
        yield name, one
        for field, value in reversed(one.ListFields()):
            if field.type != _MESSAGE:
                continue
            if field.is_repeated:
                pending.extend(reversed(value))
            else:
                pending.append(value)


def inner(node: Any) -> Any:
    """Return the content of a `Node`; None for an empty one."""
    kind = node.WhichOneof("node")
    return getattr(node, kind) if kind else None


def kind_of(node: Any) -> str:
    """Return the kind of a `Node`'s content, such as `a_const`; empty for an empty one."""
    return str(node.WhichOneof("node") or "")


def strings(nodes: Iterable[Any]) -> list[str]:
    """Return the texts of a list of names; `*` for a star."""
    return [one.string.sval if kind_of(one) == "string" else "*" for one in nodes]


def dotted(names: list[str]) -> str:
    """Return a name in our notation: without `public`, and without quotes."""
    return ".".join(names[1:] if len(names) > 1 and names[0] == PUBLIC else names)


def named(node: Any) -> list[str]:
    """Return the parts of the name that a DROP, COMMENT or ALTER gives to an object of any kind."""
    kind = kind_of(node)
    if kind == "list":
        return strings(node.list.items)
    if kind == "string":
        return [node.string.sval]
    if kind == "type_name":
        return strings(node.type_name.names)
    if kind == "object_with_args":
        return strings(node.object_with_args.objname)
    return []


def definition(command: Any) -> Any:
    """Return the column, constraint or partition that a command of ALTER TABLE defines; `def` is Python's keyword."""
    return getattr(command, "def")


def option(options: Iterable[Any], name: str) -> Any:
    """Return the argument of an option (`DefElem`), as a `Node`; None if it is not given."""
    return next((one.def_elem.arg for one in options if one.def_elem.defname == name), None)


def is_of_system(range_var: Any) -> bool:
    """Tell whether a relation is one of PostgreSQL's own: no other name may begin with `pg_` in its schema."""
    in_catalog = range_var.schemaname in ("pg_catalog", "information_schema", "pg_toast")
    return in_catalog or (not range_var.schemaname and range_var.relname.startswith("pg_"))


def without_locations(node: Any) -> bytes:
    """Return a tree as bytes that are the same for the same SQL at any position."""
    copy = type(node)()
    copy.CopyFrom(node)
    for _, one in walk(copy):
        for place in _PLACES.intersection(one.DESCRIPTOR.fields_by_name):
            one.ClearField(place)
    return bytes(copy.SerializeToString(deterministic=True))


def word(node: Any, field: str) -> str:
    """Return the name of an enumeration's value, such as `OBJECT_TABLE`."""
    description = node.DESCRIPTOR.fields_by_name[field]
    return str(description.enum_type.values_by_number[getattr(node, field)].name)
