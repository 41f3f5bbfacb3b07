"""A roll back as a pull request: one line, on the branch that deploys the stack."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from ops.ci.github import ForbiddenError, GitHub
from ops.ci.rollback import branch_of, open_pull_request
from tests.workflows.github_double import Repository

FILE = "config:\n  convos-infra:imageBranchTag: production\n"
PINNED = "config:\n  convos-infra:imageTag: sha-1a2b3c4\n  convos-infra:imageBranchTag: production\n"


@pytest.fixture
def main(repository_on_github: Repository) -> Repository:
    repository_on_github.branches["main"] = "tip-of-main"
    repository_on_github.files["main", "Pulumi.production.yaml"] = FILE
    repository_on_github.files["rollback/production", "Pulumi.production.yaml"] = FILE
    return repository_on_github


def test_it_is_one_line_on_a_branch_of_its_own(door: GitHub, main: Repository) -> None:
    number = open_pull_request(door, "production", "sha-1a2b3c4", "because")
    pull = main.pulls[number]
    assert (pull["head"], pull["base"]) == ("rollback/production", "main")
    assert pull["title"] == "Roll production back to sha-1a2b3c4"
    assert main.branches["rollback/production"] == "tip-of-main"
    assert main.files["rollback/production", "Pulumi.production.yaml"] == PINNED
    assert main.files["main", "Pulumi.production.yaml"] == FILE


def test_a_second_one_takes_the_place_of_the_first(door: GitHub, main: Repository) -> None:
    first = open_pull_request(door, "production", "sha-1a2b3c4", "because")
    main.branches["main"] = "a-newer-tip"
    assert open_pull_request(door, "production", "sha-9f8e7d6", "because") == first
    assert main.pulls[first]["title"].endswith("sha-9f8e7d6")
    assert main.branches["rollback/production"] == "a-newer-tip"
    assert "sha-9f8e7d6" in main.files["rollback/production", "Pulumi.production.yaml"]
    assert len(main.pulls) == 1


def test_the_way_forward_takes_the_line_away(door: GitHub, main: Repository) -> None:
    main.files["main", "Pulumi.production.yaml"] = PINNED
    number = open_pull_request(door, "production", "", "because")
    assert main.files["rollback/production", "Pulumi.production.yaml"] == FILE
    assert main.pulls[number]["title"] == "Let production follow its branch again"


def test_what_is_so_already_opens_nothing(door: GitHub, main: Repository) -> None:
    with pytest.raises(InfraError, match="says that already"):
        open_pull_request(door, "production", "", "because")
    assert main.pulls == {}


def test_without_the_right_it_fails_and_says_so(door: GitHub, main: Repository) -> None:
    main.rights.discard("contents")
    with pytest.raises(ForbiddenError):
        open_pull_request(door, "production", "sha-1a2b3c4", "because")
    assert main.pulls == {}


def test_a_stack_that_no_branch_deploys_is_refused() -> None:
    assert branch_of("production") == "main"
    with pytest.raises(InfraError, match="the stacks are scaling, dev, staging, production"):
        branch_of("local")
