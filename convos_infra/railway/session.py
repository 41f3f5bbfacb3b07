"""What all Railway providers of one process share: a client, its reads, and which deployments this run has made."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi.dynamic import CheckResult, CreateResult, ReadResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, DestroyPolicy, is_owned, policy
from convos_infra.provider import Props, Provider, is_unknown
from convos_infra.railway import takeover, unasked_destroy
from convos_infra.railway.absence import PendingDeletion
from convos_infra.railway.declaring import Declaring, environment_key
from convos_infra.railway.group import Group, Groups
from convos_infra.railway.poll import Poll
from convos_infra.railway.run import Run
from convos_infra.railway.snapshot import Gone, Snapshot
from convos_infra.railway.snapshots import FRESH_SECONDS, REFRESH_SECONDS, Snapshots
from convos_infra.railway.traffic import Traffic, most_at_once
from convos_infra.railway.until import until
from railway_api.endpoint import DEFAULT_ENDPOINT
from railway_api.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convos_infra.railway.bound import BoundPlace
    from railway_api.client import Client

ENDPOINT_VARIABLE, TOKEN_VARIABLE = "RAILWAY_ENDPOINT", "RAILWAY_API_TOKEN"
PROJECT_TOKEN_VARIABLE = "RAILWAY_TOKEN"  # noqa: S105
"""Railway's own CLI reads a project token under this name (railwayapp/cli src/config.rs)."""
DEFAULT_TIMEOUT_SECONDS, _NAMES_SHOWN = 900.0, 6
TAKEN_OVER = "taken over, this stack did not make it"
_Seen = TypeVar("_Seen")
_Member = TypeVar("_Member")


@dataclass(frozen=True)
class Session:
    """One credential at one endpoint, for the life of the process.

    Attributes:
        client: sends.
        snapshots: shared reads.
        poll: asks for every deployment that is waited for.
        fresh: ids of deployments that this process has caused; one that fails is a failure, not something to try again.
        updated: ids of the services whose configuration this process has updated: no preview saw what is recorded of
            them now.
        made: ids of the services that this process has made.
        creating: held by who reads and changes `announced`.
        announced: the services whose change makes a deployment, as far as they were looked at.
        anew: what this process has made or mounted that only a deployment takes up, with the id of its service.
        declaring: what the program says of its environments, as far as its resources were checked.
        run: what this run has seen so far.
        groups: what waits to be carried out together, by what carries it out and where.
        traffic: what Pulumi has sent.
    """

    client: Client = field(repr=False)
    snapshots: Snapshots = field(repr=False)
    fresh: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    announced: list[str] = field(default_factory=list)
    anew: set[tuple[str, BoundPlace]] = field(default_factory=set)
    creating: Any = field(default_factory=threading.Lock, repr=False)
    declaring: Declaring = field(default_factory=Declaring, repr=False)
    run: Run = field(default_factory=Run)
    traffic: Traffic = field(init=False, repr=False)
    groups: Groups = field(init=False, repr=False)
    poll: Poll = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "poll", Poll(self.client))
        traffic = Traffic(self.client.clock, most_at_once(os.environ), lambda: self.client.in_flight.seconds)
        object.__setattr__(self, "traffic", traffic)
        object.__setattr__(self, "groups", Groups(self.client.sleep, self.client.clock, traffic))

    @property
    def has_changed(self) -> bool:
        """Whether this process has created or changed a service, which no preview does."""
        return bool(self.made or self.updated)

    def read(
        self, props: Mapping[str, Any], *, subject: str, fresh: bool = False, age: float = FRESH_SECONDS
    ) -> Snapshot:
        """Return the environment that a resource's properties name; `fresh` and `age` are those of `Snapshots.read`.

        Raises:
            Gone: it is proved that it does not exist.
            InfraError: its marker says that another stack manages it.
        """
        where = (props["projectId"], props["environmentId"])
        snapshot = self.snapshots.read(*where, subject=subject, fresh=fresh, age=age)
        takeover.refuse_others(snapshot, self.run.stacks)
        return snapshot

    def refreshed(self, props: Mapping[str, Any], *, subject: str) -> Snapshot:
        """Return the environment as this run's refresh sees it, which is one picture for all resources; raises Gone."""
        return self.snapshots.read(props["projectId"], props["environmentId"], subject=subject, age=REFRESH_SECONDS)

    def announce_deployment(self, service: str, because: Sequence[str]) -> None:
        """Say that the change of a service makes a deployment, a line each; the last line's number is their sum."""
        with self.creating:
            if service not in self.announced:
                self.announced.append(service)
                names = ", ".join(because[:_NAMES_SHOWN]) + (", …" if len(because) > _NAMES_SHOWN else "")
                self.client.progress(f"deployment {len(self.announced)} of this update: {service} ({names})")

    def until(self, seen: Callable[[], _Seen | None]) -> _Seen | None:
        """Ask until a committed change shows, or `Timing.stick_seconds` are over."""
        return until(self.client, seen, self.client.timing.stick_seconds)

    def group(self, carry_out: Callable[[Session, Sequence[_Member]], None], environment_id: str) -> Group[_Member]:
        """Return those that wait to be carried out together in an environment; the arguments are those of `Groups`."""
        return self.groups.of(carry_out, self, environment_id)

    def assert_readable(self, props: Mapping[str, Any], *, subject: str) -> None:
        """Read the environment, once, before something in it leaves the state without a call of its own.

        Raises:
            RailwayError: it cannot be read, for example with a foreign token: then the state has to stay as it is.
        """
        if not self.snapshots.was_read(str(props["environmentId"])):
            with contextlib.suppress(Gone):
                self.read(props, subject=subject)

    def living(
        self, props: Mapping[str, Any], *, subject: str, fresh: bool = False, age: float = FRESH_SECONDS
    ) -> Snapshot:
        """Return the environment, for a change of something in it; `fresh` and `age` are those of `Snapshots.read`.

        Raises:
            InfraError: it is gone.
        """
        try:
            return self.read(props, subject=subject, fresh=fresh, age=age)
        except Gone as gone:
            problem = f"its environment {props['environmentId']} does not exist any more"
            raise InfraError(subject, problem, "run pulumi refresh, then pulumi up makes it again") from gone


