"""Random environments in the real emulator: what it renders for a deployment has to be what is resolved here."""

from __future__ import annotations

import random
from typing import Any

import pytest

from convos_infra.railway.provided_variables import OF_DOMAIN, OF_PROXY, OF_VOLUME
from convos_infra.railway.references import DeadEndKind, Resolved
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.running_references import gives
from tests.railway.fix_resources import Place, Props, patch
from tests.railway.referring import current_value

RENDERED = """query v($p: String!, $e: String!, $s: String!) {
  variables(projectId: $p, environmentId: $e, serviceId: $s, unrendered: false)
}"""
SERVICES = ("web", "my-db", "The Cache", "app-1.2")
NAMES = ("A", "B", "C", "D")
PROVIDED = (
    *OF_DOMAIN,
    *OF_PROXY,
    *OF_VOLUME,
    "RAILWAY_PRIVATE_DOMAIN",
    "RAILWAY_SERVICE_NAME",
    "RAILWAY_SERVICE_ID",
    "RAILWAY_ENVIRONMENT_NAME",
    "RAILWAY_PROJECT_ID",
    "RAILWAY_PROJECT_NAME",
)


def value(rng: random.Random) -> str:
    """Return a value of up to three pieces, most of them references."""
    pieces = []
    for _ in range(rng.randint(1, 3)):
        owner = rng.choice(["", "", "shared", "gone", "Web", *SERVICES])
        name = rng.choice([*NAMES, rng.choice(PROVIDED)])
        quoted = f'"{owner}"' if "." in owner or (owner and rng.random() < 0.2) else owner
        blank = rng.choice(["", " "])
        reference = f"${{{{{blank}{quoted}{'.' if owner else ''}{name}{blank}}}}}"
        pieces.append(reference if rng.random() < 0.7 else rng.choice(["x", "/", "€", "a b"]))
    return "".join(pieces)


def made_at_random(at: Place, rng: random.Random) -> dict[str, str]:
    """Make services with random variables and parts; returns their ids by name."""
    ids = {"web": at.service.id}
    for name in SERVICES[1:]:
        ids[name] = at.runs.create(ServiceProvider, {**at.ids, "name": name}).id
    for name, id_ in ids.items():
        where: Props = {**at.ids, "serviceId": id_, "service": name}
        if rng.random() < 0.5:
            at.runs.create(ServiceDomainProvider, where)
        if rng.random() < 0.5:
            at.runs.create(TcpProxyProvider, {**where, "applicationPort": 5432.0})
        if rng.random() < 0.5:
            at.runs.create(VolumeProvider, {**where, "mountPath": "/data"})

    def some(chance: float) -> dict[str, Any]:
        return {name: {"value": value(rng)} for name in NAMES if rng.random() < chance}

    services = {id_: {"variables": some(0.7)} for id_ in ids.values()}
    patch(at, {"services": services, "sharedVariables": some(0.4)})
    return ids


@pytest.mark.parametrize("seed", range(6))
def test_the_emulator_renders_what_is_resolved_here_in_random_environments(at: Place, seed: int) -> None:
    ids = made_at_random(at, random.Random(seed))
    session = at.runs.provider(ServiceInstanceProvider).session()
    snapshot = session.living(at.ids, subject="test")
    addresses = session.snapshots.details(snapshot).addresses
    compared = 0
    for id_ in ids.values():
        theirs = at.runs.emulator.run(RENDERED, p=at.project.id, e=at.environment.id, s=id_)["variables"]
        for name, found in gives(snapshot, id_, addresses).items():
            kinds = {end.kind for end in found.dead_ends}
            if kinds & {DeadEndKind.CYCLE, DeadEndKind.SELF}:
                continue
            compared += 1
            assert isinstance(found, Resolved)
            assert found.fits(theirs[name]), (seed, name, theirs[name])
            assert found.text in (theirs[name], None)
            assert current_value(snapshot, id_, name) in (theirs[name], None)
            assert kinds or theirs[name] != ""
    assert compared > 0
