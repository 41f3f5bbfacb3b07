"""Whether agents share the pool's Railway project, or have one each, and the tokens for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

AGENT_PROJECTS, FURTHER_TOKENS = "POOL_AGENT_PROJECTS", "POOL_RAILWAY_TOKENS"
SHARED, PER_AGENT = "shared", "per-agent"
DESCRIPTION = "Convos agent {id} of the pool in environment {environment}"
"""The description of an agent's project, by which its pool recognises it."""


def is_of_agent(description: str | None) -> bool:
    """Tell whether a project's description is that of an agent of any pool."""
    return (description or "").startswith(DESCRIPTION.partition("{")[0])


def tokens_in(text: str) -> tuple[str, ...]:
    """Return the tokens in a value of POOL_RAILWAY_TOKENS, without duplicates."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def token_problems(given: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield each variable with a problem, the problem, and what to do.

    Args:
        given: the variables that are set.
    """
    is_project_token = given.get("RAILWAY_TOKEN_KIND") == "project"
    if is_project_token and given.get(AGENT_PROJECTS) == PER_AGENT:
        yield AGENT_PROJECTS, "a project token cannot create projects", "use an account or workspace token"
    if is_project_token and tokens_in(given.get(FURTHER_TOKENS, "")):
        yield FURTHER_TOKENS, "RAILWAY_API_TOKEN is a project token", "use account or workspace tokens only"
