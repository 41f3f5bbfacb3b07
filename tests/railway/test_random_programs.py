"""Random programs: updates, edits, kills, faults, others' changes, refreshes; then all is as it is wanted.

`make test` runs forty, `make random-programs` four hundred; a failure prints its seed.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.session import RailwayProvider
from railway_api.failure import Failure
from tests.railway.fix_resources import IMAGE, Made, Place, Props, patch
from tests.railway.test_announced_cost import edited

PROGRAMS = int(os.environ.get("RANDOM_PROGRAMS", "40"))
IN_A_TEST = 10
STEPS = 7
NAME = "random"
ORDER: tuple[type[RailwayProvider], ...] = (
    ServiceProvider,
    VolumeProvider,
    ServiceDomainProvider,
    ServiceInstanceProvider,
)
FAULTS = ("lost_answer", "drop_before", "502", "429", "opaque", "null_data", "not_authorized", "html")
THEIRS = {"value": "theirs"}


def edited_with_volume(rng: random.Random, props: Props) -> Props:
    """Change something; a service with a volume has one replica (fact: volume-no-replicas)."""
    changed = edited(rng, props)
    regions = changed.get("multiRegionConfig") or {}
    return {**changed, "multiRegionConfig": {key: {"numReplicas": 1} for key in regions}} if regions else changed


class Killed(Exception):
    """The process ended after Railway did something and before the state was written."""


@dataclass
class Program:
    """A stack of four resources, its state, and what its code says.

    Attributes:
        at: where it runs.
        rng: decides.
        wanted: the service's configuration in the code.
        state: what Pulumi has written down.
        told: what was done, for the message of a failure.
        theirs: variables that somebody else set.
    """

    at: Place
    rng: random.Random
    wanted: Props
    state: dict[type[RailwayProvider], Made] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    theirs: set[str] = field(default_factory=set)

    def inputs(self, kind: type[RailwayProvider]) -> Props:
        """Return what the code says of a resource."""
        if kind is ServiceProvider:
            return {**self.at.ids, "name": NAME}
        place = {**self.at.ids, "service": NAME, "serviceId": self.state[ServiceProvider].id}
        own: dict[type[RailwayProvider], Props] = {
            # Its own deletions are pending for 48 hours, and it begins anew at once.
            VolumeProvider: {"mountPath": "/data", "replaceDeleted": True},
            ServiceDomainProvider: {"targetPort": 8080.0},
            ServiceInstanceProvider: {**self.wanted, "unmanagedVariables": "keep"},
        }
        return {**place, **own[kind]}

    def up(self, killed_at: int = -1) -> None:
        """Update as Pulumi does: one resource after the other; what fails leaves its old state, and ends the update."""
        for number, kind in enumerate(ORDER):
            made = self._brought(kind)
            if number == killed_at:
                raise Killed
            self.state[kind] = made

    def _brought(self, kind: type[RailwayProvider]) -> Made:
        runs, old, wanted = self.at.runs, self.state.get(kind), self.inputs(kind)
        if old is None:
            return runs.create(kind, wanted)
        inputs = runs.checked(kind, wanted, old.inputs)
        diff = runs.provider(kind).changed(old.id, old.outputs, inputs)
        if diff.replaces:
            runs.delete(old)
            del self.state[kind]
            return runs.create(kind, wanted)
        return runs.update(old, wanted)

    def refresh(self) -> None:
        """Refresh: what is gone leaves the state."""
        for kind in ORDER:
            if kind in self.state:
                read = self.at.runs.refresh(self.state[kind])
                if read is None:
                    del self.state[kind]
                else:
                    self.state[kind] = read

    def destroy(self) -> None:
        """Delete everything, the last first."""
        for kind in reversed(ORDER):
            if kind in self.state:
                self.at.runs.delete(self.state[kind])
                del self.state[kind]

    def step(self) -> None:
        """Do something random."""
        often = (self._plain, self._edit, self._fault)
        seldom = (self._kill, self._others, self._refresh, self._remove, self._end)
        choice: Callable[[], None] = self.rng.choice((*often, *often, *seldom))
        self.told.append(choice.__name__)
        try:
            choice()
        except Failure as error:
            self.told.append(str(error)[:80])
        except Killed:
            self.told.append("killed")
        finally:
            self.at.runs.emulator.admin("DELETE", "/faults")

    def _plain(self) -> None:
        self.up()

    def _edit(self) -> None:
        self.wanted = edited_with_volume(self.rng, self.wanted)
        self.up()

    def _kill(self) -> None:
        self.wanted = edited_with_volume(self.rng, self.wanted)
        self.up(killed_at=self.rng.randrange(len(ORDER)))

    def _fault(self) -> None:
        self.wanted = edited_with_volume(self.rng, self.wanted)
        kind = self.rng.choice(FAULTS)
        self.told.append(kind)
        self.at.runs.emulator.fault(kind, after=self.rng.randrange(8), times=self.rng.choice((1, 1, 6)), seconds=0)
        self.up()

    def _others(self) -> None:
        if self._is_living():
            name = self.rng.choice(("V1", "V2", "THEIR_OWN"))
            self.theirs |= {name} - {f"V{number}" for number in range(6)}
            patch(self.at, {"services": {self.state[ServiceProvider].id: {"variables": {name: THEIRS}}}})

    def _is_living(self) -> bool:
        snapshot = json.loads(self.at.runs.emulator.snapshot(self.at.environment.id))
        return ServiceProvider in self.state and self.state[ServiceProvider].id in snapshot["config"]["services"]

    def _refresh(self) -> None:
        self.refresh()

    def _remove(self) -> None:
        if self._is_living():
            self.theirs.clear()
            patch(self.at, {"services": {self.state[ServiceProvider].id: {"isDeleted": True}}})

    def _end(self) -> None:
        self.destroy()
        self.theirs.clear()


def living(at: Place, service_id: str) -> dict[str, Any]:
    """Return how often a thing is there, and the configuration."""
    snapshot = json.loads(at.runs.emulator.snapshot(at.environment.id))
    config = snapshot["config"]["services"].get(service_id, {})
    return {
        "services": [row["id"] for row in snapshot["service"] if row["name"] == NAME and not row.get("deletedAt")],
        "volumes": [
            row["volumeId"]
            for row in snapshot["volume_instance"]
            if row["serviceId"] == service_id and not row["deletedAt"]
        ],
        "domains": len((config.get("networking") or {}).get("serviceDomains") or {}),
        "variables": {name: entry["value"] for name, entry in (config.get("variables") or {}).items()},
    }


def program(at: Place, seed: int) -> None:
    rng = random.Random(seed)
    wanted: Props = {"image": IMAGE, "variables": {"V0": "0"}}
    one = Program(at, rng, wanted)
    for _ in range(STEPS):
        one.step()
    said = f"seed {seed}: {', '.join(one.told)}"
    one.refresh()
    one.up()
    service_id = one.state[ServiceProvider].id
    found = living(at, service_id)
    assert found["services"] == [service_id], said
    assert found["volumes"] == [one.state[VolumeProvider].id], said
    assert found["domains"] == 1, said
    # Of what nobody here set, all is kept; of what we once set and took out, nothing.
    strangers = {name: value for name, value in found["variables"].items() if name not in one.wanted["variables"]}
    assert {name: found["variables"].get(name) for name in one.wanted["variables"]} == one.wanted["variables"], said
    assert one.theirs <= set(strangers), said
    at.runs.emulator.forget_calls()
    before = copy.deepcopy(one.state)
    one.up()
    assert at.runs.mutations() == [], said
    one.refresh()
    for kind, made in one.state.items():
        assert made.outputs == before[kind].outputs, said
    one.destroy()
    left = living(at, service_id)
    assert (left["services"], left["volumes"], left["variables"]) == ([], [], {}), said


@pytest.mark.parametrize("first", range(0, PROGRAMS, IN_A_TEST))
def test_whatever_happened_a_refresh_and_an_update_bring_what_is_wanted_once(at: Place, first: int) -> None:
    for seed in range(first, first + IN_A_TEST):
        program(at, seed)
