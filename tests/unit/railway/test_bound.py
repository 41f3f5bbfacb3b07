"""What is bound to a service and not known yet in a preview: the same thing changed in place, or another one."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.railway.bound import rebound
from convos_infra.railway.snapshot import Snapshot

OURS, THEIRS = {"id": "d1", "domain": "ours.up.railway.app"}, {"id": "d2", "domain": "theirs.up.railway.app"}
OWN, ANOTHER = {"id": "c1", "domain": "a.example.org"}, {"id": "c2", "domain": "a.example.org"}


def environment(
    *service_domains: dict[str, str], custom: tuple[dict[str, str], ...] = (), volume: str = ""
) -> Snapshot:
    domains = {"serviceDomains": list(service_domains), "customDomains": list(custom)}
    mounted = ({"serviceId": "s", "volumeId": volume, "mountPath": "/data"},) if volume else ()
    proxied = {"services": {"s": {"networking": {"tcpProxies": {"6379": {}}}}}}
    return Snapshot("e", "p", "dev", True, proxied, {"s": {"domains": domains}}, mounted, {"s": "web"}, {})


@pytest.mark.parametrize(
    ("bound", "there", "told"),
    [
        ({"serviceDomains": {"": OURS["domain"]}}, environment(OURS), []),
        ({"serviceDomains": {"": OURS["domain"]}}, environment(OURS, THEIRS), []),
        ({"serviceDomains": {"": OURS["domain"]}}, environment(THEIRS), ["Railway domain"]),
        ({"serviceDomains": {"": OURS["domain"]}}, environment(), ["Railway domain"]),
        ({"serviceDomains": {"ours": OURS["domain"]}}, environment(OURS), []),
        ({"customDomains": {"a.example.org": "c1"}}, environment(custom=(OWN,)), []),
        ({"customDomains": {"a.example.org": "c1"}}, environment(custom=(ANOTHER,)), ["domain a.example.org"]),
        ({"volumes": {"/data": "v1"}}, environment(volume="v1"), []),
        ({"volumes": {"/data": "v1"}}, environment(volume="v2"), ["volume at /data"]),
        ({"tcpProxies": {"6379": "t1"}}, environment(), []),
    ],
)
def test_what_only_changes_in_place_announces_no_deployment_and_what_others_put_there_does(
    bound: dict[str, Any], there: Snapshot, told: list[str]
) -> None:
    before = {"serviceId": "s", "bound": bound}
    after = {"serviceId": "s", "bound": {kind: dict.fromkeys(things, UNKNOWN) for kind, things in bound.items()}}
    assert [str(place) for place in rebound(before, after, there, set())] == told
