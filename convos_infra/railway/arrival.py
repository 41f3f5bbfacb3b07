"""Waits until new services show in their environment; those that wait at the same moment share the reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.service_reads import note_made, services_here
from railway_api.failure import about

if TYPE_CHECKING:
    from convos_infra.railway.session import Session

_APPEARS_SECONDS = 30.0


@dataclass(eq=False)
class Arrival:
    """A service whose instance is to show.

    Attributes:
        props: its name and its place.
        service_id: its id.
        made_at: when this process has made it, as Railway says; empty if somebody else did, or if that is not known.
        problem: the error, if there was one.
    """

    props: Mapping[str, Any] = field(repr=False)
    service_id: str
    made_at: str
    problem: Exception | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.props["name"])


def await_instance(session: Session, arrival: Arrival) -> None:
    """Wait until an instance shows: "ServiceInstance not found" was seen for 1 to 8 s (fact: instance-lag).

    Raises:
        InfraError: it does not show, or its environment is gone.
        RailwayError: the environment cannot be read.
    """
    here = session.group(await_instances, str(arrival.props["environmentId"]))
    here.join(arrival, arrival.name, goes_ahead=True)
    if arrival.problem is not None:
        raise arrival.problem


def await_instances(session: Session, arrivals: Sequence[Arrival]) -> None:
    """Wait for the instances of several services of one environment, and tell each what came of it."""
    client, waiting = session.client, list(arrivals)
    deadline, pause = client.clock() + _APPEARS_SECONDS, 0.2
    # The read of the turn before may have shown those that were made while it was under way.
    here = session.run.appeared.setdefault(str(waiting[0].props["environmentId"]), set())
    while waiting:
        try:
            if not here.issuperset(one.service_id for one in waiting):
                here |= services_here(session, waiting[0].props, subject=waiting[0].name)
        except Exception as error:  # noqa: BLE001  # everybody in the turn has to hear of it
            for one in waiting:
                one.problem = about(error, one.name)
            return
        for one in waiting:
            if one.service_id in here:
                _note(session, one)
        waiting = [one for one in waiting if one.service_id not in here]
        if waiting and client.clock() > deadline:
            problem = f"not listed {_APPEARS_SECONDS:g} s after it was made"
            for one in waiting:
                one.problem = InfraError(one.name, problem, "run pulumi up again")
            return
        if waiting:
            client.sleep(pause)
            pause = min(pause * 2, 3.0)


def _note(session: Session, arrival: Arrival) -> None:
    if arrival.made_at:
        note_made(session, arrival.props, arrival.service_id, arrival.made_at)
    else:
        # What is in it is not known.
        session.snapshots.forget(str(arrival.props["environmentId"]))
