"""What is in a database, as names and definitions: read from PostgreSQL's catalog, compared, hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

from psycopg import sql

from convos_infra.schema.catalog_query import READ
from convos_infra.schema.neutral import local

if TYPE_CHECKING:
    from convos_infra.schema.connection import Connection

Catalog = Mapping[str, str]
"""Definitions by `kind name`, such as `column agent_metadata.id` -> `text NOT NULL`."""
_LONGEST = 200
MOST_DRIFT = 200
INVALID = " INVALID"
"""How the definition of an index ends that PostgreSQL does not use."""
PUBLIC = frozenset({"public"})
_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')


def read(connection: Connection, schemas: Set[str] = PUBLIC) -> dict[str, str]:
    """Return what is in some schemas, and what is the database's; in one round trip.

    Long definitions (views, functions) are their hashes: what counts is whether they changed, and by name.
    """
    in_transaction = connection.info.transaction_status.name != "IDLE"
    # One message either way: the settings and the query share a transaction, and the settings end with it.
    begin = f"SET LOCAL search_path = ''; {local()}"
    begin = begin if in_transaction else f"BEGIN; {begin}"
    query = sql.SQL(READ.replace("%s", "{}")).format(sql.Literal(sorted(schemas | PUBLIC))).as_bytes(connection)
    cursor = connection.execute(begin.encode() + b"; " + query + (b"" if in_transaction else b"; COMMIT"))
    while cursor.description is None and cursor.nextset():
        pass
    return {name: short(definition or "") for name, definition in sorted(cursor.fetchall())}


def name_of(parts: Sequence[str]) -> str:
    """Return a name as the catalog has it."""
    named = parts[1:] if len(parts) > 1 and parts[0] == "public" else parts
    return ".".join(f'"{one.replace(chr(34), chr(34) * 2)}"' if re.search('[."]', one) else one for one in named)


def parts_of(name: str) -> list[str]:
    """Return schema and name of an object that the catalog has."""
    parts = [one[1:-1].replace('""', '"') if one.startswith('"') else one for one in _PART.findall(name)]
    return parts if len(parts) > 1 else ["public", *parts]


def short(definition: str) -> str:
    """Return a definition on one line; a long one as its hash."""
    one_line = " ".join(definition.split())
    if len(one_line) <= _LONGEST:
        return one_line
    end = INVALID if one_line.endswith(INVALID) else ""
    return f"sha256:{hashlib.sha256(definition.encode()).hexdigest()[:16]}{end}"


def fingerprint(catalog: Catalog) -> str:
    """Return a hash that is the same for the same schema, whatever way led to it."""
    text = json.dumps(dict(catalog), sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _whose(name: str) -> str:
    """Return what an owner or a right is of: where that itself came or went, it says enough."""
    return re.sub(r"^(owner of|rights on) ", "", name) if name.startswith(("owner of ", "rights on ")) else ""


def compare(recorded: Catalog, live: Catalog) -> list[str]:
    """Return what was added, removed and altered since `recorded`, a line each."""
    more, less = live.keys() - recorded.keys(), recorded.keys() - live.keys()
    added = [f"added: {name} {live[name]}".rstrip() for name in sorted(more) if _whose(name) not in more]
    removed = [f"removed: {name}" for name in sorted(less) if _whose(name) not in less]
    both = sorted(recorded.keys() & live.keys())
    altered = [f"altered: {n}: {recorded[n]} -> {live[n]}" for n in both if recorded[n] != live[n]]
    return added + removed + altered


def shown(drift: Sequence[str]) -> list[str]:
    """Return the drift as it goes into the state: a database of somebody else's would fill it."""
    more = [f"and {len(drift) - MOST_DRIFT} more"] if len(drift) > MOST_DRIFT else []
    return [*drift[:MOST_DRIFT], *more]
