"""The rules of `-- allow: rule object`, each with its verdict and its message. Data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class StatementVerdict(Enum):
    """The effect of a statement on rows and on running code."""

    LOSES = "loses data"
    BREAKS = "breaks running code"
    FAILS = "fails on a filled table"
    UNKNOWN = "cannot be judged"
    LOCKS = "locks"
    SAFE = "safe"


RULES: Mapping[str, tuple[StatementVerdict, str]] = {
    "drop-table": (StatementVerdict.LOSES, "DROP TABLE loses data"),
    "drop-column": (StatementVerdict.LOSES, "DROP COLUMN loses data"),
    "drop-attribute": (StatementVerdict.LOSES, "DROP ATTRIBUTE loses data"),
    "alter-attribute": (StatementVerdict.LOSES, "ALTER ATTRIBUTE loses data"),
    "drop-schema": (StatementVerdict.LOSES, "DROP SCHEMA loses data"),
    "drop-database": (StatementVerdict.LOSES, "DROP DATABASE loses data"),
    "drop-owned": (StatementVerdict.LOSES, "DROP OWNED loses data"),
    "drop-materialized-view": (StatementVerdict.LOSES, "DROP MATERIALIZED VIEW loses the rows that it holds"),
    "drop-sequence": (StatementVerdict.LOSES, "DROP SEQUENCE loses the current number"),
    "drop-type": (StatementVerdict.LOSES, "DROP TYPE loses the type, and so the meaning of its values"),
    "drop-foreign-table": (StatementVerdict.LOSES, "DROP FOREIGN TABLE loses the access to its data"),
    "drop-extension": (StatementVerdict.LOSES, "DROP EXTENSION loses the extension's objects"),
    "cascade": (StatementVerdict.LOSES, "CASCADE drops objects that are not named"),
    "truncate": (StatementVerdict.LOSES, "TRUNCATE loses data"),
    "delete-all": (StatementVerdict.LOSES, "DELETE loses every row unless a WHERE provably excludes one"),
    "update-all": (StatementVerdict.LOSES, "UPDATE overwrites every row unless a WHERE provably excludes one"),
    "merge-delete": (StatementVerdict.LOSES, "MERGE … DELETE loses every row that it matches"),
    "cascade-delete": (
        StatementVerdict.LOSES,
        "a foreign key also deletes or changes referencing rows",
    ),
    "hidden-delete": (StatementVerdict.LOSES, "a trigger or a rule deletes rows that the statement does not name"),
    "change-type": (StatementVerdict.LOSES, "a narrower type loses data or fails on it"),
    "set-unlogged": (StatementVerdict.LOSES, "SET UNLOGGED loses every row when the server crashes"),
    "detach-partition": (StatementVerdict.LOSES, "DETACH PARTITION removes the partition's rows from the table"),
    "no-inherit": (StatementVerdict.LOSES, "NO INHERIT removes the child's rows from the table"),
    "restart-sequence": (StatementVerdict.LOSES, "RESTART returns numbers again that rows already use"),
    "set-expression": (StatementVerdict.LOSES, "SET EXPRESSION overwrites every value of the column"),
    "empty-view": (StatementVerdict.LOSES, "WITH NO DATA empties the view"),
    "large-object": (StatementVerdict.LOSES, "the function deletes large objects"),
    "rename": (
        StatementVerdict.BREAKS,
        "RENAME breaks code that uses the old name: add a new object, migrate to it, and drop the old one later",
    ),
    "set-schema": (StatementVerdict.BREAKS, "SET SCHEMA breaks code that looks in the old schema"),
    "drop-view": (StatementVerdict.BREAKS, "DROP VIEW breaks code that reads the view"),
    "drop-function": (StatementVerdict.BREAKS, "dropping a function breaks code that calls it"),
    "drop-access": (
        StatementVerdict.BREAKS,
        "dropping a role, a publication, a subscription, a mapping, or a part of one, breaks what uses it",
    ),
    "drop-expression": (StatementVerdict.BREAKS, "DROP EXPRESSION leaves the column empty in new rows"),
    "drop-identity": (StatementVerdict.BREAKS, "DROP IDENTITY breaks inserts that leave the column out"),
    "revoke": (StatementVerdict.BREAKS, "REVOKE breaks code that needs the privilege"),
    "change-owner": (StatementVerdict.BREAKS, "a new owner may remove privileges that running code needs"),
    "row-security": (StatementVerdict.BREAKS, "row security changes which rows running code sees"),
    "disable-trigger": (
        StatementVerdict.BREAKS,
        "without its triggers and rules, the table loses what they enforce",
    ),
    "replica-identity": (
        StatementVerdict.BREAKS,
        "UPDATE and DELETE fail on a published table without a replica identity that its column list and filter fit",
    ),
    "create-rule": (StatementVerdict.BREAKS, "a rule changes the effect of statements in running code"),
    "event-trigger": (StatementVerdict.BREAKS, "an event trigger runs at every later change of the schema"),
    "setting": (StatementVerdict.BREAKS, "the setting outlives the migration, for all sessions"),
    "set-not-null": (StatementVerdict.FAILS, "a NOT NULL column without DEFAULT fails on a filled table"),
    "dynamic-sql": (StatementVerdict.UNKNOWN, "EXECUTE runs SQL that no reviewer and no check can see"),
    "run-program": (StatementVerdict.UNKNOWN, "COPY … PROGRAM runs a program on the server"),
    "unread-body": (StatementVerdict.UNKNOWN, "its body cannot be read"),
    "unknown-function": (
        StatementVerdict.UNKNOWN,
        "no earlier migration creates this function, so its effects are unknown",
    ),
    "unknown-statement": (StatementVerdict.UNKNOWN, "the effect of this statement on data is unknown"),
}
"""By rule: the verdict, and the message of the refusal."""
EXISTING_COLUMN = (
    "SET NOT NULL fails on a NULL, and scans the table under its strongest lock, unless a validated CHECK ({column} IS"
    " NOT NULL) exists"
)
