"""Retires the agents when their stack is destroyed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.rollout.agent_rows import agent_rows
from convos_infra.rollout.pool_api import NoAnswer, PoolApi
from railway_api.failure import Failure

REFUSE, DELETE = "refuse", "delete"
ON_DESTROY = (REFUSE, DELETE)
KEY = "agentsOnDestroy"
VARIABLE = "AGENTS_ON_DESTROY"
"""Overrides the key: a destroy uses the config of the last update, and another update may not be possible."""
DELETE_ALL = f"to delete them too: {VARIABLE}={DELETE} pulumi destroy"
STUCK_SECONDS = 120.0
"""How long, in seconds, the number of remaining agents may stay the same: one request deletes for up to 15 seconds."""
_IN_USE = ("claimed", "released", "crashed")
_NAMED = 5
MOST_DRAINED = 20
"""The most agents that one request drains."""


def on_destroy(setting: Callable[[str], str], environ: Mapping[str, str]) -> str:
    """Return the stack's policy for its agents; the environment variable overrides the key."""
    return environ.get(VARIABLE) or setting(KEY)


@dataclass(frozen=True)
class Time:
    """The clock; injected by tests."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def refuse_if_in_use(api: PoolApi, claimed: str, prefix: str) -> None:
    """Check that no agent is in use; this changes nothing.

    Args:
        api: the pool manager.
        claimed: as for `retire`; with `delete` there is nothing to check.
        prefix: the prefix of agents' services. A service that was never claimed is named by the prefix and its id.

    Raises:
        InfraError: an agent is or was claimed, or that is unknown; and its deletion was not requested.
    """
    _check(claimed)
    if claimed == DELETE:
        return
    try:
        rows = _agents(api)
    except Failure as error:
        raise _refused(error) from error
    theirs = sorted(f"{row.get('service')} ({row.get('state')})" for row in rows if _is_in_use(row, prefix))
    if theirs:
        more = f" and {len(theirs) - _NAMED} more" if len(theirs) > _NAMED else ""
        raise _refused(InfraError("agents", f"in use: {', '.join(theirs[:_NAMED])}{more}"))


def retire(api: PoolApi, claimed: str, tell: Callable[[str], None], time_: Time | None = None) -> None:
    """Make the pool manager delete its agents; after its own deletion nothing would delete them.

    Args:
        api: the pool manager.
        claimed: with `refuse`, the default, a claimed agent is an error; with `delete`, it is deleted too.
        tell: called with each line of progress.
        time_: the clock.

    Raises:
        InfraError: an agent is claimed, or that is unknown, or agents cannot be deleted. The rest of the pool keeps
            running.
    """
    _check(claimed)
    time_ = time_ or Time()
    left, since = -1, time_.clock()
    while left:
        try:
            now = api.retire(claimed=claimed == DELETE)
        except Failure as error:
            if claimed == DELETE:
                # If the stack owns the environment, they are deleted with it.
                tell(f"agents: kept, {error.problem}")
                return
            raise _refused(error) from error
        if now != left:
            left, since = now, time_.clock()
        elif time_.clock() - since > STUCK_SECONDS:
            _stuck(left, claimed, tell)
            return
        if left:
            tell(f"agents: {left} left to delete")
            time_.sleep(0.1)


def _stuck(left: int, claimed: str, tell: Callable[[str], None]) -> None:
    problem = f"{left} could not be deleted within {STUCK_SECONDS:g} s"
    if claimed != DELETE:
        raise InfraError("agents", problem, f"see the pool manager's log; or, {DELETE_ALL}")
    tell(f"agents: {problem}, kept")


def _check(claimed: str) -> None:
    if claimed not in ("", *ON_DESTROY):
        raise InfraError(VARIABLE, f"must be {REFUSE} or {DELETE}, not {claimed[:20]!r}")


def _agents(api: PoolApi) -> list[Mapping[str, Any]]:
    """Return every agent with `id`, `service` and `state`, from any pool manager.

    Raises:
        NoAnswer: its status contains no list of agents.
    """
    rows = agent_rows(api.status())
    if rows is None:
        raise NoAnswer("pool-manager", "its status lists no agents")
    return rows


def drain(api: PoolApi, claimed: str, prefix: str, tell: Callable[[str], None], time_: Time | None = None) -> None:
    """Make a pool manager that cannot be closed delete its agents: the idle ones, or all of them if requested.

    It keeps creating idle agents until its own service is deleted, so the remaining ones are reported and kept.

    Args:
        api: the pool manager.
        claimed: as for `retire`.
        prefix: the prefix of agents' services.
        tell: called with each line of progress.
        time_: the clock.

    Raises:
        InfraError: an agent is claimed, or that is unknown.
    """
    time_ = time_ or Time()
    refuse_if_in_use(api, claimed, prefix)
    began, gone = time_.clock(), 0
    try:
        wanted = len(_agents(api))
        if claimed == DELETE:
            for row in [row for row in _agents(api) if _is_in_use(row, prefix)]:
                api.kill(str(row.get("id")))
                gone += 1
        while gone < wanted and time_.clock() - began < STUCK_SECONDS:
            drained = api.drain(min(wanted - gone, MOST_DRAINED))
            if drained <= 0:
                break
            gone += drained
        left = len(_agents(api))
    except Failure as error:
        if claimed != DELETE:
            raise _refused(error) from error
        tell(f"agents: kept, {error.problem}")
        return
    tell(f"agents: {max(0, wanted - left)} deleted, {left} are left: this pool manager cannot be closed")


def _is_in_use(row: Mapping[str, Any], prefix: str) -> bool:
    """Tell whether an agent is or was claimed: its state shows it, or its service's name, which a claim changes."""
    return row.get("state") in _IN_USE or row.get("service") != f"{prefix}{row.get('id')}"


def _refused(error: Failure) -> InfraError:
    if isinstance(error, NoAnswer):
        problem = f"unknown whether any is claimed: {error.problem}"
        return InfraError("agents", problem, f"fix that; or, {DELETE_ALL}")
    return InfraError("agents", error.problem, f"let them end first; or, {DELETE_ALL}")
