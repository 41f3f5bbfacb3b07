"""Follows references through an environment, including chains of them, to a value or to a dead end. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from convos_infra.railway.references import (
    ANYTHING,
    DEEPEST,
    LONGEST,
    SHARED,
    SOMETHING,
    DeadEnd,
    DeadEndKind,
    Gap,
    Part,
    Reference,
    Resolved,
    Unreadable,
    Value,
    VariablePlace,
    World,
    has_references,
    parse,
)

NOTHING = Resolved(())


def resolved(world: World, service: str, name: str) -> Resolved:
    """Return the value that a service's variable would have in a deployment now."""
    place = VariablePlace(service, name)
    members = world.services.get(service)
    if members is None or name not in members.values:
        return NOTHING
    found = _Walk(world).value(place, members.values[name])
    if found.dead_ends or "".join(part if isinstance(part, str) else "." for part in found.parts):
        return found
    value = members.values[name]
    first = (
        next((part for part in parse(value) if isinstance(part, Reference)), None) if isinstance(value, str) else None
    )
    if first is None:
        return found
    end = VariablePlace(first.owner or service, first.name)
    return replace(found, dead_ends=(DeadEnd(DeadEndKind.EMPTY, place, first.text, end, (place,)),))


def reached(world: World, service: str, name: str) -> frozenset[VariablePlace]:
    """Return the variables that a service's variable refers to, directly or indirectly, existing or not."""
    found: set[VariablePlace] = set()
    ahead = [VariablePlace(service, name)]
    while ahead:
        place = ahead.pop()
        members = world.shared if place.owner == SHARED else world.services.get(place.owner)
        value = members.values.get(place.name) if members is not None else None
        parts = parse(value) if isinstance(value, str) else ()
        targets = {VariablePlace(part.owner or place.owner, part.name) for part in parts if isinstance(part, Reference)}
        ahead += targets - found
        found |= targets
    return frozenset(found)


def dead_ends(world: World, service: str, names: Iterable[str]) -> list[DeadEnd]:
    """Return the references without a target in a service's variables, in the order of the variables' names."""
    return [end for name in sorted(names) for end in resolved(world, service, name).dead_ends]


@dataclass
class _Walk:
    """One walk from one variable; `known` avoids walking the same way twice."""

    world: World
    known: dict[VariablePlace, Resolved] = field(default_factory=dict)
    way: list[VariablePlace] = field(default_factory=list)

    def value(self, place: VariablePlace, value: Value) -> Resolved:
        """Resolve the value of a variable."""
        if isinstance(value, Gap) or not has_references(value):
            return Resolved((value,))
        if place not in self.known:
            self.way.append(place)
            pieces = [self._part(place, part) for part in parse(value)]
            self.way.pop()
            ends = tuple(dict.fromkeys(end for piece in pieces for end in piece.dead_ends))
            self.known[place] = Resolved(_joined(part for piece in pieces for part in piece.parts), ends)
        return self.known[place]

    def _part(self, place: VariablePlace, part: Part) -> Resolved:
        if isinstance(part, str | Gap):
            return Resolved((part,))
        if isinstance(part, Unreadable):
            end = self._end(DeadEndKind.UNREADABLE, "", place, near=part.quoted)
            return Resolved((ANYTHING,), (end,))
        target = VariablePlace(part.owner or place.owner, part.name)
        if target in self.way:
            kind = DeadEndKind.SELF if target == place else DeadEndKind.CYCLE
            return Resolved((), (self._end(kind, part.text, target),))
        if len(self.way) >= DEEPEST:
            return Resolved((ANYTHING,), (self._end(DeadEndKind.TOO_DEEP, part.text, target),))
        return self._target(part, target)

    def _target(self, reference: Reference, target: VariablePlace) -> Resolved:
        if target.owner == SHARED:
            members, kind = self.world.shared, DeadEndKind.MISSING_SHARED
        elif (found := self.world.services.get(target.owner)) is not None:
            members, kind = found, DeadEndKind.MISSING_VARIABLE
        else:
            return Resolved((), (self._missing_service(reference, target),))
        if target.name in members.values:
            return self.value(target, members.values[target.name])
        near = _nearest(target.name, members.values)
        return Resolved((), (self._end(kind, reference.text, target, near=near, is_open=members.is_open),))

    def _missing_service(self, reference: Reference, target: VariablePlace) -> DeadEnd:
        world = self.world
        if target.owner in world.elsewhere:
            return self._end(DeadEndKind.NO_INSTANCE, reference.text, target, is_open=world.is_open)
        renamed = world.renamed.get(target.owner, "")
        near = renamed or _nearest(target.owner, [*world.services, SHARED])
        end = self._end(DeadEndKind.MISSING_SERVICE, reference.text, target, near=near, is_open=world.is_open)
        return replace(end, renamed=bool(renamed))

    def _end(
        self, kind: DeadEndKind, text: str, end: VariablePlace, *, near: str = "", is_open: bool = False
    ) -> DeadEnd:
        return DeadEnd(kind, self.way[0], text, end, tuple(self.way), near, is_open=is_open)


def _joined(parts: Iterable[Value]) -> tuple[Value, ...]:
    """Join adjacent texts and adjacent gaps, up to the length that is compared."""
    result: list[Value] = []
    size = 0
    for part in parts:
        last = result[-1] if result else None
        if isinstance(part, str) and isinstance(last, str):
            result[-1] = last + part
        elif isinstance(part, Gap) and isinstance(last, Gap):
            result[-1] = ANYTHING if part == last == ANYTHING else SOMETHING
        elif part != "":
            result.append(part)
        size += len(part) if isinstance(part, str) else len(part.shape)
        if size > LONGEST:
            return (ANYTHING,)
    return tuple(result)


def _nearest(name: str, others: Iterable[str]) -> str:
    """Return the name that was probably meant: the same name in different case, or the most similar one."""
    known = sorted(set(others))
    same = next((other for other in known if other.lower() == name.lower()), "")
    return same or next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")
