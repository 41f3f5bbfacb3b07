"""A stack's policy for its schema, apart from the migrations themselves."""

from __future__ import annotations

from dataclasses import dataclass

from convos_infra.schema.limits import Limits

REFUSE, ACCEPT = "refuse", "accept"
KEEP, DROP = "keep", "drop"


@dataclass(frozen=True)
class SchemaPolicy:
    """The policy; docs/configuration.md lists the keys that set it (`schemaTarget` and so on).

    Attributes:
        target: the last version to apply, such as `0001`; empty for the newest.
        baseline: the version that a database without a history already has.
        drift: how an update treats changes made by others: `refuse` to continue, or `accept` them as the new state.
        on_destroy: what happens to the tables when the stack is destroyed: `keep` them, or `drop`.
        lock_timeout: how long a statement waits for a lock, such as `5s`, if its file sets no timeout.
        statement_timeout: how long a statement may run, such as `60s`, if its file sets no timeout.
    """

    target: str = ""
    baseline: str = ""
    drift: str = REFUSE
    on_destroy: str = KEEP
    lock_timeout: str = Limits.lock_timeout
    statement_timeout: str = Limits.statement_timeout
