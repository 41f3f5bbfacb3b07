"""Services and service instances."""

from __future__ import annotations

from functools import partial
from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _instance(stage: Sandbox, service_id: str, environment_id: str = "") -> Any:
    here = environment_id or stage.environment_id
    return stage.ask(documents.INSTANCE, environmentId=here, serviceId=service_id)["serviceInstance"]


def _has_instance(stage: Sandbox, service_id: str, environment_id: str) -> bool:
    return service_id in (stage.config(environment_id=environment_id).get("services") or {})


def _empty(stage: Sandbox) -> list[Any]:
    id_ = stage.service("empty")
    stage.lately(lambda: _has_instance(stage, id_, stage.environment_id), expected=True)
    latest = stage.ask(sent.LATEST_DEPLOYMENT, environmentId=stage.environment_id, serviceId=id_)["serviceInstance"]
    return [latest["latestDeployment"], len(stage.deployments(id_))]


def _same_name(stage: Sandbox) -> str:
    stage.service("twice")
    given = {"projectId": stage.project_id, "name": "twice", "environmentId": stage.environment_id}
    return stage.refused(sent.SERVICE_CREATE, input=given)


def _long_name(stage: Sandbox) -> list[str]:
    given = {"projectId": stage.project_id, "environmentId": stage.environment_id}
    taken = stage.refused(sent.SERVICE_CREATE, input={**given, "name": "n" * 32})
    return [taken, str(stage.refused(sent.SERVICE_CREATE, input={**given, "name": "n" * 33}) != "accepted")]


def _in_fork(stage: Sandbox) -> list[bool]:
    id_ = stage.service("only-in-fork", environmentId=stage.fork_id)
    found = stage.lately(lambda: _has_instance(stage, id_, stage.fork_id), expected=True)
    return [bool(found), _has_instance(stage, id_, stage.environment_id)]


def _not_in_fork(stage: Sandbox) -> list[bool]:
    id_ = stage.service("not-in-fork")
    found = stage.lately(lambda: _has_instance(stage, id_, stage.environment_id), expected=True)
    return [bool(found), _has_instance(stage, id_, stage.fork_id)]


def _deleted_in_fork(stage: Sandbox) -> list[bool]:
    id_ = stage.service("gone-in-fork", environmentId=stage.fork_id)
    stage.lately(lambda: _has_instance(stage, id_, stage.fork_id), expected=True)
    stage.ask(documents.SERVICE_DELETE, id=id_)
    return [bool(stage.lately(lambda: _has_instance(stage, id_, stage.fork_id), expected=False))]


def _deleted(stage: Sandbox) -> list[Any]:
    id_ = stage.service("deleted")
    stage.ask(documents.SERVICE_DELETE, id=id_)
    gone = stage.lately(lambda: _is_listed(stage, id_), expected=False)
    return [gone, stage.refused(documents.SERVICE, id=id_)]


def _deleted_in_its_last(stage: Sandbox) -> list[bool]:
    id_ = stage.service("deleted-in-its-last", environmentId=stage.fork_id)
    stage.lately(lambda: _has_instance(stage, id_, stage.fork_id), expected=True)
    stage.ask(sent.service_deletions(1), s0=id_, environmentId=stage.fork_id)
    gone = stage.lately(lambda: _has_instance(stage, id_, stage.fork_id), expected=False)
    return [bool(gone), stage.lately(lambda: _is_listed(stage, id_), expected=False)]


def _is_listed(stage: Sandbox, service_id: str) -> bool:
    rows = nodes(stage.ask(sent.PROJECT, id=stage.project_id)["project"]["services"])
    return service_id in {row["id"] for row in rows if not row["deletedAt"]}


def _together(stage: Sandbox) -> list[Any]:
    ids = [stage.service(f"together-{number}", environmentId=stage.fork_id) for number in range(2)]
    for id_ in ids:
        stage.lately(partial(_has_instance, stage, id_, stage.fork_id), expected=True)
    given = {f"s{number}": id_ for number, id_ in enumerate(ids)}
    answer = stage.ask(sent.service_deletions(2), **given, environmentId=stage.fork_id)
    left = [stage.lately(partial(_has_instance, stage, id_, stage.fork_id), expected=False) for id_ in ids]
    return [sorted(answer), *left]


def _partly_refused(stage: Sandbox) -> list[bool]:
    ids = [stage.service(f"partly-{number}", environmentId=stage.fork_id) for number in range(2)]
    for id_ in ids:
        stage.lately(partial(_has_instance, stage, id_, stage.fork_id), expected=True)
    given = {"s0": ids[0], "s1": stage.made_up(), "s2": ids[1]}
    refusal = stage.refused(sent.service_deletions(3), **given, environmentId=stage.fork_id)
    first = stage.lately(lambda: _has_instance(stage, ids[0], stage.fork_id), expected=False)
    return [refusal != "accepted", bool(first)]


def _renamed(stage: Sandbox) -> str:
    id_ = stage.service("before")
    stage.ask(sent.SERVICE_UPDATE, id=id_, input={"name": "after"})
    return str(stage.lately(lambda: stage.ask(documents.SERVICE, id=id_)["service"]["name"], "after"))


