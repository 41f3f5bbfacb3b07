"""Which part `/metrics` blames for a failure."""

from __future__ import annotations

import pytest
from convos_pool.errors import (
    AgentError,
    ConflictError,
    CreationThrottledError,
    CredentialError,
    DatabaseUnavailableError,
    MissingTableError,
    NoIdleAgentError,
    RailwayCallError,
    UnavailableError,
)
from convos_pool.tally import failure_kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CreationThrottledError("projectCreate", 30.0), "throttled"),
        (RailwayCallError("agents", "refused"), "railway"),
        (AgentError("no answer", refused=False), "agent"),
        (CredentialError("OpenRouter: HTTP 503"), "account"),
        (DatabaseUnavailableError("database: no answer for 8 s"), "database"),
        (MissingTableError("database: agent_metadata is missing"), "database"),
        (UnavailableError("claim: the pool is closed"), "refused"),
        (UnavailableError("claim: none of 3 idle agents could be handed out"), "refused"),
        (NoIdleAgentError("No idle instances available."), "refused"),
        (ConflictError("tick: a newer pool manager is in charge"), "refused"),
        (ZeroDivisionError(), "internal"),
    ],
)
def test_a_failure_is_counted_for_the_part_that_failed(error: Exception, kind: str) -> None:
    assert failure_kind(error) == kind
