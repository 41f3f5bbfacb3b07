"""What a stack wants of its schema, apart from the migrations themselves."""

from __future__ import annotations

from dataclasses import dataclass

from convos_infra.schema.limits import Limits

REFUSE, ACCEPT = "refuse", "accept"
KEEP, DROP = "keep", "drop"


@dataclass(frozen=True)
class SchemaPolicy:
    """What a stack wants.

    Args:
        target: the last version to apply, such as `0001`; empty for the newest.
        baseline: a database without a history has everything up to this version.
        drift: what an update does about changes of others: `refuse` to go on, or `accept` them as the new state.
        on_destroy: what becomes of the tables when the stack is destroyed: `keep` them, or `drop`.
        lock_timeout: how long a statement waits for a lock, such as `5s`, where its file does not say.
        statement_timeout: how long a statement may run, such as `60s`, where its file does not say.
    """

    target: str = ""
    baseline: str = ""
    drift: str = REFUSE
    on_destroy: str = KEEP
    lock_timeout: str = Limits.lock_timeout
    statement_timeout: str = Limits.statement_timeout