def _update_without_instance(stage: Sandbox) -> bool:
    id_ = stage.service("elsewhere", environmentId=stage.fork_id)
    given = {"serviceId": id_, "environmentId": stage.environment_id, "input": {"startCommand": "serve"}}
    return bool(stage.ask(documents.INSTANCE_UPDATE, **given)["serviceInstanceUpdate"])


def _update_source(stage: Sandbox) -> int:
    id_ = stage.service("updated-source")
    given = {"serviceId": id_, "environmentId": stage.environment_id}
    stage.ask(documents.INSTANCE_UPDATE, **given, input={"source": {"image": IMAGE}})
    stage.lately(lambda: (_instance(stage, id_).get("source") or {}).get("image"), IMAGE)
    return len(stage.deployments(id_))


def _replicas(stage: Sandbox) -> int:
    id_ = stage.service("replicas")
    given = {"serviceId": id_, "environmentId": stage.environment_id}
    stage.ask(documents.INSTANCE_UPDATE, **given, input={"numReplicas": 2})
    stage.ask(documents.INSTANCE_UPDATE, **given, input={"startCommand": "serve"})
    return int(stage.lately(lambda: _instance(stage, id_)["numReplicas"], 1))


def _update_list(stage: Sandbox) -> str:
    id_ = stage.service("updated-list")
    given = {"serviceId": id_, "environmentId": stage.environment_id}
    return stage.refused(documents.INSTANCE_UPDATE, **given, input={"preDeployCommand": ["a", "b"]})


def _limits(stage: Sandbox) -> Any:
    id_ = stage.service("limits")
    here = {"serviceId": id_, "environmentId": stage.environment_id}
    stage.ask(documents.LIMITS_UPDATE, input={**here, "vCPUs": 1, "memoryGB": 1})
    expected = {"containers": {"cpu": 1, "memoryBytes": 1_000_000_000}}
    return stage.lately(lambda: stage.ask(documents.LIMIT_OVERRIDE, **here)["serviceInstanceLimitOverride"], expected)


def _volume_stays(stage: Sandbox) -> bool:
    id_ = stage.service("had-volume")
    volume_id = stage.volume(id_)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    stage.ask(sent.service_deletions(1), s0=id_, environmentId=stage.environment_id)
    left = [row for row in stage.volume_instances(volume_id) if not row["isPendingDeletion"]]
    stage.ask(sent.VOLUME_DELETE, volumeId=volume_id)
    return bool(left)


SCENARIOS = (
    Scenario("empty-service", ("empty-service-waits", "instance-lag"), _empty, [None, 0]),
    Scenario(
        "service-of-a-taken-name",
        ("service-name-unique",),
        _same_name,
        'A service named "twice" already exists in this project',
    ),
    Scenario("service-of-33-letters", ("name-length",), _long_name, ["accepted", "True"]),
    Scenario("service-in-a-fork", ("service-create-scope",), _in_fork, [True, False]),
    Scenario("service-beside-a-fork", ("service-create-scope",), _not_in_fork, [True, False]),
    Scenario("delete-a-service-of-a-fork", ("service-delete-scope",), _deleted_in_fork, [False]),
    Scenario(
        "delete-two-services-in-one-document",
        ("mutations-of-one-document", "service-delete-scope"),
        _together,
        [["s0", "s1"], False, False],
    ),
    Scenario("delete-several-services-one-refused", ("mutations-of-one-document",), _partly_refused, [True, False]),
    Scenario(
        "delete-a-service-in-its-last-environment",
        ("scoped-delete-keeps-service",),
        _deleted_in_its_last,
        [False, True],
        otherwise=[False, False],
    ),
    Scenario(
        "delete-a-service",
        ("service-delete-scope", "deleted-is-not-found"),
        _deleted,
        [False, "Service not found"],
        otherwise=[False, "Not Authorized"],
    ),
    Scenario(
        "service-that-never-was",
        ("deleted-is-not-found",),
        lambda s: s.refused(documents.SERVICE, id=s.made_up()),
        "Service not found",
        otherwise="Not Authorized",
    ),
    Scenario(
        "instance-that-never-was",
        ("instance-not-found",),
        lambda s: s.refused(documents.INSTANCE, environmentId=s.environment_id, serviceId=s.made_up()),
        "ServiceInstance not found",
    ),
    Scenario("rename-a-service", ("name-length",), _renamed, "after"),
    Scenario("update-where-no-instance-is", ("instance-update-true",), _update_without_instance, expected=True),
    Scenario(
        "update-the-source",
        ("update-source-deploys", "instance-update-true"),
        _update_source,
        0,
        deployments=1,
        otherwise=1,
    ),
    Scenario("update-without-replicas", ("replicas-reset",), _replicas, 1),
    Scenario(
        "update-with-two-pre-deploy-commands",
        ("pre-deploy-list",),
        _update_list,
        "Error in preDeployCommand - Invalid input",
    ),
    Scenario(
        "limits-of-an-instance",
        ("limits-override",),
        _limits,
        {"containers": {"cpu": 1, "memoryBytes": 1_000_000_000}},
    ),
    Scenario("volume-of-a-deleted-service", ("service-keeps-volume",), _volume_stays, expected=True),
)
