"""Whose a thing is, and what keeps a destroy from beginning: the pure decisions, one table each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.ownership import DELETE, REFUSE, DestroyPolicy, is_owned, policy
from convos_infra.railway import destroy_reasons
from convos_infra.railway.destroy_reasons import Mine
from convos_infra.railway.snapshot import Snapshot
from pool_contract.service_names import agents_in, is_left_by_agent

EARLY, LATE = "2026-11-26T10:00:00.000Z", "2026-11-26T11:00:00.000Z"


def deployed(status: str = "SUCCESS", at: str = LATE) -> dict[str, Any]:
    return {"id": "d", "status": status, "createdAt": at}


def snapshot(
    services: Mapping[str, Mapping[str, Any]],
    volumes: tuple[Mapping[str, Any], ...] = (),
    config: Mapping[str, Any] | None = None,
) -> Snapshot:
    return Snapshot(
        environment_id="e",
        project_id="p",
        name="test",
        is_fork=True,
        config={"services": config or {}},
        instances={id_: {"serviceName": id_, **row} for id_, row in services.items()},
        volume_instances=volumes,
        project_services={id_: id_ for id_ in services},
        volumes={str(row["volumeId"]): {"name": f"{row['volumeId']}-volume"} for row in volumes},
    )


def volume(service: str | None = "web", mb: float = 0.0, at: str = EARLY, name: str = "v") -> dict[str, Any]:
    return {"volumeId": name, "serviceId": service, "mountPath": "/d", "currentSizeMB": mb, "createdAt": at}


@pytest.mark.parametrize(
    ("config", "environ", "expected"),
    [
        ({}, {}, DestroyPolicy()),
        ({"dataOnDestroy": "delete"}, {}, DestroyPolicy(data=DELETE)),
        ({"dataOnDestroy": "delete"}, {"DATA_ON_DESTROY": "refuse"}, DestroyPolicy(data=REFUSE)),
        ({}, {"DATA_ON_DESTROY": " Delete "}, DestroyPolicy(data=DELETE, data_now=True)),
        ({}, {"DATA_ON_DESTROY": ""}, DestroyPolicy()),
        ({"destroyAdopted": "True"}, {}, DestroyPolicy(adopted=True)),
        ({"destroyAdopted": "true"}, {"DESTROY_ADOPTED": "false"}, DestroyPolicy()),
        ({"protect": "true"}, {}, DestroyPolicy(protect=True)),
    ],
)
def test_the_variable_takes_the_place_of_the_key(
    config: dict[str, str], environ: dict[str, str], expected: DestroyPolicy
) -> None:
    assert policy(lambda key: config.get(key, ""), environ) == expected


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"DATA_ON_DESTROY": "yes"}, "DATA_ON_DESTROY: must be refuse or delete, not 'yes'"),
        ({"DATA_ON_DESTROY": "deleted"}, "DATA_ON_DESTROY: must be refuse or delete, not 'deleted'"),
        ({"DESTROY_ADOPTED": "1"}, "DESTROY_ADOPTED: must be false or true, not '1'"),
    ],
)
def test_a_word_that_is_neither_deletes_nothing(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(InfraError) as caught:
        policy(lambda _: "", environ)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("props", "otherwise", "expected"),
    [
        ({"owned": True}, False, True),
        ({"owned": False}, True, False),
        ({"owned": True, "adopts": "an id"}, False, True),
        ({"adopts": "an id"}, True, False),
        ({"adopts": ""}, True, True),
        ({"adopts": None, "owned": None}, True, True),
        ({}, False, False),
        ({"owned": "true"}, False, False),
        ({"owned": 1.0}, False, False),
    ],
)
def test_what_is_recorded_decides_then_what_was_announced(
    props: dict[str, Any], otherwise: bool, expected: bool
) -> None:
    assert is_owned(props, otherwise=otherwise) is expected


@pytest.mark.parametrize(
    ("row", "latest", "expected"),
    [
        (volume(), None, False),
        (volume(mb=0.1), None, True),
        (volume(), deployed(), True),
        (volume(), deployed("REMOVED"), True),
        (volume(), deployed("CRASHED"), True),
        (volume(at=LATE), deployed(at=EARLY), False),
        (volume(at=LATE), deployed(at=LATE), True),
        ({**volume(), "createdAt": None}, deployed(), True),
        ({**volume(), "currentSizeMB": None}, None, False),
        (volume(service=None), None, True),
        (volume(service=""), None, True),
    ],
)
def test_a_volume_has_data_where_something_may_have_written_to_it(
    row: dict[str, Any], latest: dict[str, Any] | None, expected: bool
) -> None:
    assert destroy_reasons.has_data(snapshot({"web": {"latestDeployment": latest}}, (row,)), row) is expected


@pytest.mark.parametrize(
    ("instance", "config", "volumes", "expected"),
    [
        ({}, {}, (), True),
        ({}, {"source": {}, "variables": {}, "networking": {"tcpProxies": {}}}, (), True),
        ({}, {"source": {"image": "x"}}, (), False),
        (
            {},
            {"isCreated": True, "build": {"builder": "RAILPACK"}, "deploy": {"restartPolicyMaxRetries": 10}},
            (),
            True,
        ),
        ({}, {"deploy": {"startCommand": "node server.js"}}, (), False),
        ({}, {"deploy": {"cronSchedule": "0 * * * *"}}, (), False),
        ({}, {"variables": {"A": {"value": "1"}}}, (), False),
        ({}, {"networking": {"serviceDomains": {"x": {"port": 1}}}}, (), False),
        ({"latestDeployment": deployed("REMOVED")}, {}, (), True),
        ({"latestDeployment": deployed()}, {}, (), False),
        ({"latestDeployment": deployed("CRASHED")}, {}, (), False),
        ({"domains": {"serviceDomains": [{"id": "d", "domain": "x"}]}}, {}, (), False),
        ({"domains": {"customDomains": [{"id": "d", "domain": "x", "deletedAt": LATE}]}}, {}, (), True),
        ({}, {}, (volume(),), False),
        ({}, {}, (volume(service="other"),), True),
    ],
)
def test_a_service_is_untouched_only_where_nothing_was_put_into_it(
    instance: dict[str, Any], config: dict[str, Any], volumes: tuple[dict[str, Any], ...], expected: bool
) -> None:
    seen = snapshot({"web": instance, "other": {}}, volumes, {"web": config})
    assert destroy_reasons.is_untouched(seen, "web") is expected


WEB = {"id": "web", "name": "web", "owned": True}
DISK = {"id": "v", "name": "web", "owned": True}
KEPT = {"owned": False}


@pytest.mark.parametrize(
    ("mine", "stack_policy", "expected"),
    [
        (Mine(True, [WEB], [DISK], "agent-"), DestroyPolicy(), {"tool", "theirs-volume", "v-volume"}),
        (Mine(True, [WEB], [DISK], "agent-"), DestroyPolicy(data=DELETE), {"tool", "theirs-volume"}),
        (Mine(False, [WEB], [DISK], "agent-"), DestroyPolicy(), {"v-volume"}),
        (Mine(True, [{**WEB, **KEPT}], [DISK], "agent-"), DestroyPolicy(data=DELETE), set()),
        (Mine(True, [WEB], [{**DISK, **KEPT}], "agent-"), DestroyPolicy(), set()),
        (Mine(False, [{**WEB, **KEPT}], [{**DISK, **KEPT}], "agent-"), DestroyPolicy(), set()),
        (
            Mine(False, [{**WEB, **KEPT}], [{**DISK, **KEPT}], "agent-"),
            DestroyPolicy(adopted=True),
            {"tool", "theirs-volume", "v-volume"},
        ),
        (Mine(True, [WEB], [DISK], ""), DestroyPolicy(data=DELETE), {"tool", "theirs-volume", "agent-1", "a-volume"}),
        (Mine(True, [], [], "agent-"), DestroyPolicy(), {"tool", "web", "theirs-volume", "v-volume"}),
    ],
)
def test_what_stands_in_the_way_is_named_and_nothing_else(
    mine: Mine, stack_policy: DestroyPolicy, expected: set[str]
) -> None:
    services = {id_: {"latestDeployment": deployed()} for id_ in ("web", "tool", "agent-1")}
    disks = (volume(), volume("agent-1", name="a"), volume(None, name="theirs"))
    reasons = destroy_reasons.with_a_gate(snapshot(services, disks), mine, stack_policy)
    text = " ".join(reason.problem for reason in reasons).replace("(of web)", "").replace("(of agent-1)", "")
    found = {
        name
        for name in ("tool", "web", "agent-1", "theirs-volume", "v-volume", "a-volume")
        if name in text.replace(",", " ").split()
    }
    assert found == expected


def test_a_service_of_the_stack_that_is_named_as_an_agent_is_none() -> None:
    mine = Mine(True, [{"id": "agent-db", "name": "agent-db"}], [], "agent-")
    pending = tuple(volume(None, mb=1.0, name=name) for name in ("agent-db", "agent-1"))
    mounted = (volume("agent-db", name="theirs"), volume("agent-1"))
    known = snapshot({}, (*pending, *mounted)).volumes
    found = replace(snapshot({"agent-db": {}, "agent-1": {}}, mounted), pending_volumes=pending, volumes=known)
    told = [reason.problem for reason in destroy_reasons.with_a_gate(found, mine, DestroyPolicy())]
    assert any("theirs-volume (of agent-db)" in one for one in told), told
    assert any("agent-db-volume" in one and "restored" in one for one in told), told
    assert not any("agent-1" in one for one in told), told


def test_another_pool_manager_is_no_agent_of_an_environment() -> None:
    assert agents_in({"a": "convos-agent-pool-manager", "b": "convos-agent-x", "c": "web"}, ()) == {"b"}
    assert agents_in({"a": "convos-agent-x"}, ("a",)) == set()
    assert agents_in({"a": "convos-agent-x"}, (), "") == set()
    assert is_left_by_agent("convos-agent-x-volume", ())
    assert not is_left_by_agent("convos-agent-pool-manager-volume", ())
    assert not is_left_by_agent("convos-agent-db-volume", ("convos-agent-db",))
    assert is_left_by_agent("convos-agent-dbx-volume", ("convos-agent-db",))


def test_an_environment_with_agents_alone_is_empty_and_one_with_an_unmounted_volume_is_not() -> None:
    agents = snapshot({"agent-1": {}}, (volume("agent-1"),))
    assert destroy_reasons.left_in(agents, "agent-") == []
    assert destroy_reasons.left_in(agents, "") == ["agent-1", "volume v-volume (of agent-1)"]
    assert destroy_reasons.left_in(snapshot({}, (volume(None),)), "agent-") == ["volume v-volume (mounted nowhere)"]


@pytest.mark.parametrize(
    ("stack_policy", "expected"),
    [
        (DestroyPolicy(), ["volumes in its environment have data: v-volume (of web)"]),
        (DestroyPolicy(data=DELETE), []),
        (DestroyPolicy(data=DELETE, protect=True), ["the stack is protected"]),
    ],
)
def test_without_a_gate_every_volume_with_data_counts(stack_policy: DestroyPolicy, expected: list[str]) -> None:
    seen = snapshot({"web": {"latestDeployment": deployed()}, "new": {}}, (volume(), volume("new", name="empty")))
    reasons = destroy_reasons.without_a_gate(seen, stack_policy)
    assert [reason.problem for reason in reasons] == expected
    asks = [reason.step for reason in reasons if "have data" in reason.problem]
    assert all("keeps the others" in step for step in asks), "it must not read as if all named volumes would go"
    assert len(asks) == (stack_policy.data != DELETE)
