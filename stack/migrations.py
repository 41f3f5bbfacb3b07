"""The keys of a stack's config about the migrations of its database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from convos_infra.schema.limits import Limits, in_seconds
from convos_infra.schema.policy import ACCEPT, DROP, KEEP, REFUSE, SchemaPolicy
from stack import checks
from stack.problem import Problem
from stack.section import Either, Section, Text, key


class MigrationSettings(Section):
    """Which migrations an update applies, how long their statements may take, and what happens to their tables."""

    target: Annotated[Text, AfterValidator(checks.migration)] = key(
        "schemaTarget", "The last migration to apply, such as 0001; empty takes the newest."
    )
    baseline: Annotated[Text, AfterValidator(checks.migration)] = key(
        "schemaBaseline",
        "The last migration that a database without a history of migrations already has, such as 0001.",
    )
    drift: Annotated[Text, Either((REFUSE, ACCEPT))] = key(
        "schemaDrift",
        "What an update does about changes that others made to the schema - refuse to continue, or accept them.",
        REFUSE,
    )
    lock_timeout: Annotated[Text, AfterValidator(checks.duration)] = key(
        "schemaLockTimeout",
        "How long a statement of a migration waits for a lock, such as 500ms, 5s or 2min; a file can set its own.",
        Limits.lock_timeout,
    )
    statement_timeout: Annotated[Text, AfterValidator(checks.duration)] = key(
        "schemaStatementTimeout",
        "How long a statement of a migration may run, such as 500ms, 60s or 10min; a file can set its own.",
        Limits.statement_timeout,
    )
    on_destroy: Annotated[Text, Either((KEEP, DROP))] = key(
        "schemaOnDestroy",
        "What happens to the tables of a database that is not the stack's own when the stack is destroyed - keep or"
        " drop.",
        KEEP,
    )

    @property
    def policy(self) -> SchemaPolicy:
        """The settings for the database component."""
        return SchemaPolicy(**self.model_dump())

    def problems(self) -> Iterator[Problem]:
        """Yield a lock timeout that could never apply: the statement would be cancelled first, and not retried."""
        if in_seconds(self.lock_timeout) >= in_seconds(self.statement_timeout):
            what = f"{self.lock_timeout} is not below schemaStatementTimeout ({self.statement_timeout})"
            yield Problem("schemaLockTimeout", what, "lower it, or raise schemaStatementTimeout")
