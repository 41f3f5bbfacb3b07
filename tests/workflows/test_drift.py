"""Drift is told by name, and kept as one issue a stack."""

from __future__ import annotations

from ops.ci.drift import changed, close, report
from ops.ci.github import GitHub
from tests.workflows.github_double import BOT, Repository

TEXT = """Previewing refresh (dev):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:dev::convos-infra::pulumi:pulumi:Stack::convos-infra-dev]
        ~ pulumi-python:dynamic/railway:ServiceInstance: (update)
            [id=1/2]
            [urn=urn:pulumi:dev::convos-infra::convos:index:PoolManager$pulumi-python:dynamic/railway:ServiceInstance::pool]
          ~ variables: {
              ~ XMTP_ENV: "dev" => "production"
            }
        - pulumi-python:dynamic/railway:Volume: (delete)
            [id=3]
            [urn=urn:pulumi:dev::convos-infra::pulumi-python:dynamic/railway:Volume::postgres]
Resources:
    ~ 1 to update
    - 1 to delete
error: no changes were expected for refresh but changes were proposed
"""


def test_what_drifted_is_told_by_type_and_name() -> None:
    assert changed(TEXT) == ["update railway:ServiceInstance pool", "delete railway:Volume postgres"]


def test_one_issue_a_stack_is_opened_updated_and_closed(door: GitHub, repository_on_github: Repository) -> None:
    report(door, "dev", TEXT)
    repository_on_github.issues[0] |= {"user": {"login": BOT}}
    report(door, "scaling", TEXT)
    report(door, "dev", TEXT.replace("postgres", "redis"))
    assert [issue["title"] for issue in repository_on_github.issues] == ["Drift: dev", "Drift: scaling"]
    assert "- delete railway:Volume redis" in repository_on_github.issues[0]["body"]
    assert "pulumi refresh --stack dev" in repository_on_github.issues[0]["body"]
    close(door, "dev")
    close(door, "dev")
    assert [issue["state"] for issue in repository_on_github.issues] == ["closed", "open"]
    report(door, "dev", TEXT)
    assert [issue["title"] for issue in repository_on_github.issues if issue["state"] == "open"] == [
        "Drift: scaling",
        "Drift: dev",
    ]
