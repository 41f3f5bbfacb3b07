"""What all Railway providers of one process share: a client, its reads, and which deployments this run has made."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from convos_infra.errors import InfraError
from convos_infra.provider import Provider, is_unknown
from convos_infra.railway.declaring import Declaring, environment_key
from convos_infra.railway.poll import Poll
from convos_infra.railway.snapshot import Gone, Snapshot, Snapshots
from railway_api.client import DEFAULT_ENDPOINT, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENDPOINT_VARIABLE, TOKEN_VARIABLE = "RAILWAY_ENDPOINT", "RAILWAY_API_TOKEN"
PROJECT_TOKEN_VARIABLE = "RAILWAY_TOKEN"  # noqa: S105
"""Railway's own CLI reads a project token under this name (railwayapp/cli src/config.rs)."""
DEFAULT_TIMEOUT_SECONDS = 900.0
_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class Session:
    """One credential at one endpoint, for the life of the process.

    Attributes:
        client: sends.
        snapshots: shared reads.
        poll: asks for every deployment that is waited for.
        fresh: ids of deployments that this process has caused; one that fails is a failure, not something to try again.
        costing: the services whose change makes a deployment, as far as they were looked at.
        declaring: what the program says of its environments, as far as its resources were checked.
    """

    client: Client = field(repr=False)
    snapshots: Snapshots = field(repr=False)
    fresh: set[str] = field(default_factory=set)
    costing: list[str] = field(default_factory=list)
    creating: Any = field(default_factory=threading.Lock, repr=False)
    declaring: Declaring = field(default_factory=Declaring, repr=False)
    poll: Poll = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "poll", Poll(self.client))

    def read(self, props: Mapping[str, Any], *, thing: str, fresh: bool = False) -> Snapshot:
        """Return the environment that a resource's properties name; raises Gone."""
        return self.snapshots.read(props["projectId"], props["environmentId"], thing=thing, fresh=fresh)

    def announce_deployment(self, service: str) -> None:
        """Count a deployment that the change of a service will make, and say the sum: the last line has all of them."""
        with self.creating:
            if service in self.costing:
                return
            self.costing.append(service)
            count, names = len(self.costing), ", ".join(sorted(self.costing))
            self.client.progress(f"{count} deployment{'s' * (count > 1)}: {names}")

    def until(self, seen: Callable[[], _Seen | None]) -> _Seen | None:
        """Ask until a committed change shows, or `Timing.stick_seconds` are over: reads lag behind (facts §3)."""
        deadline, pause = self.client.clock() + self.client.timing.stick_seconds, 0.2
        while True:
            found = seen()
            if found is not None or self.client.clock() > deadline:
                return found
            self.client.sleep(pause)
            pause = min(pause * 2, 3.0)

    def prove_sight(self, props: Mapping[str, Any], *, thing: str) -> None:
        """Read the environment before something in it leaves the state without a call of its own.

        Raises:
            RailwayError: it cannot be read, for example with a foreign token: then the state has to stay as it is.
        """
        with contextlib.suppress(Gone):
            self.read(props, thing=thing)

    def living(self, props: Mapping[str, Any], *, thing: str, fresh: bool = False) -> Snapshot:
        """Return the environment, for a change of something in it.

        Raises:
            InfraError: it is gone.
        """
        try:
            return self.read(props, thing=thing, fresh=fresh)
        except Gone as gone:
            problem = f"its environment {props['environmentId']} does not exist any more"
            raise InfraError(thing, problem, "run pulumi refresh, then pulumi up makes it again") from gone


@functools.lru_cache(maxsize=8)
def _session(endpoint: str, token: str, project_token: bool) -> Session:  # noqa: FBT001  # a cache's key
    client = Client(endpoint, token, project_token=project_token)
    return Session(client, Snapshots(client))


_first_use = threading.Lock()


class RailwayProvider(Provider):
    """The base of the Railway providers: knows the session of its stack's configuration."""

    def session(self) -> Session:
        """Return the process's session for this stack's endpoint and token.

        An account or workspace token comes before a project token, which serves an environment that exists.

        Raises:
            InfraError: there is no token, or the endpoint must not see one.
        """
        token = (self.setting("railwayToken") or os.environ.get(TOKEN_VARIABLE, "")).strip()
        of_project = "" if token else os.environ.get(PROJECT_TOKEN_VARIABLE, "").strip()
        if not token and not of_project:
            raise InfraError(
                "railwayToken",
                "there is none",
                f"export {TOKEN_VARIABLE}, or pulumi config set --secret railwayToken",
            )
        endpoint = self.setting("railwayEndpoint") or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
        with _first_use:
            return _session(endpoint, token or of_project, bool(of_project))

    def declaring(self) -> Declaring:
        """Return what the program has said so far.

        A preview without changes needs no token, and neither does a check of inputs alone: then nothing is looked up
        in the environment either, and what is said is forgotten again.
        """
        if not hasattr(self, "_config"):
            return Declaring()
        try:
            return self.session().declaring
        except InfraError:
            return Declaring()

    def declare(self, props: Mapping[str, Any], service: Any, **said: Any) -> None:
        """Remember what the program says of a service, for the references of others to it."""
        if isinstance(service, str) and not is_unknown(service):
            self.declaring().service(environment_key(props), service, **said)
