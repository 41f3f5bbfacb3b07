"""PostgreSQL's built-in functions: their names, and the ones with hidden effects on data. Data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

_NAMES = Path(__file__).parent / "builtin_functions.txt"
"""The functions of pg_catalog in PostgreSQL 15 and 18; a test compares them with the servers."""
RULES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "query_to_xml",
            "query_to_xmlschema",
            "query_to_xml_and_xmlschema",
            "table_to_xml",
            "table_to_xml_and_xmlschema",
            "schema_to_xml",
            "schema_to_xml_and_xmlschema",
            "database_to_xml",
            "database_to_xml_and_xmlschema",
            "cursor_to_xml",
            "ts_stat",
            "ts_rewrite",
            "dblink",
            "dblink_exec",
            "dblink_send_query",
        ),
        "dynamic-sql",
    ),
    **dict.fromkeys(("lo_unlink", "lo_truncate", "lo_truncate64", "lo_put", "lowrite"), "large-object"),
    "setval": "restart-sequence",
    "pg_drop_replication_slot": "drop-access",
    "pg_replication_slot_advance": "drop-access",
    "pg_logical_slot_get_changes": "drop-access",
    "pg_logical_slot_get_binary_changes": "drop-access",
    "pg_terminate_backend": "unknown-function",
    "pg_cancel_backend": "unknown-function",
    "pg_promote": "unknown-function",
    "pg_reload_conf": "setting",
    "pg_replication_origin_drop": "drop-access",
    "pg_file_write": "run-program",
    "lo_export": "run-program",
}
"""By function name: the rule that a call falls under."""
ENDS_THE_LOCK = frozenset({"pg_advisory_unlock_all"})
"""Functions that would release the migrators' lock (lock.py)."""


@functools.cache
def names() -> frozenset[str]:
    """Return the names of all functions of pg_catalog."""
    return frozenset(_NAMES.read_text().split())
