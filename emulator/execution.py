"""Executes a GraphQL document against the schema; answers and errors have the shapes of Railway's."""

from __future__ import annotations

import functools
import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ariadne import MutationType, ObjectType, QueryType, load_schema_from_path, make_executable_schema
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    parse,
    validate,
)

from emulator import placeholders
from emulator.api import (
    access,
    account,
    belonging,
    change_sets,
    deploys,
    environments,
    network,
    projects,
    services,
    streams,
    templates,
    triggers,
    variables,
    volumes,
    workflows,
)

if TYPE_CHECKING:
    from graphql import DocumentNode

SDL = Path(__file__).with_name("schema.graphql")
OPERATIONS = Path(__file__).with_name("public_operations.json")
"""The names of the operations of Railway's public schema, recorded by tests.emulator.public_schema."""
CLIENT_OPERATIONS = SDL.with_name("client_operations.json")
"""What public clients send, recorded by tests.emulator.client_operations."""
_MODULES = (
    account,
    change_sets,
    deploys,
    environments,
    network,
    projects,
    services,
    templates,
    triggers,
    variables,
    volumes,
    workflows,
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: the HTTP status.
        body: the JSON body.
        errors: the messages of its errors.
        unserved: the operation of Railway that was requested but that the emulator does not have, or the empty string.
    """

    status: int
    body: Mapping[str, Any]
    errors: tuple[str, ...] = ()
    unserved: str = ""


@dataclass(frozen=True)
class Operation:
    """A valid document, and the operation in it that was requested.

    Attributes:
        document: the parsed document.
        name: the first root field, for example `serviceCreate`; aliases do not hide it.
        fields: all root fields, in order.
        writes: whether it is a mutation.
        streams: whether it is a subscription, which only a WebSocket carries.
    """

    document: DocumentNode = field(repr=False)
    name: str
    fields: tuple[str, ...]
    writes: bool
    streams: bool


def executable_schema() -> GraphQLSchema:
    """Return the schema of `schema.graphql` with its resolvers."""
    bindables: list[QueryType | MutationType | ObjectType] = [streams.subscription]
    for module in _MODULES:
        bindables += [module.query, module.mutation]
    schema = make_executable_schema(load_schema_from_path(str(SDL)), *bindables)
    placeholders.fill(schema)
    _guard(schema)
    return schema


def _guard(schema: GraphQLSchema) -> None:
    """Make each root field check its caller's rights and its arguments first, so that no resolver has to."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field_ in (root.fields if root else {}).items():
            assert field_.resolve is not None
            field_.resolve = _guarded(name, field_.resolve, writes=root is schema.mutation_type)


def _guarded(name: str, resolve: Any, *, writes: bool) -> Any:
    @functools.wraps(resolve)
    def guarded(source: object, info: Any, **arguments: Any) -> Any:
        request = info.context["emulator"]
        access.check(request, name, arguments, writes=writes)
        belonging.check(request, name, arguments)
        return resolve(source, info, **arguments)

    return guarded


def read(schema: GraphQLSchema, body: Any) -> Operation | Answer:
    """Parse and validate a request; if it is invalid, return the answer with HTTP 400 (fact: bad-document)."""
    text = body.get("query") if isinstance(body, dict) else None
    if not isinstance(text, str):
        return _bad("GraphQL operations must contain a non-empty `query`.", "BAD_REQUEST")
    document = _valid(schema, text)
    if isinstance(document, Answer):
        return document
    name = body.get("operationName")
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in operations if not name or (node.name is not None and node.name.value == name)]
    if len(chosen) != 1:
        return _bad("Unknown operation" if name else "Must provide operation name", "OPERATION_RESOLUTION_FAILURE")
    fields = tuple(node.name.value for node in chosen[0].selection_set.selections if isinstance(node, FieldNode))
    kind = chosen[0].operation
    return Operation(
        document,
        fields[0] if fields else "",
        fields,
        writes=kind == OperationType.MUTATION,
        streams=kind == OperationType.SUBSCRIPTION,
    )


@functools.cache
def _public() -> Mapping[str, frozenset[str]]:
    """Return the names of Railway's operations, including newer ones that clients send, by the kind of operation."""
    recorded = json.loads(OPERATIONS.read_text(encoding="utf-8"))
    clients = json.loads(CLIENT_OPERATIONS.read_text(encoding="utf-8")).values()
    return {
        kind.lower(): frozenset(names).union(*(client.get(kind.lower(), ()) for client in clients))
        for kind, names in recorded.items()
    }


