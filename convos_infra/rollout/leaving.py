"""What becomes of agents when their stack is destroyed."""

from __future__ import annotations

import time
from collections.abc import Callable

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoAnswer, PoolApi
from railway_api.failure import Failure

REFUSE, DELETE = "refuse", "delete"
ON_DESTROY = (REFUSE, DELETE)
KEY = "agentsOnDestroy"
VARIABLE = "AGENTS_ON_DESTROY"
"""Takes the place of the key: a destroy has the config of the last update, and one more update may not be possible."""
DELETE_ALL = f"to delete them too: {VARIABLE}={DELETE} pulumi destroy"


def retire(
    api: PoolApi, on_destroy: str, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Have the pool manager delete its agents, before it goes itself and nobody is left to do it.

    Args:
        api: the pool manager.
        on_destroy: `refuse`, which is the default, stops where somebody has an agent, `delete` deletes those as well.
        tell: told what happens, a line at a time.
        sleep: injected by tests.

    Raises:
        InfraError: agents are somebody's, or it is not known whether any is; the pool goes on as before.
    """
    if on_destroy not in ("", *ON_DESTROY):
        raise InfraError(VARIABLE, f"must be {REFUSE} or {DELETE}, not {on_destroy[:20]!r}")
    left = 1
    while left:
        try:
            left = api.retire(claimed=on_destroy == DELETE)
        except Failure as error:
            if on_destroy == DELETE:
                # Those in an environment of the stack's own go with it.
                tell(f"agents: left as they are, {error.problem}")
                return
            if isinstance(error, NoAnswer):
                problem = f"whether somebody has one is not known: {error.problem}"
                raise InfraError("agents", problem, f"mend it; or, {DELETE_ALL}") from error
            raise InfraError("agents", error.problem, f"let them end first; or, {DELETE_ALL}") from error
        if left:
            tell(f"agents: {left} are left to delete")
            sleep(0.1)
