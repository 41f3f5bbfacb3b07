"""A preview as a plan: what Pulumi's JSON and the providers' announcements say, and never a value of a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ops.ci.reviewed import UNKNOWN
from ops.plan.of_preview import PreviewContext, pending_tables, update_plan
from ops.plan.plan_rows import headline
from ops.plan.update_plan import AgentsPlan, CommitsPlan, Fate, KeyPlan, StatementPlan, ThingPlan, UpdatePlan

PREVIEWS = Path(__file__).parent / "previews"
HEAD = "urn:pulumi:dev::convos-infra::convos:index:Parent$pulumi-python:dynamic"
OLD, NEW = (f"ghcr.io/x/runtime:dev@sha256:{digit * 64}" for digit in "12")
SECRET = "[secret]"


def step(
    op: str, kind: str, name: str, before: dict[str, Any], after: dict[str, Any], *needs: str, **recorded: object
) -> dict[str, Any]:
    """Return a step as Pulumi prints it; `needs` are kind::name."""
    old = {"inputs": before, "outputs": {**before, **recorded}}
    new = {"inputs": after, "dependencies": [f"{HEAD}/{one}" for one in needs]}
    states = {} if op == "create" else {"oldState": old}
    return {"op": op, "urn": f"{HEAD}/{kind}::{name}", **states, **({"newState": new} if op != "delete" else {})}


def instance(op: str, name: str, before: dict[str, Any], after: dict[str, Any], *needs: str) -> dict[str, Any]:
    place = {"service": name, "serviceId": "an-id-of-railway"}
    given = {**place, **before} if before else {}
    return step(op, "railway:ServiceInstance", name, given, {**place, **after}, *needs)


def change(number: int, *because: str, deployments: int = 1, **more: Any) -> dict[str, Any]:
    return {"number": number, "deployments": deployments, "because": list(because), **more}


def plan(*steps: dict[str, Any], **beside: Any) -> UpdatePlan:
    return update_plan("dev", {"steps": list(steps), "changeSummary": {}}, PreviewContext(**beside))


def test_what_the_real_cli_printed_for_new_images() -> None:
    found = update_plan("dev", json.loads((PREVIEWS / "two-images.json").read_text()), PreviewContext())
    assert headline(found) == "2 deployments, 2 calls that change Railway"
    assert {service.name: service.fields + service.variables for service in found.services} == {
        "convos-agent-pool-manager": ("image", "RAILWAY_RUNTIME_IMAGE"),
        "convos-runtime-canary": ("image",),
    }
    assert [image.name for image in found.images] == ["pool", "runtime"]
    assert found.agents == AgentsPlan("hold", "policy hold: 3 agents stay on sha256:a9c7160e (3 idle)")
    assert found.keys == found.things == found.migrations == ()
    shown = json.dumps(found.document())
    assert UNKNOWN not in shown
    assert "urn:" not in shown
    assert "8499023a-f219-4d22-85ed-a98371710fad" not in shown


def test_services_stand_in_the_order_in_which_they_are_deployed_each_with_its_kinds_of_reasons() -> None:
    wait = step("update", "railway:Deployment", "zebra", {"services": []}, {"services": [], "deploymentId": UNKNOWN})
    found = plan(
        instance(
            "update",
            "alpha",
            {"variables": {"A": "1"}, "change": change(1)},
            {"variables": {"A": "2"}, "change": change(2, "A", "image", "/data", "crashed", atMost=2, others=["X"])},
            "railway:Deployment::zebra",
            "railway:Service::alpha",
        ),
        instance("update", "zebra", {"change": change(1)}, {"change": change(2, "image")}),
        instance("same", "idle", {}, {}),
        instance("update", "stored", {"change": change(1)}, {"change": change(2, "cronSchedule", deployments=0)}),
        instance("update", "moved", {"change": change(5, "image")}, {"change": change(5, "image"), "bound": {}}),
        wait,
    )
    assert [(one.name, one.after) for one in found.services] == [("stored", ()), ("zebra", ()), ("alpha", ("zebra",))]
    alpha = found.services[-1]
    assert (alpha.fields, alpha.variables, alpha.conditions) == (("image",), ("A",), ("/data", "crashed"))
    assert (alpha.deployments, alpha.at_most, alpha.others) == (1, 2, ("X",))
    assert (found.deployments, found.at_most, found.mutations, found.same_services) == (2, 3, 3, 1)


def test_a_deployment_that_is_repeated_is_a_service_too() -> None:
    found = plan(
        step("update", "railway:Deployment", "web", {}, {"again": ["web", "api"], "change": change(1, deployments=2)})
    )
    assert [(one.name, one.conditions) for one in found.services] == [
        ("api", ("the newest deployment failed",)),
        ("web", ("the newest deployment failed",)),
    ]
    assert (found.deployments, found.mutations) == (2, 2)


def test_a_deployment_that_is_ordered_after_its_patch_is_two_calls() -> None:
    ordered = {"change": {**change(2, "A"), "ordered": True}}
    found = plan(instance("update", "web", {}, ordered), instance("update", "api", {}, {"change": change(2, "A")}))
    assert (found.deployments, found.mutations) == (2, 3)


def test_keys_are_named_with_what_they_refer_to_and_no_value_is_in_the_plan() -> None:
    before = {"KEPT": "a-value-kept", "TOKEN": SECRET, "GONE": SECRET, "PLAIN": "a-value-old", "IMAGE": OLD}
    after = {"KEPT": "a-value-kept", "TOKEN": SECRET, "PLAIN": "a-value-new", "IMAGE": NEW}
    after |= {"URL": "redis://:${{ cache.PASSWORD }}@${{cache.HOST}}:${{PORT}}/a-value-0", "NEW": SECRET}
    image = {"digest": f"sha256:{'2' * 64}", "pinned": NEW}
    found = plan(
        step("update", "registry:Image", "runtime", {"digest": f"sha256:{'1' * 64}", "pinned": OLD}, image),
        instance("update", "a", {"variables": before}, {"variables": after, "change": change(2, "TOKEN", "IMAGE")}),
        instance("create", "b", {}, {"variables": {"NEW": SECRET}, "change": change(1, "NEW")}),
        instance("update", "c", {"variables": SECRET}, {"variables": SECRET, "change": change(2, "HIDDEN")}),
    )
    assert found.keys == (
        KeyPlan("NEW", Fate.NEW, ("a", "b")),
        KeyPlan("URL", Fate.NEW, ("a",), ("cache.PASSWORD", "cache.HOST", "PORT")),
        KeyPlan("PLAIN", Fate.CHANGED, ("a",)),
        KeyPlan("TOKEN", Fate.CHANGED, ("a",)),
        KeyPlan("GONE", Fate.DELETED, ("a",)),
    )
    assert "a-value" not in json.dumps(found.document())
    assert SECRET not in json.dumps(found.document())


FILES = {
    "0001_notes.sql": "CREATE TABLE notes (id integer);",
    "0002_index.sql": "CREATE INDEX i ON notes (id);\nALTER TABLE notes ADD COLUMN c text, DROP COLUMN d;",
    "0003_fresh.sql": "CREATE TABLE fresh (id integer); CREATE INDEX j ON fresh (id);",
}


def schema(planned: int, *pending: str, before: int = 1) -> dict[str, Any]:
    old, new = {"planned": before, "migrations": FILES}, {"planned": planned, "migrations": FILES}
    return step("update", "schema:DatabaseSchema", "schema", old, {**new, "pending": list(pending)})


def test_migrations_show_statements_locks_and_rows_and_a_new_table_locks_nobody_out() -> None:
    pending = ["0001_notes.sql (only marked as applied)", "0002_index.sql", "0003_fresh.sql"]
    found = plan(schema(2, *pending), rows={"notes": 500})
    assert [(file.file, file.is_marked) for file in found.migrations] == [
        ("0001_notes.sql", True),
        ("0002_index.sql", False),
        ("0003_fresh.sql", False),
    ]
    assert found.migrations[1].statements == (
        StatementPlan("CREATE INDEX", "notes", "SHARE", "while it reads the table", 500),
        StatementPlan("ADD COLUMN", "notes", "ACCESS EXCLUSIVE", "a moment", 500),
        StatementPlan("DROP COLUMN", "notes", "ACCESS EXCLUSIVE", "a moment", 500),
    )
    assert {statement.lock for statement in found.migrations[2].statements} == {""}
    assert pending_tables({"steps": [schema(2, *pending)]}) == ["fresh", "notes"]
    # What the last update has applied is named again by a preview that changes something else of the schema.
    assert plan(schema(1, "0002_index.sql")).migrations == ()
    assert plan(schema(2, "0002_index.sql")).migrations[0].statements[0].rows is None


def test_what_is_deleted_is_told_apart_from_what_is_kept_and_what_is_taken_over() -> None:
    def deleted(kind: str, name: str, **recorded: object) -> dict[str, Any]:
        return step("delete", kind, name, {"service": name}, {}, **recorded)

    steps = [
        deleted("railway:Service", "cache", owned=True),
        deleted("railway:ServiceInstance", "cache"),
        deleted("railway:Deployment", "cache"),
        deleted("railway:Volume", "cache", owned=True),
        deleted("railway:Service", "theirs", owned=False),
        deleted("railway:Volume", "theirs", adopts="an-id, changes nothing"),
        deleted("registry:Image", "runtime"),
        step("delete", "schema:DatabaseSchema", "schema", {"onDestroy": "drop"}, {}, owned=True),
        step("create", "railway:ServiceDomain", "web", {}, {"service": "web", "adopts": "an-id, changes nothing"}),
        step("create", "railway:TcpProxy", "db", {}, {"service": "db"}),
        step("replace", "railway:Volume", "db", {"service": "db"}, {"service": "db"}),
        step("create-replacement", "railway:Volume", "db", {"service": "db"}, {"service": "db"}),
        step("delete", "secret:RandomSecret", "db-password", {}, {}),
        step("create", "secret:RandomSecret", "other", {}, {}),
    ]
    found = plan(*steps)
    assert found.things == (
        ThingPlan("generated secret", "db-password", Fate.DELETED),
        ThingPlan("service", "cache", Fate.DELETED),
        ThingPlan("tables", "of the database", Fate.DELETED),
        ThingPlan("volume", "cache, with its data", Fate.DELETED),
        ThingPlan("volume", "db", Fate.REPLACED),
        ThingPlan("service", "theirs", Fate.KEPT),
        ThingPlan("volume", "theirs, with its data", Fate.KEPT),
        ThingPlan("domain", "web", Fate.ADOPTED),
        ThingPlan("TCP proxy", "db", Fate.NEW),
    )
    # Two for the service that is deleted, one for its volume, one domain, one proxy, and the volume that takes the
    # old one's place.
    assert found.mutations == 6
    assert "an-id" not in json.dumps(found.document())
    everything = plan(*steps, deletes_adopted=True)
    assert {subject.fate for subject in everything.things} == {Fate.DELETED, Fate.REPLACED, Fate.ADOPTED, Fate.NEW}
    assert everything.mutations == 9


def test_agents_are_told_batch_by_batch_and_only_where_image_or_policy_change() -> None:
    old, new = {"RAILWAY_RUNTIME_IMAGE": OLD, "POOL_ROLLOUT_POLICY": "redeploy-idle"}, {"RAILWAY_RUNTIME_IMAGE": NEW}
    told = {"variables": {**old, **new}, "plan": ["4 agents move", "batch 1: an-id"], "planBatches": [1, 3]}
    found = plan(step("update", "convos:AgentRollout", "agents", {"variables": old}, told))
    assert found.agents == AgentsPlan("redeploy-idle", "4 agents move", (1, 3))
    moved = {"variables": old, "url": "https://elsewhere.test", "plan": ["as before"]}
    assert plan(step("update", "convos:AgentRollout", "agents", {"variables": old}, moved)).agents is None


def test_what_is_not_known_yet_is_said_in_words() -> None:
    image = {"digest": UNKNOWN, "pinned": UNKNOWN, "tag": "sha-1a2b3c4", "revision": "1a2b3c4"}
    found = plan(
        step("update", "registry:Image", "runtime", {"digest": f"sha256:{'1' * 64}", "pinned": OLD}, image),
        step("create", "schema:DatabaseSchema", "schema", {}, {"databaseUrl": UNKNOWN, "migrations": UNKNOWN}),
        step("create", "convos:AgentRollout", "agents", {}, {"url": UNKNOWN, "variables": UNKNOWN, "plan": UNKNOWN}),
        instance("create", "web", {}, {"variables": UNKNOWN, "change": change(1, "image"), "serviceId": UNKNOWN}),
    )
    assert found.unknown == (
        "the digest of the runtime image: the update builds it",
        "what is in the database: it is made by this update",
        "the agents: the pool manager is made by this update",
    )
    assert UNKNOWN not in json.dumps(found.document())
    assert not found.images[0].is_known


def test_commits_are_asked_for_where_both_revisions_are_known() -> None:
    asked = []

    def commits(before: str, after: str) -> CommitsPlan | None:
        asked.append((before, after))
        return CommitsPlan(2, 0)

    before = {"digest": f"sha256:{'1' * 64}", "tag": "dev", "revision": "1111111"}
    after = {"digest": f"sha256:{'2' * 64}", "tag": "dev", "revision": "2222222"}
    found = plan(step("update", "registry:Image", "runtime", before, after), commits=commits)
    assert asked == [("1111111", "2222222")]
    assert found.images[0].commits == CommitsPlan(2, 0)
    plan(step("create", "registry:Image", "runtime", {}, after), commits=commits)
    plan(step("update", "registry:Image", "runtime", before, {**after, "revision": ""}), commits=commits)
    assert len(asked) == 1


def test_a_preview_without_a_change_is_an_empty_plan() -> None:
    found = plan(instance("same", "web", {}, {}), step("same", "railway:Service", "web", {}, {}))
    assert found.is_empty
    assert headline(found) == "nothing to change, 1 service stays as it is"
