"""Patches of an environment's config: committed, staged, merged."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, LIMITS, Sandbox
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _one_deployment(stage: Sandbox) -> list[int]:
    id_ = stage.service("one-patch")
    whole = {
        "source": {"image": IMAGE},
        "deploy": {"startCommand": "/whoami", "limitOverride": LIMITS},
        "variables": {"A": {"value": "1"}},
    }
    stage.configure(id_, whole)
    made = stage.lately(lambda: len(stage.deployments(id_)), 1)
    stage.settled(id_)
    stage.configure(id_, whole)
    again = len(stage.deployments(id_))
    stage.configure(id_, {"variables": {"A": {"value": "2"}}}, skip=True)
    return [int(made), again, len(stage.deployments(id_))]


def _scaling(stage: Sandbox) -> int:
    id_ = stage.running("scaled")
    before = len(stage.deployments(id_))
    stage.configure(id_, {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}})
    return len(stage.settled(id_)) - before


def _null_removes(stage: Sandbox) -> list[Any]:
    id_ = stage.service("null-removes")
    variables = {"A": {"value": "1"}, "B": {"value": "2"}}
    stage.configure(id_, {"variables": variables, "deploy": {"startCommand": "serve"}}, skip=True)
    stage.configure(id_, {"variables": {"A": None}}, skip=True)

    def stored() -> list[Any]:
        config = stage.config()["services"][id_]
        return [sorted(config["variables"]), config["deploy"].get("startCommand")]

    return list(stage.lately(stored, [["B"], "serve"]))


def _created(stage: Sandbox) -> list[Any]:
    id_ = stage.service("materialised")
    refused = stage.refused(
        sent.PATCH_COMMIT,
        environmentId=stage.fork_id,
        patch={"services": {id_: {"deploy": {"startCommand": "serve"}}}},
        message="conformance",
    )
    stage.commit({"services": {id_: {"isCreated": True}}}, environment_id=stage.fork_id)
    there = stage.lately(lambda: id_ in stage.config(environment_id=stage.fork_id)["services"], expected=True)
    return [refused != "accepted", there]


def _refused(stage: Sandbox, name: str, config: dict[str, Any]) -> str:
    id_ = stage.service(name)
    patch = {"services": {id_: config}}
    return stage.refused(sent.PATCH_COMMIT, environmentId=stage.environment_id, patch=patch, message="conformance")


def _staged(stage: Sandbox) -> list[Any]:
    id_ = stage.service("staged")
    stage.ask(
        documents.STAGE_CHANGES,
        environmentId=stage.environment_id,
        input={"services": {id_: {"variables": {"STAGED": {"value": "1"}}}}},
    )
    stage.configure(id_, {"variables": {"COMMITTED": {"value": "1"}}}, skip=True)

    def names() -> list[str]:
        return sorted(stage.config()["services"][id_].get("variables") or {})

    first = stage.lately(names, ["COMMITTED"])
    stage.ask(documents.COMMIT_STAGED, environmentId=stage.environment_id)
    return [first, stage.lately(names, ["COMMITTED", "STAGED"])]


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