@functools.lru_cache(maxsize=8)
def _session(endpoint: str, token: str, project_token: bool) -> Session:  # noqa: FBT001  # a cache's key
    from railway_api.client import Client  # noqa: PLC0415  # the program, which declares only, needs no HTTP

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

    def check(self, olds: Props, news: Props) -> CheckResult:
        """Note that this run has a program: it is no destroy, whose preview nobody may have seen."""
        if (run := self.run()) is not None:
            run.is_update = True
            self.session().traffic.heard()
        result = super().check(olds, news)
        if run is not None and not olds:
            adopts = str(result.inputs.get(ADOPTS) or "")
            with run.lock:
                run.adopts.update([adopts] if adopts else [])
                run.created[type(self).__name__.removesuffix("Provider")] += not adopts
        return result

    def create(self, props: Props) -> CreateResult:
        """Name what is taken over, if it is changed or counts as this stack's own.

        Pulumi hands nothing of a preview to its update, and somebody may have made it in between.
        """
        run, kind = self.run(), type(self).__name__.removesuffix("Provider")
        if run is not None and (line := takeover.taken_over(props, kind, run.adopts)):
            self.session().client.progress(line)
        return super().create(props)

    def under_way(self) -> contextlib.AbstractContextManager[None]:
        """Count an operation among those that Pulumi has sent."""
        return contextlib.nullcontext() if self.run() is None else self.session().traffic.operation()

    def recorded_now(self, id_: str, props: Props) -> ReadResult:
        """Keep what is recorded of a thing in a project or an environment whose deletion is scheduled, and say so."""
        try:
            return self.current(id_, props)
        except PendingDeletion as pending:
            self.say_once(str(pending))
            return ReadResult(id_, props)

    def removed(self, id_: str, props: Props) -> None:
        """Leave it to Railway, in a destroy, where the deletion of its project or environment is scheduled already."""
        try:
            self.deleted(id_, props)
        except PendingDeletion as pending:
            if self.session().run.is_update:
                raise
            self.say_once(f"left to Railway: {pending}")

    def say_once(self, line: str) -> None:
        """Print a progress line, unless this run has printed it already."""
        if self.session().run.is_new(line):
            self.session().client.progress(line)

    def run(self) -> Run | None:
        """Return what this run has seen so far; None without a token, as a preview that asks nothing needs none."""
        if not hasattr(self, "_config"):
            return None
        with contextlib.suppress(Failure):
            return self.session().run
        return None

    def count_change(self, *, is_one: bool) -> None:
        """Note that a service gets another configuration, for the budget of calls."""
        if is_one and (run := self.run()) is not None:
            with run.lock:
                run.changed += 1

    def policy(self) -> DestroyPolicy:
        """Return what the stack says about its own end.

        Raises:
            InfraError: a value of it is not one of those that are allowed.
        """
        return policy(self.setting, os.environ)

    def leaves(
        self, props: Mapping[str, Any], subject: str, *, otherwise: bool, holds: bool = False, why: str = TAKEN_OVER
    ) -> bool:
        """Say whether a deletion leaves a thing, as this stack took it over, and tell the user if so.

        Args:
            props: of the thing, in the state.
            subject: what it is called in the line that the user reads.
            otherwise: whether the stack made it where its state says neither.
            holds: whether its environment must then stay as well.
            why: the reason, for the line.
        """
        if self.policy().adopted or is_owned(props, otherwise=otherwise):
            return False
        session = self.session()
        session.client.progress(f"keeps {subject}: {why}")
        if holds:
            session.run.kept.add(str(props["environmentId"]))
        return True

    def guard(self, props: Mapping[str, Any], subject: str) -> None:
        """Refuse a deletion in a destroy whose gate has not asked; raises and asks as `unasked_destroy.refuse`."""
        unasked_destroy.refuse(self.session(), props, subject, self.policy())
