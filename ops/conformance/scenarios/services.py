"""Services and service instances."""

from __future__ import annotations

from functools import partial
from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _instance(sandbox: Sandbox, service_id: str, environment_id: str = "") -> Any:
    here = environment_id or sandbox.environment_id
    return sandbox.ask(documents.INSTANCE, environmentId=here, serviceId=service_id)["serviceInstance"]


def _has_instance(sandbox: Sandbox, service_id: str, environment_id: str) -> bool:
    return service_id in (sandbox.config(environment_id=environment_id).get("services") or {})


def _empty(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("empty")
    sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.environment_id), expected=True)
    latest = sandbox.ask(sent.LATEST_DEPLOYMENT, environmentId=sandbox.environment_id, serviceId=id_)["serviceInstance"]
    return [latest["latestDeployment"], len(sandbox.deployments(id_))]


def _same_name(sandbox: Sandbox) -> str:
    sandbox.service("twice")
    given = {"projectId": sandbox.project_id, "name": "twice", "environmentId": sandbox.environment_id}
    return sandbox.refused(sent.SERVICE_CREATE, input=given)


def _long_name(sandbox: Sandbox) -> list[str]:
    given = {"projectId": sandbox.project_id, "environmentId": sandbox.environment_id}
    taken = sandbox.refused(sent.SERVICE_CREATE, input={**given, "name": "n" * 32})
    return [taken, str(sandbox.refused(sent.SERVICE_CREATE, input={**given, "name": "n" * 33}) != "accepted")]


def _in_fork(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.service("only-in-fork", environmentId=sandbox.fork_id)
    found = sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.fork_id), expected=True)
    return [bool(found), _has_instance(sandbox, id_, sandbox.environment_id)]


def _not_in_fork(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.service("not-in-fork")
    found = sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.environment_id), expected=True)
    return [bool(found), _has_instance(sandbox, id_, sandbox.fork_id)]


def _deleted_in_fork(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.service("gone-in-fork", environmentId=sandbox.fork_id)
    sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.fork_id), expected=True)
    sandbox.ask(documents.SERVICE_DELETE, id=id_)
    return [bool(sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.fork_id), expected=False))]


def _deleted(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("deleted")
    sandbox.ask(documents.SERVICE_DELETE, id=id_)
    gone = sandbox.lately(lambda: _is_listed(sandbox, id_), expected=False)
    return [gone, sandbox.refused(documents.SERVICE, id=id_)]


def _deleted_in_its_last(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.service("deleted-in-its-last", environmentId=sandbox.fork_id)
    sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.fork_id), expected=True)
    sandbox.ask(sent.service_deletions(1), s0=id_, environmentId=sandbox.fork_id)
    gone = sandbox.lately(lambda: _has_instance(sandbox, id_, sandbox.fork_id), expected=False)
    return [bool(gone), sandbox.lately(lambda: _is_listed(sandbox, id_), expected=False)]


def _is_listed(sandbox: Sandbox, service_id: str) -> bool:
    rows = nodes(sandbox.ask(sent.PROJECT, id=sandbox.project_id)["project"]["services"])
    return service_id in {row["id"] for row in rows if not row["deletedAt"]}


def _together(sandbox: Sandbox) -> list[Any]:
    ids = [sandbox.service(f"together-{number}", environmentId=sandbox.fork_id) for number in range(2)]
    for id_ in ids:
        sandbox.lately(partial(_has_instance, sandbox, id_, sandbox.fork_id), expected=True)
    given = {f"s{number}": id_ for number, id_ in enumerate(ids)}
    answer = sandbox.ask(sent.service_deletions(2), **given, environmentId=sandbox.fork_id)
    left = [sandbox.lately(partial(_has_instance, sandbox, id_, sandbox.fork_id), expected=False) for id_ in ids]
    return [sorted(answer), *left]


def _partly_refused(sandbox: Sandbox) -> list[bool]:
    ids = [sandbox.service(f"partly-{number}", environmentId=sandbox.fork_id) for number in range(2)]
    for id_ in ids:
        sandbox.lately(partial(_has_instance, sandbox, id_, sandbox.fork_id), expected=True)
    given = {"s0": ids[0], "s1": sandbox.made_up(), "s2": ids[1]}
    refusal = sandbox.refused(sent.service_deletions(3), **given, environmentId=sandbox.fork_id)
    first = sandbox.lately(lambda: _has_instance(sandbox, ids[0], sandbox.fork_id), expected=False)
    return [refusal != "accepted", bool(first)]


def _renamed(sandbox: Sandbox) -> str:
    id_ = sandbox.service("before")
    sandbox.ask(sent.SERVICE_UPDATE, id=id_, input={"name": "after"})
    return str(sandbox.lately(lambda: sandbox.ask(documents.SERVICE, id=id_)["service"]["name"], "after"))


def _update_without_instance(sandbox: Sandbox) -> bool:
    id_ = sandbox.service("elsewhere", environmentId=sandbox.fork_id)
    given = {"serviceId": id_, "environmentId": sandbox.environment_id, "input": {"startCommand": "serve"}}
    return bool(sandbox.ask(documents.INSTANCE_UPDATE, **given)["serviceInstanceUpdate"])


def _update_source(sandbox: Sandbox) -> int:
    id_ = sandbox.service("updated-source")
    given = {"serviceId": id_, "environmentId": sandbox.environment_id}
    sandbox.ask(documents.INSTANCE_UPDATE, **given, input={"source": {"image": IMAGE}})
    sandbox.lately(lambda: (_instance(sandbox, id_).get("source") or {}).get("image"), IMAGE)
    return len(sandbox.deployments(id_))


def _replicas(sandbox: Sandbox) -> int:
    id_ = sandbox.service("replicas")
    given = {"serviceId": id_, "environmentId": sandbox.environment_id}
    sandbox.ask(documents.INSTANCE_UPDATE, **given, input={"numReplicas": 2})
    sandbox.ask(documents.INSTANCE_UPDATE, **given, input={"startCommand": "serve"})
    return int(sandbox.lately(lambda: _instance(sandbox, id_)["numReplicas"], 1))


def _update_list(sandbox: Sandbox) -> str:
    id_ = sandbox.service("updated-list")
    given = {"serviceId": id_, "environmentId": sandbox.environment_id}
    return sandbox.refused(documents.INSTANCE_UPDATE, **given, input={"preDeployCommand": ["a", "b"]})


def _limits(sandbox: Sandbox) -> Any:
    id_ = sandbox.service("limits")
    here = {"serviceId": id_, "environmentId": sandbox.environment_id}
    sandbox.ask(documents.LIMITS_UPDATE, input={**here, "vCPUs": 1, "memoryGB": 1})
    expected = {"containers": {"cpu": 1, "memoryBytes": 1_000_000_000}}
    return sandbox.lately(
        lambda: sandbox.ask(documents.LIMIT_OVERRIDE, **here)["serviceInstanceLimitOverride"], expected
    )


def _volume_stays(sandbox: Sandbox) -> bool:
    id_ = sandbox.service("had-volume")
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    sandbox.ask(sent.service_deletions(1), s0=id_, environmentId=sandbox.environment_id)
    left = [row for row in sandbox.volume_instances(volume_id) if not row["isPendingDeletion"]]
    sandbox.ask(sent.VOLUME_DELETE, volumeId=volume_id)
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
