"""What public clients ask of Railway's API: recorded from the documents that they send, sent again by a test.

A record is a client, with its version, and for each operation the fields that it selects, those of all its documents
together, in the order of the alphabet. A field with arguments is written `services(first)`. Record a client again from
a folder with its sources:

    python -m tests.emulator.client_operations "railwayapp 5.71.0" path/to/its/sources
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_required_argument,
    parse,
)

from emulator.execution import CLIENT_OPERATIONS

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLField

_START = re.compile(r"\b(?:query|mutation|subscription)\b\s*\w*\s*(?:\([^)]*\)\s*)?\{")
_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_SUFFIXES = {".graphql", ".rs", ".py"}


@dataclass
class Selection:
    """Fields that are selected of one type.

    Attributes:
        fields: what is selected of each field, by its name.
        arguments: the names of the arguments of each field that has some.
    """

    fields: dict[str, Selection] = field(default_factory=dict)
    arguments: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, arguments: set[str]) -> Selection:
        """Select a field, and return what is selected of it."""
        self.arguments.setdefault(name, set()).update(arguments)
        return self.fields.setdefault(name, Selection())

    def text(self) -> str:
        """Return it as a record holds it."""
        return " ".join(self._one(name) for name in sorted(self.fields))

    def _one(self, name: str) -> str:
        arguments = ",".join(sorted(self.arguments[name]))
        inner = self.fields[name].text()
        return f"{name}{f'({arguments})' if arguments else ''}{f' {{ {inner} }}' if inner else ''}"


def parsed(text: str) -> Selection:
    """Return the selection of a record's text."""
    stack, last = [Selection()], Selection()
    for token in _TOKEN.findall(text):
        if token == "{":
            stack.append(last)
        elif token == "}":
            stack.pop()
        else:
            name, _, arguments = token.rstrip(")").partition("(")
            last = stack[-1].add(name, set(arguments.split(",")) - {""})
    return stack[0]


@dataclass(frozen=True)
class Recorded:
    """One operation of a record as a document.

    Attributes:
        text: the document.
        variables: for each variable the name and the type of the argument that it is given to.
    """

    text: str
    variables: dict[str, tuple[str, GraphQLInputType]]


def document(schema: GraphQLSchema, kind: str, text: str, without: frozenset[str] = frozenset()) -> Recorded:
    """Return a record's text as a document.

    Args:
        schema: says of which type each argument is.
        kind: `query`, `mutation` or `subscription`.
        text: one root field with its selection, as a record holds it.
        without: fields to leave out, each as `Type.field`.

    Raises:
        LookupError: the schema has no such field or argument, or has a required one that the client does not give.
    """
    variables: dict[str, tuple[str, GraphQLInputType]] = {}
    root = schema.get_root_type(OperationType(kind))
    body = _fields(root, parsed(text), variables, without)
    declared = ", ".join(f"${name}: {type_}" for name, (_, type_) in variables.items())
    return Recorded(f"{kind} recorded{f'({declared})' if declared else ''} {body}", variables)


def _fields(
    kind: object, chosen: Selection, variables: dict[str, tuple[str, GraphQLInputType]], without: frozenset[str]
) -> str:
    written = []
    for name, inner in chosen.fields.items():
        if f"{kind}.{name}" in without:
            continue
        field_ = _field(kind, name)
        known, given = field_.args, chosen.arguments[name]
        missing = {one for one, argument in known.items() if is_required_argument(argument)} - given
        if missing or not given <= set(known):
            raise LookupError(f"{kind}.{name}: arguments {sorted(missing | given - set(known))}")
        arguments = []
        for argument in sorted(given):
            variable = f"v{len(variables)}"
            variables[variable] = (argument, known[argument].type)
            arguments.append(f"{argument}: ${variable}")
        below = _fields(get_named_type(field_.type), inner, variables, without) if inner.fields else ""
        of = f"({', '.join(arguments)})" if arguments else ""
        written.append(f"{name}{of} {below}".rstrip())
    return f"{{ {' '.join(written)} }}"


def _field(kind: object, name: str) -> GraphQLField:
    if not isinstance(kind, GraphQLObjectType) or name not in kind.fields:
        raise LookupError(f"{kind}.{name}")
    return kind.fields[name]


def operations(documents: Iterator[DocumentNode]) -> dict[str, dict[str, str]]:
    """Return each root field of some documents with all that is selected of it, by the kind of operation."""
    roots: dict[str, Selection] = {}
    for found in documents:
        fragments = {node.name.value: node for node in found.definitions if isinstance(node, FragmentDefinitionNode)}
        for node in found.definitions:
            if isinstance(node, OperationDefinitionNode):
                _select(roots.setdefault(node.operation.value, Selection()), node.selection_set, fragments)
    return {
        kind: {name: _alone(chosen, name) for name in sorted(chosen.fields) if not name.startswith("__")}
        for kind, chosen in sorted(roots.items())
    }


def _alone(chosen: Selection, name: str) -> str:
    return Selection({name: chosen.fields[name]}, {name: chosen.arguments[name]}).text()


def _select(into: Selection, given: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
    for node in given.selections:
        if isinstance(node, FieldNode):
            inner = into.add(node.name.value, {argument.name.value for argument in node.arguments or ()})
            if node.selection_set is not None:
                _select(inner, node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            # A document in source text may have its fragments elsewhere.
            if node.name.value in fragments:
                _select(into, fragments[node.name.value].selection_set, fragments)
        else:
            _select(into, node.selection_set, fragments)  # type: ignore[attr-defined]


def documents_of(folder: Path) -> Iterator[DocumentNode]:
    """Yield the documents of a folder's files, and those that stand as text in the sources."""
    for path in sorted(file for file in folder.rglob("*") if file.suffix in _SUFFIXES):
        text = path.read_text(encoding="utf-8")
        for found in [text] if path.suffix == ".graphql" else _embedded(text):
            try:
                yield parse(found)
            except GraphQLError:
                continue


def _embedded(text: str) -> Iterator[str]:
    for start in _START.finditer(text):
        depth = 0
        for at in range(start.end() - 1, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                yield text[start.start() : at + 1]
                break


def recorded() -> dict[str, dict[str, dict[str, str]]]:
    """Return the records: client, kind, operation, selection."""
    read: dict[str, Any] = json.loads(CLIENT_OPERATIONS.read_text(encoding="utf-8"))
    return read


def main(arguments: list[str]) -> int:
    """Record one client."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m tests.emulator.client_operations CLIENT path/to/its/sources\n")
        return 2
    name, folder = arguments
    known = recorded() if CLIENT_OPERATIONS.exists() else {}
    known[name] = operations(documents_of(Path(folder)))
    CLIENT_OPERATIONS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
