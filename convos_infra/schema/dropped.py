"""Finds what a DROP loses or breaks, by the kind of object. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

from convos_infra.schema.tree import named, word

if TYPE_CHECKING:
    from convos_infra.schema.altered import Found
    from convos_infra.schema.known import Known

_RULES = {
    "OBJECT_TABLE": "drop-table",
    "OBJECT_SCHEMA": "drop-schema",
    "OBJECT_MATVIEW": "drop-materialized-view",
    "OBJECT_SEQUENCE": "drop-sequence",
    "OBJECT_TYPE": "drop-type",
    "OBJECT_DOMAIN": "drop-type",
    "OBJECT_FOREIGN_TABLE": "drop-foreign-table",
    "OBJECT_EXTENSION": "drop-extension",
    "OBJECT_VIEW": "drop-view",
    "OBJECT_FUNCTION": "drop-function",
    "OBJECT_PROCEDURE": "drop-function",
    "OBJECT_ROUTINE": "drop-function",
    "OBJECT_AGGREGATE": "drop-function",
    "OBJECT_OPERATOR": "drop-function",
    "OBJECT_CAST": "drop-function",
    "OBJECT_POLICY": "row-security",
    "OBJECT_FOREIGN_SERVER": "drop-access",
    "OBJECT_FDW": "drop-access",
    "OBJECT_PUBLICATION": "drop-access",
    "OBJECT_SUBSCRIPTION": "drop-access",
}
_SAFE_KINDS = (
    "INDEX TRIGGER RULE STATISTIC_EXT COLLATION CONVERSION EVENT_TRIGGER OPCLASS OPFAMILY TSCONFIGURATION"
    " TSDICTIONARY TSPARSER TSTEMPLATE TRANSFORM LANGUAGE ACCESS_METHOD"
)
_SAFE = frozenset(f"OBJECT_{one}" for one in _SAFE_KINDS.split())
_REPLACEABLE = frozenset({"drop-view", "drop-function", "drop-materialized-view"})
"""Kinds without data of their own: if the same file creates the object again, it is only changed."""
_WITHOUT_SCHEMA = frozenset(
    f"OBJECT_{one}" for one in ("SCHEMA", "EXTENSION", "FOREIGN_SERVER", "FDW", "PUBLICATION", "CAST")
)
"""Kinds whose names have no schema before them."""


def found(node: Any, known: Known, made_again: Set[str]) -> Iterator[Found]:
    """Return what a DROP loses or breaks.

    Args:
        node: the statement.
        known: the known objects.
        made_again: the views and functions that the file creates.
    """
    what = word(node, "remove_type")
    for one in node.objects:
        parts = named(one)
        if what in ("OBJECT_POLICY", "OBJECT_TRIGGER", "OBJECT_RULE"):
            parts = parts[:-1]  # the last part is the table's
        target = ".".join(parts) if what in _WITHOUT_SCHEMA else known.name(parts)
        rule = _RULES.get(what)
        if rule is None and what not in _SAFE:
            yield "unknown-statement", target
        elif rule is not None and not (rule in _REPLACEABLE and target in made_again):
            yield rule, target or "cast"
        if word(node, "behavior") == "DROP_CASCADE":
            yield "cascade", target
