"""docs/railway-coverage.md: each operation of Railway's public schema, and whether the emulator serves it.

Pure but for `served`, which reads the two files that say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import ObjectTypeDefinitionNode, parse

if TYPE_CHECKING:
    from pathlib import Path

    from ops.railway_facts.register import Register

_HEAD = """\
# Railway's operations, and those that the emulator serves

This page is written by `make config-docs` from `emulator/public_operations.json`, which is recorded from Railway's
public schema, from `emulator/client_operations.json`, which is recorded from the documents of public clients, from
`emulator/schema.graphql` and from the register of beliefs; a test compares.

An operation that is not served is answered with HTTP 400 and one error that names it, and the ledger of calls counts
it. Deliberately not served are buckets, egress gateways, private networks, deployment triggers, uploads, metrics,
members, billing, and everything else that no flow of this program or its users needs. The beliefs are those of
[railway-facts.md](railway-facts.md) that speak of the operation; without one the emulator follows the public schema.
Which flows of the clients were run, and with which result, is in [conformance.md](conformance.md#public-clients).

"""
_KINDS = ("Query", "Mutation", "Subscription")


@dataclass(frozen=True)
class Coverage:
    """The operations of Railway, of the emulator and of public clients.

    Attributes:
        public: the names of Railway's operations by their kind.
        served: the names of the emulator's operations by their kind.
        asked: the public clients that send each operation, by the kind and the name of the operation.
    """

    public: Mapping[str, Sequence[str]]
    served: Mapping[str, Sequence[str]]
    asked: Mapping[tuple[str, str], Sequence[str]]


def served(checkout: Path) -> Coverage:
    """Return the operations of the public schema, and those of the emulator's."""
    recorded = json.loads((checkout / "emulator" / "public_operations.json").read_text(encoding="utf-8"))
    document = parse((checkout / "emulator" / "schema.graphql").read_text(encoding="utf-8"))
    clients = json.loads((checkout / "emulator" / "client_operations.json").read_text(encoding="utf-8"))
    asked: dict[tuple[str, str], list[str]] = {}
    for client, kinds in clients.items():
        for kind, names in kinds.items():
            for name in names:
                asked.setdefault((kind.capitalize(), name), []).append(client)
    types = [node for node in document.definitions if isinstance(node, ObjectTypeDefinitionNode)]
    return Coverage(
        {kind: list(recorded[kind]) for kind in _KINDS},
        {node.name.value: [one.name.value for one in node.fields or ()] for node in types if node.name.value in _KINDS},
        asked,
    )


def page(register: Register, coverage: Coverage) -> str:
    """Return the page."""
    counts, tables = [], []
    for kind in _KINDS:
        ours = set(coverage.served.get(kind, ()))
        of_clients = {name for kind_, name in coverage.asked if kind_ == kind}
        names = sorted(ours | set(coverage.public[kind]) | of_clients)
        counts.append(f"{len(ours)} of {len(names)} {'queries' if kind == 'Query' else f'{kind.lower()}s'}")
        rows = [_row(register, name, coverage.asked.get((kind, name), ()), is_served=name in ours) for name in names]
        head = "| Operation | Served | By which belief | Asked for by |\n| --- | --- | --- | --- |\n"
        tables.append(f"\n## {kind}\n\n{head}{''.join(rows)}")
    return f"{_HEAD}Served: {', '.join(counts)}.\n{''.join(tables)}"


def _row(register: Register, name: str, clients: Sequence[str], *, is_served: bool) -> str:
    ids = beliefs_of(register, name) if is_served else []
    links = ", ".join(f"[{id_}](railway-facts.md#{id_})" for id_ in ids)
    source = links or ("public schema" if is_served else "")
    return f"| `{name}` | {'yes' if is_served else 'no'} | {source} | {', '.join(clients)} |\n"


def beliefs_of(register: Register, operation: str) -> list[str]:
    """Return the ids of the beliefs that name an operation."""
    name = re.compile(rf"`{operation}\b")
    return [id_ for id_, belief in register.belief.items() if name.search(belief.says)]
