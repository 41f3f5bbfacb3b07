"""What a pool manager can do, asked once: another one than this project's may claim and drain, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoAnswer, NoRoute
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.rollout.pool_api import PoolApi

ROLLOUT, RETIRE = "rollout", "retire"
REACH_SECONDS = 300.0
"""How long a new pool manager may take to reach Railway and its database."""
_PAUSE = 1.0


@dataclass(frozen=True)
class Abilities:
    """What a pool manager can do.

    Attributes:
        version: as it says it; for people.
        rollouts: whether it moves living agents to another image.
        retires: whether it can be closed, its agents deleted with it.
    """

    version: str
    rollouts: bool
    retires: bool

    @property
    def bearer_only(self) -> bool:
        """Whether it sends its Railway token as a bearer, which a project token is not: all but this project's do."""
        return not self.rollouts


def abilities(api: PoolApi) -> Abilities:
    """Ask a pool manager what it can do.

    Raises:
        NoAnswer: it does not answer, or it is not known whether it was a pool manager that did.
    """
    try:
        told = api.version()
    except NoRoute as error:
        # Railway's own edge says 404 as well, while nothing runs: only a status proves that a pool manager does.
        if not _is_status(api.status()):
            raise NoAnswer("pool-manager", "it does not answer as a pool manager does") from error
        told = {}
    version = str(told.get("version") or "unknown")[:40]
    known = told.get("capabilities")
    if isinstance(known, list):
        return Abilities(version if version.isprintable() else "unknown", ROLLOUT in known, RETIRE in known)
    try:
        api.rollout()
    except NoRoute:
        return Abilities(version if version.isprintable() else "unknown", rollouts=False, retires=False)
    return Abilities(version, rollouts=True, retires=True)


def can_be_closed(api: PoolApi) -> bool:
    """Say whether a pool manager deletes its agents and makes no more; True as well where it does not answer."""
    try:
        return abilities(api).retires
    except Failure:
        return True


def once_it_answers(
    api: PoolApi,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = REACH_SECONDS,
) -> Abilities:
    """Return what a pool manager that was just deployed can do.

    Raises:
        InfraError: it does not answer within the time.
    """
    began = clock()
    while True:
        try:
            return abilities(api)
        except NoAnswer:
            if clock() - began + _PAUSE > seconds:
                raise
        sleep(_PAUSE)


def refuse_without_rollouts(found: Abilities, policy: str, hold: str) -> None:
    """Stop where a policy needs what the pool manager does not have.

    Raises:
        InfraError: it has no rollouts, and the policy is not to hold.
    """
    if policy != hold and not found.rollouts:
        problem = f"{policy[:40]} needs a pool manager with rollouts, and the one that runs (version {found.version})"
        step = f"pulumi config set rolloutPolicy {hold}; where another pool manager is to replace it, deploy that first"
        raise InfraError("rolloutPolicy", f"{problem} has none", step)


def refuse_unfit_token(found: Abilities, *, made_token: bool) -> None:
    """Stop where the pool manager cannot use the token that the stack makes.

    Raises:
        InfraError: it sends the token as a bearer, and that is a project token.
    """
    if made_token and found.bearer_only:
        problem = (
            f"missing: the pool manager that runs (version {found.version}) sends its token as Authorization: Bearer,"
            " which Railway takes no project token as"
        )
        step = (
            "pulumi config set --secret poolRailwayToken with an account or workspace token;"
            " where another pool manager is to replace it, deploy that first"
        )
        raise InfraError("poolRailwayToken", problem, step)


def check_reach(
    api: PoolApi,
    found: Abilities,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = REACH_SECONDS,
) -> None:
    """Ask whether a pool manager reaches Railway and its database.

    The status of one with rollouts is what it last saw of both. Another one's may be its database alone, so that is
    asked to reconcile, which is the next tick before its time.

    Raises:
        InfraError: it has not within the time.
    """
    began = clock()
    while True:
        problem = _unreached(api.status if found.rollouts else api.reconcile)
        if not problem:
            return
        if clock() - began + _PAUSE > seconds:
            step = "see its log on Railway; mend its token (poolRailwayToken) or its database, then pulumi up"
            raise InfraError(
                "pool-manager", f"it runs, but its look at Railway and the database fails: {problem}", step
            )
        sleep(_PAUSE)


def _unreached(ask: Callable[[], object]) -> str:
    try:
        ask()
    except Failure as error:
        return error.problem
    return ""


def _is_status(answer: dict[str, object]) -> bool:
    return isinstance(answer.get("counts"), dict)
