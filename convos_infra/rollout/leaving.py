"""What becomes of agents when their stack is destroyed."""

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
"""Takes the place of the key: a destroy has the config of the last update, and one more update may not be possible."""
DELETE_ALL = f"to delete them too: {VARIABLE}={DELETE} pulumi destroy"
STUCK_SECONDS = 120.0
"""How long the number of agents that are left may stay the same: one request deletes for up to 15 seconds."""
_IN_USE = ("claimed", "released", "crashed")
_NAMED = 5
MOST_DRAINED = 20
"""How many agents one request drains at most."""


def on_destroy(setting: Callable[[str], str], environ: Mapping[str, str]) -> str:
    """Return what a stack says about its agents; the variable takes the key's place."""
    return environ.get(VARIABLE) or setting(KEY)


@dataclass(frozen=True)
class Time:
    """How time passes; injected by tests."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def refuse_where_in_use(api: PoolApi, claimed: str, prefix: str) -> None:
    """Ask whether somebody has an agent; changes nothing.

    Args:
        api: the pool manager.
        claimed: as for `retire`; with `delete` there is nothing to ask.
        prefix: how the names of agents' services begin; one that nobody ever had is called by that and its id alone.

    Raises:
        InfraError: somebody has one, or had it and left it, or it is not known; and it was not said that it may go.
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
    """Have the pool manager delete its agents, before it goes itself and nothing would delete them.

    Args:
        api: the pool manager.
        claimed: `refuse`, which is the default, stops where somebody has an agent, `delete` deletes those as well.
        tell: told what happens, a line at a time.
        time_: how time passes.

    Raises:
        InfraError: agents are somebody's, or it is not known whether any is, or they cannot be deleted; what is left
            of the pool goes on as before.
    """
    _check(claimed)
    time_ = time_ or Time()
    left, since = -1, time_.clock()
    while left:
        try:
            now = api.retire(claimed=claimed == DELETE)
        except Failure as error:
            if claimed == DELETE:
                # Those in an environment of the stack's own go with it.
                tell(f"agents: left as they are, {error.problem}")
                return
            raise _refused(error) from error
        if now != left:
            left, since = now, time_.clock()
        elif time_.clock() - since > STUCK_SECONDS:
            _stuck(left, claimed, tell)
            return
        if left:
            tell(f"agents: {left} are left to delete")
            time_.sleep(0.1)


def _stuck(left: int, claimed: str, tell: Callable[[str], None]) -> None:
    problem = f"{left} could not be deleted within {STUCK_SECONDS:g} s"
    if claimed != DELETE:
        raise InfraError("agents", problem, f"see the pool manager's log; or, {DELETE_ALL}")
    tell(f"agents: {problem}, left as they are")


def _check(claimed: str) -> None:
    if claimed not in ("", *ON_DESTROY):
        raise InfraError(VARIABLE, f"must be {REFUSE} or {DELETE}, not {claimed[:20]!r}")


def _agents(api: PoolApi) -> list[Mapping[str, Any]]:
    """Return every agent with `id`, `service` and `state`, whichever pool manager tells of them.

    Raises:
        NoAnswer: it tells of none, not even that there are none.
    """
    rows = agent_rows(api.status())
    if rows is None:
        raise NoAnswer("pool-manager", "its status lists no agents")
    return rows


def drain(api: PoolApi, claimed: str, prefix: str, tell: Callable[[str], None], time_: Time | None = None) -> None:
    """Have a pool manager that cannot be closed delete its agents: the idle ones, and where told all of them.

    It goes on making idle ones until its own service goes, so what is left is said and left.

    Args:
        api: the pool manager.
        claimed: as for `retire`.
        prefix: how the names of agents' services begin.
        tell: told what happens, a line at a time.
        time_: how time passes.

    Raises:
        InfraError: agents are somebody's, or it is not known whether any is.
    """
    time_ = time_ or Time()
    refuse_where_in_use(api, claimed, prefix)
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
        tell(f"agents: left as they are, {error.problem}")
        return
    tell(f"agents: {max(0, wanted - left)} deleted, {left} are left: this pool manager cannot be closed")


def _is_in_use(row: Mapping[str, Any], prefix: str) -> bool:
    """Tell whether somebody has or had an agent: its state says so, or its service's name, which a claim changes."""
    return row.get("state") in _IN_USE or row.get("service") != f"{prefix}{row.get('id')}"


def _refused(error: Failure) -> InfraError:
    if isinstance(error, NoAnswer):
        problem = f"whether somebody has one is not known: {error.problem}"
        return InfraError("agents", problem, f"mend it; or, {DELETE_ALL}")
    return InfraError("agents", error.problem, f"let them end first; or, {DELETE_ALL}")
