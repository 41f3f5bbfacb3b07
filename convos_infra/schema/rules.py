"""The rules of `-- allow: rule object`, with what each says of a statement. Data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Verdict(Enum):
    """What a statement does to rows and to code that runs meanwhile."""

    LOSES = "loses data"
    BREAKS = "breaks running code"
    FAILS = "fails on a filled table"
    UNKNOWN = "cannot be judged"
    LOCKS = "locks"
    SAFE = "safe"


RULES: Mapping[str, tuple[Verdict, str]] = {
    "drop-table": (Verdict.LOSES, "DROP TABLE loses data"),
    "drop-column": (Verdict.LOSES, "DROP COLUMN loses data"),
    "drop-attribute": (Verdict.LOSES, "DROP ATTRIBUTE loses data"),
    "alter-attribute": (Verdict.LOSES, "ALTER ATTRIBUTE loses data"),
    "drop-schema": (Verdict.LOSES, "DROP SCHEMA loses data"),
    "drop-database": (Verdict.LOSES, "DROP DATABASE loses data"),
    "drop-owned": (Verdict.LOSES, "DROP OWNED loses data"),
    "drop-materialized-view": (Verdict.LOSES, "DROP MATERIALIZED VIEW loses the rows that it holds"),
    "drop-sequence": (Verdict.LOSES, "DROP SEQUENCE loses the number that it has reached"),
    "drop-type": (Verdict.LOSES, "DROP TYPE loses the type, and with it what its values mean"),
    "drop-foreign-table": (Verdict.LOSES, "DROP FOREIGN TABLE loses the way to its data"),
    "drop-extension": (Verdict.LOSES, "DROP EXTENSION loses what it brought"),
    "cascade": (Verdict.LOSES, "CASCADE drops what is not named"),
    "truncate": (Verdict.LOSES, "TRUNCATE loses data"),
    "delete-all": (Verdict.LOSES, "DELETE without WHERE loses every row"),
    "update-all": (Verdict.LOSES, "UPDATE without WHERE overwrites every row"),
    "merge-delete": (Verdict.LOSES, "MERGE … DELETE loses every row that it matches"),
    "cascade-delete": (Verdict.LOSES, "a foreign key takes its rows, or their values, along"),
    "hidden-delete": (Verdict.LOSES, "a trigger or a rule, which this file does not show, deletes rows"),
    "change-type": (Verdict.LOSES, "a narrower type loses data or fails on it"),
    "set-unlogged": (Verdict.LOSES, "SET UNLOGGED loses every row when the server crashes"),
    "detach-partition": (Verdict.LOSES, "DETACH PARTITION takes the partition's rows out of the table"),
    "no-inherit": (Verdict.LOSES, "NO INHERIT takes the child's rows out of the table"),
    "restart-sequence": (Verdict.LOSES, "RESTART gives out numbers again that rows have already"),
    "empty-view": (Verdict.LOSES, "WITH NO DATA empties the view"),
    "large-object": (Verdict.LOSES, "the function deletes large objects"),
    "rename": (Verdict.BREAKS, "RENAME breaks code that uses the old name: add, move over, and take away later"),
    "set-schema": (Verdict.BREAKS, "SET SCHEMA breaks code that looks in the old schema"),
    "drop-view": (Verdict.BREAKS, "DROP VIEW breaks code that reads it"),
    "drop-function": (Verdict.BREAKS, "dropping a function breaks code that calls it"),
    "drop-access": (Verdict.BREAKS, "dropping a role, a subscription or a mapping breaks what uses it"),
    "drop-identity": (Verdict.BREAKS, "DROP IDENTITY breaks inserts that leave the column out"),
    "revoke": (Verdict.BREAKS, "REVOKE breaks code that needs the right"),
    "change-owner": (Verdict.BREAKS, "another owner may take away rights that running code needs"),
    "row-security": (Verdict.BREAKS, "row security changes which rows running code sees"),
    "disable-trigger": (Verdict.BREAKS, "without its triggers and rules the table no longer keeps what they keep"),
    "create-rule": (Verdict.BREAKS, "a rule makes statements of running code do something else"),
    "event-trigger": (Verdict.BREAKS, "an event trigger runs at every later change of the schema"),
    "setting": (Verdict.BREAKS, "the setting outlives the migration, for everybody"),
    "set-not-null": (Verdict.FAILS, "a NOT NULL column without DEFAULT fails on a filled table"),
    "dynamic-sql": (Verdict.UNKNOWN, "EXECUTE runs SQL that no reviewer and no check can see"),
    "run-program": (Verdict.UNKNOWN, "COPY … PROGRAM runs a program of the server"),
    "unread-body": (Verdict.UNKNOWN, "what it runs cannot be read"),
    "unknown-function": (Verdict.UNKNOWN, "no earlier migration makes this function, so what it does is not known"),
    "unknown-statement": (Verdict.UNKNOWN, "what this statement does to data is not known"),
}
"""By rule: what it is about, and the words of the refusal."""
EXISTING_COLUMN = (
    "SET NOT NULL fails on a NULL, and scans the table under its strongest lock, unless a validated CHECK ({column} IS"
    " NOT NULL) is there first"
)
