"""The possible targets of references in an environment: existing ones, and those of the same update. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.provided_variables import NOT_READ, OF_NAME, OF_PARTS, Addresses, always, provided, renamed
from convos_infra.railway.references import (
    SHARED,
    SOMETHING,
    DeadEnd,
    DeadEndKind,
    Members,
    Value,
    VariablePlace,
    World,
)

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

UNKNOWN_ENVIRONMENT = World({}, Members({}, is_open=True), is_open=True)
"""An environment that does not exist yet: what it will be forked from has not been read."""

_CAN_BE_MADE = (DeadEndKind.MISSING_SERVICE, DeadEndKind.NO_INSTANCE, DeadEndKind.MISSING_VARIABLE, DeadEndKind.EMPTY)


@dataclass(frozen=True)
class Declared:
    """The program's declarations about one service, as far as they have been checked.

    Attributes:
        was: its previous name, if the update renames it.
        is_new: whether the update creates it, or takes it over.
        service_id: its id, if it is already known.
        variables: the variables that its configuration sets; None until that has been checked.
        removed: the variables that the update removes.
        given: what Railway will provide for the parts that the update adds to it.
        moves: the variables whose values the update changes.
    """

    was: str = ""
    is_new: bool = False
    service_id: str = ""
    variables: Mapping[str, Value] | None = field(default=None, repr=False)
    removed: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    moves: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Declarations:
    """The program's declarations about one environment, as far as they have been checked.

    Attributes:
        services: the services by the names that the program gives them.
        shared, unshared: shared variables that it sets, and those that it removes.
        shared_moves: the shared variables whose values the update changes.
        common: what Railway will provide otherwise for every service, such as the environment's name.
    """

    services: Mapping[str, Declared] = field(default_factory=dict)
    shared: Mapping[str, Value] = field(default_factory=dict, repr=False)
    unshared: frozenset[str] = frozenset()
    shared_moves: frozenset[str] = frozenset()
    common: Mapping[str, Value] = field(default_factory=dict)

    def with_service(self, name: str, **changes: Any) -> Declarations:
        """Return these with another declaration about a service."""
        known = self.services.get(name, Declared())
        return replace(self, services={**self.services, name: replace(known, **changes)})

    def changes(self, place: VariablePlace) -> bool:
        """Tell whether the update creates, renames or removes the target of a reference."""
        renamed = any(row.was == place.owner for row in self.services.values())
        row = self.services.get(place.owner)
        return renamed or (row is not None and (row.is_new or bool(row.was) or place.name in row.removed))

    @property
    def moves_nothing(self) -> bool:
        """Whether the update changes no possible target of a reference."""
        rows = self.services.values()
        return not (self.shared_moves or self.common or any(row.moves or row.given or row.was for row in rows))

    def moves(self, place: VariablePlace) -> bool:
        """Tell whether the update changes the value of a variable."""
        if place.owner == SHARED:
            return place.name in self.shared_moves
        row = self.services.get(place.owner, Declared())
        named = row.was and place.name in OF_NAME
        return bool(named) or place.name in {*self.common, *row.moves, *row.given}

    def makes(self, end: DeadEnd) -> bool:
        """Tell whether the update creates the target of a reference, or may do so in a part that is not checked yet."""
        place, row = end.end, self.services.get(end.end.owner)
        if end.kind is DeadEndKind.MISSING_SHARED:
            return place.name in self.shared
        if row is None or end.kind not in _CAN_BE_MADE:
            return False
        if end.kind in (DeadEndKind.MISSING_SERVICE, DeadEndKind.NO_INSTANCE):
            return row.is_new or bool(row.was)
        if end.kind is DeadEndKind.EMPTY:
            return bool((row.variables or {}).get(place.name))
        return row.variables is None or place.name in row.variables or place.name in row.given


def live(snapshot: Snapshot, addresses: Addresses = NOT_READ) -> World:
    """Return the possible targets in the current environment."""
    services = _Services(snapshot, addresses)
    shared = Members(stored_values({VARIABLES: snapshot.config.get("sharedVariables") or {}}))
    return World(services, shared, frozenset(snapshot.project_services.values()) - frozenset(services))


class _Services(Mapping[str, Members]):
    """An environment's services by name; each is read on demand, since most are not referred to."""

    def __init__(self, snapshot: Snapshot, addresses: Addresses) -> None:
        self._snapshot = snapshot
        self._addresses = addresses
        self._ids: dict[str, list[str]] = {}
        self._known: dict[str, Members] = {}
        for id_ in snapshot.instances:
            self._ids.setdefault(snapshot.name_of(id_), []).append(id_)

    def __getitem__(self, name: str) -> Members:
        if name not in self._known:
            found = [self._values(id_) for id_ in self._ids[name]]
            # Which of several services with the same name Railway uses is not documented.
            unclear = {key: SOMETHING for values in found for key in values}
            self._known[name] = Members(found[0] if len(found) == 1 else unclear)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def _values(self, id_: str) -> dict[str, Value]:
        return {**provided(self._snapshot, id_, self._addresses), **stored_values(self._snapshot.service(id_) or {})}


def stored_values(service: Mapping[str, Any]) -> dict[str, Value]:
    """Return stored variables; a sealed one exists but cannot be read."""
    return {name: SOMETHING if value is None else value for name, value in live_variables(service).items()}


def updated(world: World, declarations: Declarations, snapshot: Snapshot | None) -> World:
    """Return the possible targets after the update."""
    common = declarations.common
    services = {
        name: replace(found, values={**found.values, **common}) if common else found
        for name, found in world.services.items()
    }
    elsewhere: dict[str, str] = {}
    for name, row in declarations.services.items():
        now = snapshot.name_of(row.service_id) if snapshot is not None and row.service_id else ""
        if row.was and row.was != name and row.was in services:
            before = services.pop(row.was)
            services[name] = replace(before, values=renamed(before.values, row.was, name))
        elif row.is_new and name not in services:
            services[name] = Members(renamed(always(), "", name))
        elif now and now != name and name not in services:
            elsewhere[name] = now
        key = elsewhere.get(name, name)
        if key in services:
            services[key] = _with(services[key], row, is_open=world.is_open)
    shared = {key: value for key, value in world.shared.values.items() if key not in declarations.unshared}
    return replace(
        world,
        services=services,
        shared=replace(world.shared, values={**shared, **declarations.shared}),
        elsewhere=world.elsewhere - frozenset(services),
        renamed={**world.renamed, **elsewhere},
    )


def _with(members: Members, row: Declared, *, is_open: bool) -> Members:
    kept = {name: value for name, value in members.values.items() if name not in row.removed}
    given: dict[str, Value] = {name: SOMETHING for name in row.given if name not in kept}
    others: dict[str, Value] = {name: SOMETHING for name in row.moves if name in kept and name in OF_PARTS}
    return Members({**kept, **given, **others, **(row.variables or {})}, is_open=is_open or row.variables is None)
