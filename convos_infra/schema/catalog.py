"""The content of a database as names and definitions: read from PostgreSQL's catalog, compared, hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

from psycopg import sql

from convos_infra.schema.catalog_query import READ
from convos_infra.schema.session_settings import local

if TYPE_CHECKING:
    from convos_infra.schema.connection import Connection

Catalog = Mapping[str, str]
"""Definitions by `kind name`, such as `column agent_metadata.id` -> `text NOT NULL`."""
_LONGEST = 200
"""The longest definition, in characters, that is recorded as it is; a longer one is recorded by its hash."""
MOST_DRIFT = 200
INVALID = " INVALID"
"""The end of the definition of an index that PostgreSQL does not use."""
PUBLIC = frozenset({"public"})
_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')


def read(connection: Connection, schemas: Set[str] = PUBLIC) -> dict[str, str]:
    """Return the content of some schemas and of the database itself, in one round trip.

    Long definitions (views, functions) are returned as hashes: a comparison reports only that they changed.

    This query turns `statement_timeout` off, which the role or the file has set for other statements; the connection's
    deadline bounds it. A transaction that goes on must set the timeout again.

    Args:
        connection: in autocommit, or in a transaction.
        schemas: their names; `public` is always included.
    """
    in_transaction = connection.info.transaction_status.name != "IDLE"
    # One message in both cases: the settings and the query share a transaction, and the settings end with it.
    begin = f"SET LOCAL search_path = ''; SET LOCAL statement_timeout = 0; {local()}"
    begin = begin if in_transaction else f"BEGIN; {begin}"
    query = sql.SQL(READ.replace("%s", "{}")).format(sql.Literal(sorted(schemas | PUBLIC))).as_bytes(connection)
    cursor = connection.execute(begin.encode() + b"; " + query + (b"" if in_transaction else b"; COMMIT"))
    while cursor.description is None and cursor.nextset():
        pass
    return {name: short(definition or "") for name, definition in sorted(cursor.fetchall())}


def name_of(parts: Sequence[str]) -> str:
    """Return a name in the catalog's notation."""
    named = parts[1:] if len(parts) > 1 and parts[0] == "public" else parts
    return ".".join(f'"{one.replace(chr(34), chr(34) * 2)}"' if re.search('[."]', one) else one for one in named)


def parts_of(name: str) -> list[str]:
    """Return schema and name of an object from the catalog's notation."""
    parts = [one[1:-1].replace('""', '"') if one.startswith('"') else one for one in _PART.findall(name)]
    return parts if len(parts) > 1 else ["public", *parts]


def short(definition: str) -> str:
    """Return a definition on one line, or its hash if it is long."""
    one_line = " ".join(definition.split())
    if len(one_line) <= _LONGEST:
        return one_line
    end = INVALID if one_line.endswith(INVALID) else ""
    return f"sha256:{hashlib.sha256(definition.encode()).hexdigest()[:16]}{end}"


def fingerprint(catalog: Catalog) -> str:
    """Return a hash that is the same for the same schema, however it was reached."""
    text = json.dumps(dict(catalog), sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _object_of(name: str) -> str:
    """Return the object that an owner or a privilege is of: one that was added or removed has a line of its own."""
    return re.sub(r"^(owner of|rights on) ", "", name) if name.startswith(("owner of ", "rights on ")) else ""


def compare(recorded: Catalog, live: Catalog) -> list[str]:
    """Return what was added, removed and altered since `recorded`, one line each."""
    new, gone = live.keys() - recorded.keys(), recorded.keys() - live.keys()
    added = [f"added: {name} {live[name]}".rstrip() for name in sorted(new) if _object_of(name) not in new]
    removed = [f"removed: {name}" for name in sorted(gone) if _object_of(name) not in gone]
    both = sorted(recorded.keys() & live.keys())
    altered = [f"altered: {n}: {recorded[n]} -> {live[n]}" for n in both if recorded[n] != live[n]]
    return added + removed + altered


def shown(drift: Sequence[str]) -> list[str]:
    """Return at most `MOST_DRIFT` lines, so that a database that others have changed does not fill the state."""
    more = [f"and {len(drift) - MOST_DRIFT} more"] if len(drift) > MOST_DRIFT else []
    return [*drift[:MOST_DRIFT], *more]
