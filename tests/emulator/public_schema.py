"""What Railway's public schema says about the types that the emulator has: recorded once, compared by a test.

The names of all of its operations are recorded too, which the emulator needs to say that it does not serve one. Record
again after a change of emulator/schema.graphql, with the public schema as SDL:

    python -m tests.emulator.public_schema path/to/schema.graphql
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    print_ast,
)

from emulator.execution import SDL

OPERATIONS = SDL.with_name("public_operations.json")
RECORD = Path(__file__).with_name("data") / "public_schema.json"
_ROOTS = frozenset({"Query", "Mutation", "Subscription"})
Signatures = dict[str, dict[str, Any]]


def read_schema(path: Path) -> GraphQLSchema:
    """Read SDL; the public schema breaks rules of strict validation (`Team.id`), so none are checked."""
    return build_schema(path.read_text(), assume_valid=True, assume_valid_sdl=True)


def operations(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Return the names of a schema's operations by their kind."""
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    return {root.name: sorted(root.fields) for root in roots if root is not None}


def signatures(schema: GraphQLSchema) -> Signatures:
    """Return each type of a schema: its kind, and its fields, inputs, values and interfaces by name."""
    return {name: _signature(kind) for name, kind in schema.type_map.items() if not name.startswith("__")}


def _signature(kind: GraphQLNamedType) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": type(kind).__name__.removeprefix("GraphQL").removesuffix("Type")}
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        found["interfaces"] = sorted(interface.name for interface in kind.interfaces)
        found["fields"] = {name: _field(field) for name, field in sorted(kind.fields.items())}
    if isinstance(kind, GraphQLInputObjectType):
        found["inputs"] = {name: _given(field) for name, field in sorted(kind.fields.items())}
    if isinstance(kind, GraphQLEnumType):
        found["values"] = sorted(kind.values)
    return found


def _field(field: GraphQLField) -> dict[str, Any]:
    arguments = {name: _given(argument) for name, argument in sorted(field.args.items())}
    return {"type": str(field.type), **({"args": arguments} if arguments else {})}


def _given(given: GraphQLArgument | GraphQLInputField) -> str:
    default = given.ast_node.default_value if given.ast_node else None
    return f"{given.type} = {print_ast(default)}" if default else str(given.type)


def trimmed(public: Signatures, ours: Signatures) -> Signatures:
    """Return of the public schema what the emulator has; enums, arguments and inputs whole, to see what is missing.

    So are the fields of its objects that have no fields themselves: clients select them, and one that is unknown would
    refuse the whole document.
    """
    leaves = {name for name, kind in public.items() if kind["kind"] in {"Enum", "Scalar"}}
    kept: Signatures = {}
    for name in sorted(set(ours) & set(public)):
        kept[name] = dict(public[name])
        if "fields" in kept[name]:
            wanted = ours[name].get("fields", {})
            kept[name]["fields"] = {
                key: value
                for key, value in public[name]["fields"].items()
                if key in wanted or (name not in _ROOTS and value["type"].strip("[]!") in leaves)
            }
    return kept


def main(arguments: list[str]) -> int:
    """Write the record."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.emulator.public_schema path/to/schema.graphql\n")
        return 2
    schema = read_schema(Path(arguments[0]))
    OPERATIONS.write_text(json.dumps(operations(schema), indent=1) + "\n")
    public = signatures(schema)
    kept = trimmed(public, signatures(read_schema(SDL)))
    lines = [f"{json.dumps(name)}: {json.dumps(kind)}" for name, kind in kept.items()]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
