"""Patches of an environment's config: committed, staged, merged."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, LIMITS, Sandbox
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _one_deployment(sandbox: Sandbox) -> list[int]:
    id_ = sandbox.service("one-patch")
    whole = {
        "source": {"image": IMAGE},
        "deploy": {"startCommand": "/whoami", "limitOverride": LIMITS},
        "variables": {"A": {"value": "1"}},
    }
    sandbox.configure(id_, whole)
    made = sandbox.lately(lambda: len(sandbox.deployments(id_)), 1)
    sandbox.settled(id_)
    sandbox.configure(id_, whole)
    again = len(sandbox.deployments(id_))
    sandbox.configure(id_, {"variables": {"A": {"value": "2"}}}, skip=True)
    return [int(made), again, len(sandbox.deployments(id_))]


def _scaling(sandbox: Sandbox) -> int:
    id_ = sandbox.running("scaled")
    before = len(sandbox.deployments(id_))
    sandbox.configure(id_, {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}})
    return len(sandbox.settled(id_)) - before


def _null_removes(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("null-removes")
    variables = {"A": {"value": "1"}, "B": {"value": "2"}}
    sandbox.configure(id_, {"variables": variables, "deploy": {"startCommand": "serve"}}, skip=True)
    sandbox.configure(id_, {"variables": {"A": None}}, skip=True)

    def stored() -> list[Any]:
        config = sandbox.config()["services"][id_]
        return [sorted(config["variables"]), config["deploy"].get("startCommand")]

    return list(sandbox.lately(stored, [["B"], "serve"]))


def _created(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("materialised")
    refused = sandbox.refused(
        sent.PATCH_COMMIT,
        environmentId=sandbox.fork_id,
        patch={"services": {id_: {"deploy": {"startCommand": "serve"}}}},
        message="conformance",
    )
    sandbox.commit({"services": {id_: {"isCreated": True}}}, environment_id=sandbox.fork_id)
    there = sandbox.lately(lambda: id_ in sandbox.config(environment_id=sandbox.fork_id)["services"], expected=True)
    return [refused != "accepted", there]


def _refused(sandbox: Sandbox, name: str, config: dict[str, Any]) -> str:
    id_ = sandbox.service(name)
    patch = {"services": {id_: config}}
    return sandbox.refused(sent.PATCH_COMMIT, environmentId=sandbox.environment_id, patch=patch, message="conformance")


def _staged(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("staged")
    sandbox.ask(
        documents.STAGE_CHANGES,
        environmentId=sandbox.environment_id,
        input={"services": {id_: {"variables": {"STAGED": {"value": "1"}}}}},
    )
    sandbox.configure(id_, {"variables": {"COMMITTED": {"value": "1"}}}, skip=True)

    def names() -> list[str]:
        return sorted(sandbox.config()["services"][id_].get("variables") or {})

    first = sandbox.lately(names, ["COMMITTED"])
    sandbox.ask(documents.COMMIT_STAGED, environmentId=sandbox.environment_id)
    return [first, sandbox.lately(names, ["COMMITTED", "STAGED"])]


SCENARIOS = (
    Scenario(
        "one-patch-one-deployment",
        ("patch-one-deployment", "patch-no-change"),
        _one_deployment,
        [1, 1, 1],
        deployments=2,
    ),
    Scenario("scaling-deploys-nothing", ("scaling-keeps-deployment",), _scaling, 0, deployments=3),
    Scenario("null-removes", ("patch-null-removes", "environment-config-paths"), _null_removes, [["B"], "serve"]),
    Scenario("instance-by-patch", ("patch-creates-instance",), _created, [True, True]),
    Scenario(
        "patch-with-two-pre-deploy-commands",
        ("pre-deploy-list",),
        lambda s: _refused(s, "patched-list", {"deploy": {"preDeployCommand": ["a", "b"]}}),
        "Error in preDeployCommand - Invalid input",
    ),
    Scenario(
        "nothing-to-commit",
        ("no-patch",),
        lambda s: s.refused(documents.COMMIT_STAGED, environmentId=s.environment_id),
        "No patch to apply",
    ),
    Scenario("staged-and-committed", ("staged-apart",), _staged, [["COMMITTED"], ["COMMITTED", "STAGED"]]),
)
