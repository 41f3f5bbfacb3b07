"""The two checks of a service's references: in the preview, and right before the patch that would deploy them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckFailure

from convos_infra.errors import InfraError
from convos_infra.railway.dead_end_text import next_step, problem
from convos_infra.railway.declaring import NOT_MADE_YET, Declaring, environment_key, moved, values
from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.referable import UNKNOWN_ENVIRONMENT, Declarations, live, updated
from convos_infra.railway.references import DeadEnd, Reference, VariablePlace, World, has_references, parse
from convos_infra.railway.resolution import dead_ends, reached

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

Props = Mapping[str, Any]
MADE_SECONDS = 120.0
"""How many seconds a service waits for what other resources of the same update are creating."""


def preview_failures(
    session: Callable[[], Session], declaring: Declaring, news: Props, *, looks: bool
) -> list[CheckFailure]:
    """Return the references that will have no target after this update.

    Args:
        session: returns the session that reads the environment, if a read is necessary.
        declaring: the program's declarations so far.
        news: the checked inputs of a `ServiceInstance`.
        looks: whether its change makes a deployment or changes its variables. Otherwise its references are checked only
            if the update creates, renames or removes one of their targets.
    """
    key, own = environment_key(news), str(news["service"])
    declarations = declaring.of(key)
    names = _with_references(news)
    looks = looks or any(declarations.changes(place) for place in targets(news, names))
    asking = [*declaring.asked(key, own).items(), *([(own, frozenset(names))] if looks and names else [])]
    if not asking:
        return []
    world = _world_of(session(), news, key, declarations)
    failures = []
    for service, variables in asking:
        for end in dead_ends(world, world.renamed.get(service, service), variables):
            if not end.is_open:
                text = f"{service}: {problem(end)}; {next_step(end)}"
                # Name a place below the property: Pulumi prints the value of a property that it names.
                failures.append(CheckFailure(f"{VARIABLES}.{end.start.name}", text))
            elif key != NOT_MADE_YET:
                declaring.ask(key, end.end.owner, service, sorted(variables))
    return failures


def rerendered(session: Callable[[], Session], declaring: Declaring, olds: Props, news: Props) -> list[str]:
    """Return the variables whose references resolve differently because of this update.

    Args:
        session: returns the session that reads the environment, if the update changes a possible target of a reference.
        declaring: the program's declarations so far.
        olds: the inputs in the state.
        news: the new inputs of a `ServiceInstance`.
    """
    key, own, names = environment_key(news), str(news["service"]), _with_references(news)
    mine = moved(olds.get(VARIABLES) or {}, news.get(VARIABLES) or {}) if names else frozenset()
    declarations = declaring.of(key)
    declarations = declarations.with_service(own, moves=mine, variables=values(news.get(VARIABLES) or {}))
    if not names or declarations.moves_nothing:
        return []
    world = _world_of(session(), news, key, declarations)
    own = world.renamed.get(own, own)
    return [name for name in names if any(declarations.moves(place) for place in reached(world, own, name))]


def unmade(session: Session, wanted: Props, snapshot: Snapshot) -> list[DeadEnd]:
    """Return the references whose targets this update is still creating.

    Raises:
        InfraError: a reference has no target, and will have none.
    """
    names = _with_references(wanted)
    if not names:
        return []
    world, own = live(snapshot), snapshot.name_of(wanted["serviceId"])
    members = world.services[own]
    mine = replace(members, values={**members.values, **values(wanted.get(VARIABLES) or {})})
    ends = dead_ends(replace(world, services={**world.services, own: mine}), own, names)
    declarations = session.declaring.of(environment_key(wanted))
    for end in ends:
        if not declarations.makes(end):
            raise refusal(end)
    return ends


def warn_of_others(session: Session, wanted: Props, snapshot: Snapshot) -> None:
    """Warn of variables that others set in a service and that will be empty in its next deployment."""
    own = snapshot.name_of(wanted["serviceId"])
    stored = live_variables(snapshot.service(wanted["serviceId"]) or {})
    others = [name for name in stored if name not in (wanted.get(VARIABLES) or {}) and has_references(stored[name])]
    for end in dead_ends(live(snapshot), own, others) if others else []:
        session.client.progress(f"{own}: {problem(end)}; this program does not manage {end.start.name} and leaves it")


def refusal(end: DeadEnd) -> InfraError:
    """Return the error for a reference without a target."""
    return InfraError(end.start.owner, problem(end), next_step(end))


@dataclass
class ReferenceWait:
    """Waits for what other resources of the same update are creating, outside of any lock, so that they can."""

    session: Session
    until: float = 0.0
    pause: float = 0.2
    told: set[str] = field(default_factory=set)
    gave: bool = False

    def must_give(self, wanted: Props, ends: Sequence[DeadEnd]) -> bool:
        """Tell whether services of this update wait for each other in a cycle; True once for each wait."""
        others = {end.end.owner for end in ends}
        is_in_cycle = self.session.declaring.waits(environment_key(wanted), str(wanted["service"]), others)
        gives_now = is_in_cycle and not self.gave
        self.gave = self.gave or is_in_cycle
        return gives_now

    def end(self, wanted: Props) -> None:
        """Record that the wait is over."""
        self.session.declaring.waits_no_more(environment_key(wanted), str(wanted["service"]))

    def wait(self, ends: Sequence[DeadEnd]) -> None:
        """Pause once.

        Raises:
            InfraError: the wait took too long.
        """
        client, first = self.session.client, ends[0]
        self.until = self.until or client.clock() + MADE_SECONDS
        if client.clock() > self.until:
            waiting = first.start.owner
            what = f"{problem(first)}, after {MADE_SECONDS:g} s, although this update makes it"
            raise InfraError(waiting, what, f"let {waiting} depend on it (depends_on), then run pulumi up again")
        if first.reference not in self.told:
            self.told.add(first.reference)
            client.progress(f"{first.start.owner}: waits for {first.end}, which this update makes")
        client.sleep(self.pause)
        self.pause = min(self.pause * 2, 3.0)


def targets(props: Props, names: Sequence[str]) -> list[VariablePlace]:
    """Return what the named variables refer to directly."""
    variables = props.get(VARIABLES) or {}
    parts = [part for name in names for part in parse(variables[name]) if isinstance(part, Reference)]
    return [VariablePlace(part.owner or str(props["service"]), part.name) for part in parts]


def _with_references(props: Props) -> list[str]:
    variables = props.get(VARIABLES)
    found = variables if isinstance(variables, Mapping) else {}
    return sorted(name for name, value in found.items() if has_references(value))


def _world_of(session: Session, news: Props, key: str, declarations: Declarations) -> World:
    if key == NOT_MADE_YET:
        return updated(UNKNOWN_ENVIRONMENT, declarations, None)
    snapshot = session.living(news, subject=str(news["service"]))
    return updated(live(snapshot), declarations, snapshot)
