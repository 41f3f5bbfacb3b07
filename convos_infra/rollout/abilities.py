"""Detects the abilities of a pool manager: one that is not this project's may be able to claim and drain only."""

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
"""How long, in seconds, a new pool manager may take to reach Railway and its database."""
_PAUSE = 1.0


@dataclass(frozen=True)
class Abilities:
    """The abilities of a pool manager.

    Attributes:
        version: the version that it reports; for people.
        rollouts: whether it can move living agents to another image.
        retires: whether it can be closed, which deletes its agents.
    """

    version: str
    rollouts: bool
    retires: bool

    @property
    def bearer_only(self) -> bool:
        """Whether it sends its Railway token as a bearer token, as every pool manager but this project's does.

        Railway does not accept a project token as a bearer token.
        """
        return not self.rollouts


def abilities(api: PoolApi) -> Abilities:
    """Detect the abilities of a pool manager.

    Raises:
        NoAnswer: it does not answer, or the answer may come from something else.
    """
    try:
        told = api.version()
    except NoRoute as error:
        # Railway's edge also answers 404 while nothing runs. Only a status proves that a pool manager answered.
        if not _is_status(api.status()):
            raise NoAnswer("pool-manager", "it does not answer like a pool manager") from error
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
    """Tell whether a pool manager can delete its agents and stop creating more; True if it does not answer."""
    try:
        return abilities(api).retires
    except Failure:
        return True


def wait_until_answering(
    api: PoolApi,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = REACH_SECONDS,
) -> Abilities:
    """Return the abilities of a pool manager that was just deployed.

    Raises:
        InfraError: it does not answer in time.
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
    """Raise an error if a policy needs rollouts and the pool manager has none.

    Raises:
        InfraError: it has no rollouts, and the policy is not `hold`.
    """
    if policy != hold and not found.rollouts:
        problem = f"{policy[:40]} needs a pool manager with rollouts; version {found.version}, which runs now, has none"
        step = f"pulumi config set rolloutPolicy {hold}; if another pool manager will replace it, deploy that one first"
        raise InfraError("rolloutPolicy", problem, step)


def refuse_unfit_token(found: Abilities, *, made_token: bool) -> None:
    """Raise an error if the pool manager cannot use the token that the stack creates.

    Raises:
        InfraError: it sends a bearer token, and the stack creates a project token.
    """
    if made_token and found.bearer_only:
        problem = (
            f"missing: the running pool manager (version {found.version}) sends its token as Authorization: Bearer,"
            " and Railway does not accept a project token there"
        )
        step = (
            "pulumi config set --secret poolRailwayToken with an account or workspace token;"
            " if another pool manager will replace it, deploy that one first"
        )
        raise InfraError("poolRailwayToken", problem, step)


def check_reach(
    api: PoolApi,
    found: Abilities,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = REACH_SECONDS,
) -> None:
    """Check that a pool manager reaches Railway and its database.

    The status of one with rollouts reports its last read of both. The status of another one may come from its database
    alone, so that one is asked to reconcile, which runs its next tick early.

    Raises:
        InfraError: it did not reach them in time.
    """
    began = clock()
    while True:
        problem = _unreached(api.status if found.rollouts else api.reconcile)
        if not problem:
            return
        if clock() - began + _PAUSE > seconds:
            step = "see its log on Railway; fix its token (poolRailwayToken) or its database, then run pulumi up"
            problem = f"it runs, but cannot read Railway and its database: {problem}"
            raise InfraError("pool-manager", problem, step)
        sleep(_PAUSE)


def _unreached(ask: Callable[[], object]) -> str:
    try:
        ask()
    except Failure as error:
        return error.problem
    return ""


def _is_status(answer: dict[str, object]) -> bool:
    return isinstance(answer.get("counts"), dict)
