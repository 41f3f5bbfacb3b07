"""A client of the pool manager's HTTP API, with the operations that rollouts and the command line need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    import requests

TIMEOUT_SECONDS = (5.0, 30.0)
_LONGEST_PROBLEM = 300


class NoAnswer(InfraError):
    """The pool manager does not answer, or its answer is unusable. The same request may work later."""


class NoRoute(NoAnswer):
    """The pool manager answers 404: it lacks the route, or nothing runs there and Railway's edge answers."""


@dataclass(frozen=True)
class PoolApi:
    """One pool manager.

    Attributes:
        url: its URL, without a path.
        key: its bearer key.
        seconds: the timeouts in seconds, for connecting and for the answer.
        unasked: the reason why no request may be sent, which every call raises; empty if requests are allowed.
    """

    url: str
    key: str = field(repr=False)
    seconds: tuple[float, float] = TIMEOUT_SECONDS
    unasked: str = ""

    def version(self) -> dict[str, Any]:
        """Return its version and capabilities.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        return self._asked("GET", "/version", None)

    def reconcile(self) -> None:
        """Run a tick now: it reads Railway and its database.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        self._asked("POST", "/api/pool/reconcile", {})

    def kill(self, agent_id: str) -> None:
        """Delete one agent, claimed or not.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        self._asked("DELETE", f"/api/pool/instances/{quote(agent_id, safe='')}", None)

    def plan(self, variables: Mapping[str, str]) -> dict[str, Any]:
        """Return what a pool manager with these variables would do with the current agents.

        Raises:
            NoAnswer: it does not answer.
            InfraError: it refuses the request.
        """
        return self._asked("POST", "/api/pool/rollout/plan", {"variables": dict(variables)})

    def rollout(self) -> dict[str, Any]:
        """Return the progress of its rollout.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        return self._asked("GET", "/api/pool/rollout", None)

    def status(self) -> dict[str, Any]:
        """Return every agent, without secrets.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        return self._asked("GET", "/api/pool/status", None)

    def events(self) -> list[dict[str, Any]]:
        """Return its latest events, the newest first.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        found: list[dict[str, Any]] = self._asked("GET", "/api/pool/events", None)["events"]
        return found

    def retry(self) -> bool:
        """Retry an image that it has given up; return whether there was one.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        return bool(self._asked("POST", "/api/pool/rollout/retry", {}).get("retrying"))

    def claim(self, agent_name: str, instructions: str) -> str:
        """Claim an idle agent and return its id.

        Raises:
            NoAnswer: it does not answer, or no agent is idle.
            InfraError: it refuses.
        """
        body = {"agentName": agent_name, "instructions": instructions}
        return str(self._asked("POST", "/api/pool/claim", body).get("instanceId"))

    def replenish(self, count: int) -> int:
        """Create `count` agents in addition to those that are kept idle; return how many were made or are being made.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        done = self._asked("POST", "/api/pool/replenish", {"count": count})
        # Older pool managers return lists of ids.
        made = [done.get(name) or 0 for name in ("created", "creating")]
        return sum(len(one) if isinstance(one, list) else int(one) for one in made)

    def drain(self, count: int) -> int:
        """Delete up to `count` idle agents; return the number of deleted agents.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        drained = self._asked("POST", "/api/pool/drain", {"count": count}).get("drained") or 0
        # Older pool managers return a list of ids.
        return len(drained) if isinstance(drained, list) else int(drained)

    def redeploy(self, agent_id: str, *, claimed: bool = False) -> None:
        """Give one agent the newest image and the current keys.

        Args:
            agent_id: its id.
            claimed: whether it may be a claimed one.

        Raises:
            NoAnswer: it does not answer, or there is no such agent.
            InfraError: the agent is not idle, or with `claimed` neither idle nor claimed.
        """
        body = {"claimed": True} if claimed else {}
        self._asked("POST", f"/api/pool/redeploy/{quote(agent_id, safe='')}", body)

    def retire(self, *, claimed: bool) -> int:
        """Close the pool and delete its agents, including claimed ones if requested; return how many are left.

        Raises:
            NoAnswer: as for a plan.
            InfraError: there are claimed agents, and their deletion was not requested.
        """
        return int(self._asked("POST", "/api/pool/retire", {"claimed": claimed}).get("left") or 0)

    def reopen(self) -> bool:
        """Open a pool that was closed; return whether it had been closed.

        Raises:
            NoAnswer, InfraError: as for a plan.
        """
        return bool(self._asked("POST", "/api/pool/reopen", {}).get("opened"))

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        if self.unasked:
            raise NoAnswer("pool-manager", self.unasked)
        import requests  # noqa: PLC0415  # the program, which declares only, needs no HTTP

        try:
            answer = requests.request(
                method,
                self.url.rstrip("/") + path,
                json=body,
                headers={"Authorization": f"Bearer {self.key}"},
                timeout=self.seconds,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NoAnswer("pool-manager", f"{self.url} does not answer ({type(error).__name__})") from error
        found = _object(answer)
        if answer.status_code == requests.codes.ok and found is not None:
            return found
        problem = str((found or {}).get("error") or f"HTTP {answer.status_code}")[:_LONGEST_PROBLEM]
        if answer.status_code in {401, 403}:
            step = "set poolApiKey to the key in use (its POOL_API_KEY), or run pulumi up to give it the stack's"
            raise InfraError("pool-manager", f"it refuses this stack's poolApiKey ({problem})", step)
        if answer.status_code == requests.codes.not_found:
            raise NoRoute("pool-manager", f"{path}: {problem}")
        # While the pool manager is replaced, a proxy may answer with a body of its own.
        if answer.status_code >= 500 or found is None:
            raise NoAnswer("pool-manager", f"{path}: {problem}")
        raise InfraError("pool-manager", problem)


def _object(answer: requests.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