def _unserved(schema: GraphQLSchema, document: DocumentNode) -> str:
    """Return the first operation of a document that Railway has but the emulator does not, or the empty string."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            root = schema.get_root_type(node.operation)
            for selected in node.selection_set.selections:
                name = selected.name.value if isinstance(selected, FieldNode) else ""
                if name in _public()[node.operation.value] and name not in (root.fields if root else {}):
                    return name
    return ""


@functools.lru_cache(maxsize=500)
def _valid(schema: GraphQLSchema, text: str) -> DocumentNode | Answer:
    """Parse and validate a document; cached, because clients repeat a few and this takes most of a request's time."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return _bad(error.message, "GRAPHQL_PARSE_FAILED")
    errors = validate(schema, document)
    if not errors:
        return document
    unserved = _unserved(schema, document)
    if unserved:
        message = f"{unserved} is an operation of Railway that this emulator does not serve: docs/railway-coverage.md"
        return replace(_bad(message, "GRAPHQL_VALIDATION_FAILED"), unserved=unserved)
    return Answer(
        400,
        {"errors": [{"message": e.message, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}} for e in errors]},
        tuple(error.message for error in errors),
    )


def run(schema: GraphQLSchema, operation: Operation, body: Mapping[str, Any], context: Any) -> Answer:
    """Execute a valid operation."""
    given = body.get("variables") or {}
    if not isinstance(given, dict):
        return opaque(400)
    result = execute_sync(
        schema,
        operation.document,
        context_value=context,
        variable_values=given,
        operation_name=body.get("operationName") or None,
    )
    assert isinstance(result, ExecutionResult)
    if not result.errors:
        return Answer(200, {"data": result.data})
    # Railway does not explain a variable of the wrong type (fact: opaque-variable-types).
    if any(not error.path for error in result.errors):
        return opaque(400)
    shaped = [_shaped(error) for error in result.errors]
    return Answer(200, {"data": result.data, "errors": shaped}, tuple(str(error["message"]) for error in shaped))


def opaque(status: int = 200) -> Answer:
    """Return Railway's generic error: a message and a `traceId`, but no path and no code."""
    message = "Problem processing request"
    return Answer(status, {"errors": [{"message": message, "traceId": str(time.time_ns())}], "data": None}, (message,))


def refused(message: str, code: str, status: int = 200) -> Answer:
    """Return an answer with one error and no data."""
    return Answer(status, {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}, (message,))


def needs_websocket(operation: Operation) -> Answer:
    """Return the answer to a subscription over HTTP."""
    return _bad(f"{operation.name} is a subscription: it needs a WebSocket of graphql-transport-ws", "BAD_REQUEST")


def needs_http(operation: Operation) -> Answer:
    """Return the answer to a query or a mutation over a WebSocket, which no known client of Railway sends."""
    return _bad(f"{operation.name} is not a subscription: it needs a POST", "BAD_REQUEST")


def _bad(message: str, code: str) -> Answer:
    return Answer(400, {"errors": [{"message": message, "extensions": {"code": code}}]}, (message,))


def _explain(error: GraphQLError) -> None:
    """Print where a resolver failed, without the error's message, which may contain a variable's value."""
    original = error.original_error
    frames = traceback.extract_tb(original.__traceback__ if original else None)
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    sys.stderr.write(f"emulator: {error.path} broke: {type(original).__name__} at {at}\n")
    sys.stderr.flush()


def _shaped(error: GraphQLError) -> dict[str, Any]:
    path = list(error.path or [])
    known = isinstance(error.original_error, GraphQLError) or error.original_error is None
    if not known:
        _explain(error)
    if not known or (error.extensions or {}).get("code") is None:
        # A resolver failed, or returned null for a non-null field: Railway explains neither.
        shape = opaque().body["errors"][0]
        return {**shape, "path": path} if known else dict(shape)
    return {
        "message": error.message,
        "locations": [{"line": at.line, "column": at.column} for at in error.locations or []],
        "path": path,
        "extensions": dict(error.extensions or {}),
    }
