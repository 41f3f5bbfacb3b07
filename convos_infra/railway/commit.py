"""Sends changes of services to Railway, as one patch or as deployments of what is stored, and reads them back.

Neither ends before a read shows the result, so that the state records what Railway has. A patch holds every service
that waits for one; Railway applies it as a whole or not at all, and does not say which service it refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from convos_infra.errors import InfraError
from convos_infra.railway import patch_plan
from convos_infra.railway.change import REMOVES
from convos_infra.railway.environment_config import BY_NAME, VARIABLES
from convos_infra.railway.service_reads import read_services
from railway_api import documents
from railway_api.errors import AlreadyExists, Invalid, NotAuthorized, NotFound, Opaque, RailwayError, Refused
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.railway.deployment import DeploymentState
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

Props = Mapping[str, Any]
Outcome: TypeAlias = "Snapshot | Exception"
REFUSED = (Invalid, Refused, NotFound, NotAuthorized, AlreadyExists, Opaque)
"""The errors with which Railway refuses a patch because of one of its services, or because of all."""
_NAMES_SHOWN = 3
_Part = TypeVar("_Part")
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True)
class ServicePatch:
    """One service's part of what is sent.

    Attributes:
        wanted: the service's new inputs.
        plan: its patch.
        old: its newest deployment before.
        expects: whether a new deployment is waited for.
    """

    wanted: Props = field(repr=False)
    plan: patch_plan.Plan
    old: DeploymentState | None
    expects: bool

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.wanted["service"])

    @property
    def service_id(self) -> str:
        """The service's id."""
        return str(self.wanted["serviceId"])

    def missing(self, now: Snapshot) -> list[str]:
        """Return which of the service's inputs the environment does not have."""
        live = now.service(self.service_id) or {}
        return _unsettled(patch_plan.plan({}, self.wanted, live, removes=self.wanted.get(REMOVES) or ()))

    def is_deployed(self, now: Snapshot) -> bool:
        """Tell whether it has another deployment than before."""
        new = now.latest_deployment(self.service_id)
        return new is not None and (self.old is None or new.id != self.old.id)

    def has_arrived(self, now: Snapshot) -> bool:
        """Tell whether the environment has all of it."""
        return (self.is_deployed(now) or not self.expects) and not self.missing(now)


