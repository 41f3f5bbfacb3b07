"""Projects. The last of these delete the project that all others play in."""

from __future__ import annotations

from typing import Any

from ops.conformance.marked import marked
from ops.conformance.sandbox import Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _fork(sandbox: Sandbox) -> list[Any]:
    """Return what is in the fork, which was made after a service with a sealed variable and a domain."""
    config = sandbox.config(environment_id=sandbox.fork_id)
    (copied,) = [one for one in config["services"].values() if "ORIGINAL" in (one.get("variables") or {})]
    return [sorted(copied["variables"]), bool((copied.get("networking") or {}).get("serviceDomains"))]


def _listed(sandbox: Sandbox) -> list[Any]:
    sandbox.ask(sent.PROJECT_DELETE, id=sandbox.project_id)

    def rows(*, deleted: bool) -> list[bool]:
        found, after = [], None
        for _ in range(100):
            page = sandbox.ask(sent.PROJECTS, workspaceId=sandbox.workspace_id, after=after, deleted=deleted)[
                "projects"
            ]
            found += [bool(row["deletedAt"]) for row in nodes(page) if row["id"] == sandbox.project_id]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        return found

    alive = sandbox.lately(lambda: rows(deleted=False), [])
    return [alive, sandbox.lately(lambda: rows(deleted=True), [True])]


SCENARIOS = (
    Scenario("fork-of-an-environment", ("fork-copies", "sealed-stays"), _fork, [["ORIGINAL"], False]),
    Scenario(
        "project-name-of-33-letters",
        ("name-length",),
        lambda s: s.refused(sent.PROJECT_CREATE, input=marked("p" * 21)) != "accepted",
        expected=True,
    ),
    Scenario(
        "environment-of-an-empty-source",
        ("empty-id",),
        lambda s: s.refused(
            sent.ENVIRONMENT_CREATE,
            input={"projectId": s.project_id, "name": "empty-source", "sourceEnvironmentId": ""},
        ),
        "Environment not found",
    ),
    Scenario(
        "project-that-never-was",
        ("deleted-is-not-found",),
        lambda s: s.refused(sent.PROJECT, id=s.made_up()),
        "Project not found",
        otherwise="Not Authorized",
    ),
    Scenario("deleted-project-in-the-list", ("deleted-project-is-listed",), _listed, [[], [True]], ends_project=True),
    Scenario(
        "deleted-project-by-its-id",
        ("deleted-is-not-found",),
        lambda s: s.lately(lambda: s.refused(sent.PROJECT, id=s.project_id), "Project not found"),
        "Project not found",
        ends_project=True,
        otherwise="Not Authorized",
    ),
    Scenario(
        "delete-a-project-twice",
        ("project-delete-twice",),
        lambda s: s.refused(sent.PROJECT_DELETE, id=s.project_id) != "accepted",
        expected=True,
        ends_project=True,
    ),
)
