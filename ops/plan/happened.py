"""What an update did, service by service, beside what its plan announced. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ops.plan.plan_rows import Mark, PlanRow, plan_rows
from ops.plan.preview_steps import DYNAMIC, mapping
from ops.plan.resource_kinds import INSTANCE, WAIT

if TYPE_CHECKING:
    from datetime import datetime

    from ops.plan.update_plan import KeyPlan, UpdatePlan


@dataclass(frozen=True)
class RecordedService:
    """A service as a state records it.

    Attributes:
        deployment: the id of the deployment that its last change made; empty if there is none.
        status: how the deployment that was last waited for ended, such as `SUCCESS`; empty if there was none.
        waited: the id of that deployment. It is not `deployment` if the deployment was repeated (then it is the
            repetition), and if the wait for it failed (then it is the one before).
    """

    deployment: str = ""
    status: str = ""
    waited: str = ""

    def is_another_than(self, before: RecordedService) -> bool:
        """Tell whether the service has been deployed since."""
        is_changed = bool(self.deployment) and self.deployment != before.deployment
        return is_changed or (bool(self.waited) and self.waited != before.waited)

    def status_since(self, before: RecordedService) -> str:
        """Return how its newest deployment ended; empty if its wait did not end well."""
        return "" if self.deployment != before.deployment and self.waited == before.waited else self.status


@dataclass(frozen=True)
class ServiceOutcome:
    """What became of a service.

    Attributes:
        name: the service.
        announced: how many deployments its plan announced.
        is_deployed: whether it has another deployment than before.
        status: of its newest deployment, `failed` if a step of it did; empty if that is not known.
    """

    name: str
    announced: int
    is_deployed: bool
    status: str

    @property
    def is_kept(self) -> bool:
        """Whether the update did what its plan said."""
        return self.is_deployed is bool(self.announced)


def services_of(exported: Mapping[str, Any]) -> dict[str, RecordedService]:
    """Return the services that a state records, from what `pulumi stack export` prints."""
    deployments: dict[str, str] = {}
    waits: dict[str, Mapping[str, Any]] = {}
    for row in mapping(exported.get("deployment")).get("resources") or []:
        kind, outputs = str(row.get("type")).removeprefix(DYNAMIC), mapping(row.get("outputs"))
        if kind == INSTANCE:
            deployments[str(outputs.get("service"))] = str(outputs.get("deploymentId") or "")
        elif kind == WAIT:
            waits |= {str(name): mapping(now) for name, now in mapping(outputs.get("deployed")).items()}
    return {name: _recorded(id_, waits.get(name, {})) for name, id_ in deployments.items()}


def _recorded(deployment: str, wait: Mapping[str, Any]) -> RecordedService:
    return RecordedService(deployment, str(wait.get("status") or ""), str(wait.get("id") or ""))


def outcomes(
    plan: UpdatePlan,
    before: Mapping[str, RecordedService],
    after: Mapping[str, RecordedService],
    failed: Collection[str] = (),
) -> list[ServiceOutcome]:
    """Return what became of each service that was announced or deployed, in the order of the plan.

    Args:
        plan: what was announced.
        before: the services as the state before the update records them.
        after: the services as the state records them now.
        failed: the services of which a step failed.
    """
    announced = {service.name: service.deployments for service in plan.services}
    found = []
    for name in dict.fromkeys([*announced, *sorted(after)]):
        now, old = after.get(name, RecordedService()), before.get(name, RecordedService())
        is_deployed = now.is_another_than(old)
        if is_deployed or announced.get(name):
            status = "failed" if is_deployed and name in failed else now.status_since(old)
            found.append(ServiceOutcome(name, announced.get(name, 0), is_deployed, status))
    return found


def happened_title(plan: UpdatePlan, found: Sequence[ServiceOutcome], seconds: float) -> str:
    """Return the outcome in one line: `2 of 2 announced deployments, 41 s`."""
    made = sum(1 for one in found if one.is_deployed and one.announced)
    return f"{made} of {plan.deployments} announced deployments, {seconds:.0f} s"


def happened_rows(found: Sequence[ServiceOutcome]) -> list[PlanRow]:
    """Return the rows of the services with what really happened."""
    return [PlanRow("" if place else "services", *_said(one)) for place, one in enumerate(found)]


def other_rows(plan: UpdatePlan, done: UpdatePlan, now: datetime) -> list[PlanRow]:
    """Return the rows of everything but services: what was done, and what was announced and not done.

    Args:
        plan: what was announced.
        done: the plan of what was done.
        now: with a time zone.
    """
    files = {file.file for file in done.migrations}
    images = {image.name for image in done.images}
    left = replace(
        plan,
        images=tuple(image for image in plan.images if image.name not in images),
        keys=tuple(_keys_left(plan.keys, done.keys)),
        migrations=tuple(file for file in plan.migrations if file.file not in files),
        agents=plan.agents if done.agents is None else None,
        things=tuple(subject for subject in plan.things if subject not in done.things),
        cost=None,  # an estimate is not something that was done
    )
    missed = [replace(row, text=f"{row.text}: not done", mark=Mark.LOST) for row in _without_services(left, now)]
    return [*_without_services(done, now), *missed]


def _keys_left(planned: Iterable[KeyPlan], done: Sequence[KeyPlan]) -> Iterator[KeyPlan]:
    """Yield the announced keys, each with the services that have not received it."""
    for key in planned:
        has = {name for one in done if (one.name, one.fate) == (key.name, key.fate) for name in one.services}
        if services := tuple(name for name in key.services if name not in has):
            yield replace(key, services=services)


def _without_services(plan: UpdatePlan, now: datetime) -> list[PlanRow]:
    return plan_rows(replace(plan, services=(), time=None, unknown=()), now)


def _said(one: ServiceOutcome) -> tuple[str, Mark]:
    status = f", {one.status}" if one.status else ""
    if one.is_kept:
        return f"{one.name}: deployed as announced{status}", Mark.NEW if one.status in ("", "SUCCESS") else Mark.LOST
    if one.is_deployed:
        return f"{one.name}: deployed, which was not announced{status}", Mark.LOST
    before = f"; its deployment before is {one.status}" if one.status else ""
    return f"{one.name}: announced and not deployed{before}", Mark.LOST