def sourced(props: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether Railway has something to deploy here after an update, whoever set it."""
    own = any(props.get(name) for name in ("image", "repo"))
    return own or any((live.get("source") or {}).get(name) for name in ("image", "repo"))


def part_of(before: Snapshot, wanted: Props, plan: patch_plan.Plan, *, deploys: bool) -> ServicePatch:
    """Return one service's part of a patch.

    Args:
        before: the environment as it is.
        wanted: the new inputs.
        plan: the patch.
        deploys: whether Railway is to deploy it; False if it already runs.
    """
    service_id = wanted["serviceId"]
    has_source = sourced(wanted, before.service(service_id) or {})
    # An unreadable value may be unchanged: then Railway makes no deployment, and there is none to wait for.
    expects = deploys and has_source and plan.deploys and bool(_unsettled(plan))
    return ServicePatch(wanted, plan, before.latest_deployment(service_id), expects)


def commit(session: Session, before: Snapshot, parts: Sequence[ServicePatch], *, deploys: bool) -> list[Outcome]:
    """Send one patch, wait until a read shows it, and return the environment of that read for each part.

    If Railway refuses the patch, its halves are sent, so that one bad service does not fail the others.

    Args:
        session: sends and reads.
        before: the environment as it was.
        parts: one for each service.
        deploys: whether Railway is to deploy them.
    """
    first, names = parts[0], [part.name for part in parts]
    variables = {
        "environmentId": first.wanted["environmentId"],
        "patch": {"services": {part.service_id: part.plan.patch for part in parts}},
        "message": "; ".join(f"{part.name}: {', '.join([*part.plan.fields, *part.plan.variables])}" for part in parts)[
            :200
        ],
    }

    # Railway applies a patch as a whole: one part that shows, and did not before, proves that all of it was applied.
    proving = [part for part in parts if _unsettled(part.plan) and not part.has_arrived(before)] or parts

    def carried_out() -> Snapshot | None:
        now = _now(session, parts)
        return now if any(part.has_arrived(now) for part in proving) else None

    document = documents.PATCH_COMMIT if deploys else documents.PATCH_STORE
    sent = functools.partial(commit, session, before, deploys=deploys)
    try:
        _, seen = session.client.mutate(document, variables, subject=together(names), observe=carried_out, settle=True)
    except RailwayError as error:
        return by_halves(parts, names, error, sent)
    return _read_back(session, parts, ServicePatch.has_arrived, _not_arrived, seen)


def by_halves(
    parts: Sequence[_Part], names: Sequence[str], error: RailwayError, send: Callable[[Sequence[_Part]], list[_Outcome]]
) -> list[_Outcome | Exception]:
    """Send the halves of a patch that Railway refused, and return the outcome of each part.

    Args:
        parts: the parts of the patch.
        names: their names, for errors.
        error: the error of the whole patch.
        send: sends some of the parts as one patch.
    """
    if len(parts) == 1 or not isinstance(error, REFUSED):
        return [error.about(name) for name in names]
    half = len(parts) // 2
    return [*send(parts[:half]), *send(parts[half:])]


def deploy(session: Session, parts: Sequence[ServicePatch]) -> list[Outcome]:
    """Deploy what is stored already, and return the environment after that for each part."""
    outcomes: list[Outcome | None] = []
    for part in parts:

        def made(part: ServicePatch = part) -> Snapshot | None:
            now = _now(session, [part])
            return now if part.is_deployed(now) else None

        variables = {"serviceId": part.service_id, "environmentId": part.wanted["environmentId"]}
        try:
            session.client.mutate(documents.DEPLOY, variables, subject=part.name, observe=made, settle=True)
            outcomes.append(None)
        except Failure as error:
            outcomes.append(error)
    sent = [part for part, outcome in zip(parts, outcomes, strict=True) if outcome is None]
    found = iter(_read_back(session, sent, ServicePatch.is_deployed, _not_deployed) if sent else [])
    return [next(found) if outcome is None else outcome for outcome in outcomes]


def _read_back(
    session: Session,
    parts: Sequence[ServicePatch],
    shows: Callable[[ServicePatch, Snapshot], bool],
    late: Callable[[Session, ServicePatch, Snapshot], Outcome],
    seen: Snapshot | None = None,
) -> list[Outcome]:
    """Read until every part shows, for at most `Timing.stick_seconds`: reads lag behind writes (fact: read-lag).

    Args:
        session: reads.
        parts: what was sent.
        shows: tells whether a part shows.
        late: returns the outcome of a part that does not show in time.
        seen: the first read, if it was made already.
    """
    client, outcomes = session.client, dict[int, Outcome]()
    deadline, pause = client.clock() + client.timing.stick_seconds, 0.2
    while True:
        left = [part for place, part in enumerate(parts) if place not in outcomes]
        try:
            now = seen or _now(session, left)
        except Failure as error:
            return [outcomes.get(place, error.about(part.name)) for place, part in enumerate(parts)]
        seen = None
        for place, part in enumerate(parts):
            if place not in outcomes and shows(part, now):
                outcomes[place] = _settled(session, part, now)
        if len(outcomes) == len(parts):
            return [outcomes[place] for place in range(len(parts))]
        if client.clock() > deadline:
            return [outcomes.get(place) or late(session, part, now) for place, part in enumerate(parts)]
        client.sleep(pause)
        pause = min(pause * 2, 3.0)


def _now(session: Session, parts: Sequence[ServicePatch]) -> Snapshot:
    """Return the environment with the services of these parts as they are now."""
    first = parts[0]
    return read_services(session, first.wanted, [part.service_id for part in parts], subject=first.name)


def _settled(session: Session, part: ServicePatch, now: Snapshot) -> Outcome:
    latest = now.latest_deployment(part.service_id)
    if part.expects and latest is not None:
        session.fresh.add(latest.id)
    return now


def _not_arrived(session: Session, part: ServicePatch, now: Snapshot) -> Outcome:
    missing = part.missing(now)
    if missing:
        problem = f"Railway took the change but does not show {', '.join(missing)}"
        return InfraError(part.name, problem, "run pulumi up again")
    session.client.progress(f"{part.name}: stored, but Railway made no deployment of it yet")
    return _settled(session, part, now)


def _not_deployed(session: Session, part: ServicePatch, now: Snapshot) -> Outcome:
    del session, now
    problem = "Railway took the order to deploy it, but shows no deployment"
    return InfraError(part.name, problem, "run pulumi up again")


def store_variables(session: Session, wanted: Props, plan: patch_plan.Plan) -> None:
    """Store the variables of a service without a source, for services that refer to them; this deploys nothing."""
    name, variables = wanted["service"], plan.patch[VARIABLES]

    def arrived() -> bool | None:
        now = read_services(session, wanted, [wanted["serviceId"]], subject=name)
        live = now.service(wanted["serviceId"]) or {}
        return True if not patch_plan.plan({}, {VARIABLES: wanted[VARIABLES]}, live).variables else None

    given = {
        "environmentId": wanted["environmentId"],
        "patch": {"services": {wanted["serviceId"]: {VARIABLES: variables}}},
        "message": f"{name}: variables that others refer to"[:200],
    }
    session.client.mutate(documents.PATCH_COMMIT, given, subject=name, observe=arrived)


def _unsettled(plan: patch_plan.Plan) -> list[str]:
    """Return what a read still lacks, except for values that no read shows."""
    return [*(name for name in plan.fields if BY_NAME[name].readable), *plan.variables]


def together(names: Sequence[str]) -> str:
    """Return the names of several services in one line."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
