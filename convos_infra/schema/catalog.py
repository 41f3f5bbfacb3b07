"""What is in a database, as names and definitions: read from PostgreSQL's catalog, compared, hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from convos_infra.schema.history import TABLE

if TYPE_CHECKING:
    from convos_infra.schema.connection import Connection

Catalog = Mapping[str, str]
"""Definitions by `kind name`, such as `column agent_metadata.id` -> `text NOT NULL`."""
_LONGEST = 200
# Names and definitions come out of PostgreSQL's own functions with an empty search_path, so that they do not depend on
# who asks. Left out: what belongs to an extension (the extension itself is there), indexes of constraints, NOT NULL
# constraints (named objects since PostgreSQL 18; the column says it), sequences of columns, and our history.
_READ = f"""
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relation AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> '{TABLE}'
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
)
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
       WHEN 'c' THEN 'type' ELSE 'table' END || ' ' || relname,
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) ELSE
        CASE relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END || CASE relkind WHEN 'p' THEN 'partitioned '
        || pg_get_partkeydef(oid) ELSE '' END || CASE WHEN relrowsecurity THEN 'row security ' ELSE '' END
        || coalesce(array_to_string(reloptions, ', '), '') || coalesce(pg_get_expr(relpartbound, oid), '') END
FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'column ' || relname || '.' || attname, format_type(atttypid, atttypmod)
    || CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation ELSE '' END
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || CASE WHEN attidentity <> '' THEN ' IDENTITY ' || attidentity::text ELSE '' END
    || CASE WHEN attgenerated <> '' THEN ' GENERATED ' || pg_get_expr(adbin, adrelid)
       ELSE coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '') END
FROM relation JOIN pg_attribute ON attrelid = relation.oid JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p', 'f', 'c') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint ' || relname || '.' || conname, pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint JOIN relation ON conrelid = relation.oid WHERE contype <> 'n'
UNION ALL
SELECT 'index ' || i.relname, pg_get_indexdef(i.oid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
FROM pg_index JOIN relation ON indrelid = relation.oid JOIN pg_class i ON i.oid = indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid AND contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'sequence ' || relname, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle)
FROM pg_sequence JOIN relation ON relation.oid = seqrelid
WHERE NOT EXISTS (SELECT FROM pg_depend WHERE objid = seqrelid AND deptype IN ('a', 'i') AND refobjsubid > 0)
UNION ALL
SELECT 'trigger ' || relname || '.' || tgname, pg_get_triggerdef(pg_trigger.oid) || ' ' || tgenabled::text
FROM pg_trigger JOIN relation ON tgrelid = relation.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'policy ' || relname || '.' || polname, concat_ws(' ', polcmd, polpermissive, polroles::regrole[],
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy JOIN relation ON polrelid = relation.oid
UNION ALL
SELECT CASE prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || proname || '('
    || pg_get_function_identity_arguments(pg_proc.oid) || ')',
    CASE WHEN prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(pg_proc.oid) END
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid)
UNION ALL
SELECT CASE typtype WHEN 'e' THEN 'enum ' WHEN 'd' THEN 'domain ' ELSE 'range ' END || typname,
    CASE typtype
        WHEN 'e' THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum
                       WHERE enumtypid = pg_type.oid)
        WHEN 'd' THEN concat_ws(' ', format_type(typbasetype, typtypmod), CASE WHEN typnotnull THEN 'NOT NULL' END,
            typdefault, (SELECT string_agg(pg_get_constraintdef(c.oid), ' ' ORDER BY conname) FROM pg_constraint c
                         WHERE contypid = pg_type.oid AND contype <> 'n'))
        ELSE (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = pg_type.oid) END
FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid)
UNION ALL
SELECT 'extension ' || extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'
"""  # noqa: S608  # the table's name is ours


def read(connection: Connection) -> dict[str, str]:
    """Return what is in the schema public, and the extensions; in one round trip.

    Long definitions (views, functions) are their hashes: what counts is whether they changed, and by name.
    """
    in_transaction = connection.info.transaction_status.name != "IDLE"
    # One message either way: the setting and the query share a transaction, and the setting ends with it.
    empty = "SET LOCAL search_path = ''" if in_transaction else "BEGIN; SET LOCAL search_path = ''"
    cursor = connection.execute(f"{empty}; {_READ}".encode() + (b"" if in_transaction else b"; COMMIT"))
    while cursor.description is None and cursor.nextset():
        pass
    return {name: _short(definition) for name, definition in sorted(cursor.fetchall())}


def _short(definition: str) -> str:
    one_line = " ".join(definition.split())
    if len(one_line) <= _LONGEST:
        return one_line
    return f"sha256:{hashlib.sha256(definition.encode()).hexdigest()[:16]}"


def fingerprint(catalog: Catalog) -> str:
    """Return a hash that is the same for the same schema, whatever way led to it."""
    text = json.dumps(dict(catalog), sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def compare(recorded: Catalog, live: Catalog) -> list[str]:
    """Return what was added, removed and altered since `recorded`, a line each."""
    added = [f"added: {name} {live[name]}".rstrip() for name in sorted(live.keys() - recorded.keys())]
    removed = [f"removed: {name}" for name in sorted(recorded.keys() - live.keys())]
    both = sorted(recorded.keys() & live.keys())
    altered = [f"altered: {n}: {recorded[n]} -> {live[n]}" for n in both if recorded[n] != live[n]]
    return added + removed + altered
