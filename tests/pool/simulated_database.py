"""The pool manager's tables as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from convos_pool.claim import Claim, ClaimDetails
from convos_pool.credential_record import Recorded
from convos_pool.rollout import Move, Rollout, Step

from pool_contract.requests import ClaimRequest
from tests.pool.simulated_world import World


@dataclass(frozen=True)
class SimulatedLock:
    """A lock that is always held."""

    held: frozenset[str]

    def confirm(self) -> None:
        """Nobody else is here."""


class SimulatedDatabase:
    """`agent_metadata`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self) -> dict[str, Claim]:
        now, at = self._world.now, self._world.claimed_at
        return {id_: replace(one, seconds=now - at[id_]) for id_, one in self._world.claims.items()}

    def details(self, agent_ids: Sequence[str]) -> dict[str, ClaimDetails]:
        claims = self._world.claims
        return {
            id_: ClaimDetails(claims[id_].agent_name, "i", "", "", "", "", "") for id_ in agent_ids if id_ in claims
        }

    def is_claimed(self, agent_id: str, service_id: str) -> bool:
        claims = self._world.claims
        return agent_id in claims or any(one.service_id == service_id for one in claims.values())

    def credentials_of(self, agent_id: str, service_id: str) -> tuple[str, str, str]:
        return "", "", ""

    def forget_claim(self, agent_id: str, service_id: str) -> None:
        self._world.claims.pop(agent_id, None)

    def check(self) -> str:
        return "connected"

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float = 0.0) -> Iterator[SimulatedLock]:
        yield SimulatedLock(frozenset([name]))

    @contextmanager
    def locks(self, names: Sequence[str]) -> Iterator[SimulatedLock]:
        yield SimulatedLock(frozenset(names))

    def reserve(self, agent_id: str, service_id: str, request: ClaimRequest) -> bool:
        if agent_id in self._world.claims:
            return False
        claim = Claim(agent_id, service_id, request.agentName, reserved=True, seconds=0.0)
        self._world.claims[agent_id] = claim
        self._world.claimed_at[agent_id] = self._world.now
        return True

    def complete(self, agent_id: str, conversation_id: str, invite_url: str) -> bool:
        self._world.claims[agent_id] = replace(self._world.claims[agent_id], reserved=False)
        return True

    def release(self, agent_id: str) -> None:
        self._world.claims.pop(agent_id, None)


class SimulatedRecord:
    """`agent_rollout` and `agent_move`, with the rules of the real statements."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_in_charge(self) -> bool:
        return True

    def rollout(self, image: str) -> Rollout:
        world = self._world
        if world.rollout.get("image") != image:
            world.rollout = {"image": image, "started": world.now, "reason": "", "batch": 0}
        known = world.rollout
        moves = [
            Move(id_, one["image"], one["previous"], one["batch"], world.now - one["at"], one["settled"])
            for id_, one in world.moves.items()
            if one["image"] == image and one["at"] >= known["started"]
        ]
        moves.sort(key=lambda move: (move.batch, move.agent_id))
        return Rollout(image, world.now - known["started"], known["reason"], known["batch"], tuple(moves))

    def settle(self, agent_ids: Sequence[str]) -> None:
        for id_ in agent_ids:
            self._world.moves[id_]["settled"] = True

    def abort(self, step: Step) -> None:
        self._world.rollout |= {"reason": step.text, "batch": step.batch}

    def write_down(self, batch: int, moves: Mapping[str, tuple[str, str, str]]) -> None:
        for id_, (_, image, previous) in moves.items():
            row = {"image": image, "previous": previous, "batch": batch, "at": self._world.now, "settled": False}
            self._world.moves[id_] = row


class NoCredentials:
    """Agents here have neither keys nor inboxes: nothing is made, recorded or deleted."""

    def __init__(self) -> None:
        self.record = self

    def make(self, agent_id: str, service_id: str, *, is_new: bool) -> dict[str, str]:
        return {}

    def begin_removal(self, wanted: Recorded) -> Recorded:
        return wanted

    def remove(self, known: Recorded) -> bool:
        return True

    def of(self, agent_id: str) -> tuple[str, str]:
        return "", ""

    def forget(self, agent_id: str) -> None:
        """Nothing is on record."""

    def all(self) -> dict[str, Recorded]:
        return {}
