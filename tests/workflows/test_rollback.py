"""A roll back as a pull request: one line, on the branch that deploys the stack."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from convos_infra.errors import InfraError
from ops.ci import rollback
from ops.ci.github import ForbiddenError, GitHub
from ops.ci.rollback import branch_of, open_pull_request, propose
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


@pytest.mark.parametrize(("text", "tag"), [("", ""), (" sha-1a2b3c4\n", "sha-1a2b3c4"), ("\tsha-1\r\n", "sha-1")])
def test_a_tag_is_taken_without_what_was_pasted_around_it(text: str, tag: str) -> None:
    assert rollback.given_tag(text) == tag


@pytest.mark.parametrize("text", [" ", "\n", "\u00a0"])
def test_only_whitespace_is_no_wish_to_remove_the_pin(text: str) -> None:
    with pytest.raises(InfraError, match="tag: is only whitespace"):
        rollback.given_tag(text)


@pytest.mark.parametrize("tag", ["production", "dev", "pr-12"])
def test_a_tag_that_moves_with_each_build_is_no_place_to_roll_back_to(
    tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for revision, now in (("1a2b3c4" + "0" * 33, "sha-1a2b3c4"), ("", "sha256:d")):
        found = SimpleNamespace(tag=tag, revision=revision, digest="sha256:d")
        monkeypatch.setattr(rollback, "resolve", lambda *_, found=found, **__: found)
        with pytest.raises(InfraError, match=f"{tag} moves with each build.*does not move; {tag} is {now} now"):
            rollback.checked_image("production", tag)


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
    with pytest.raises(InfraError, match="already has this"):
        open_pull_request(door, "production", "", "because")
    assert main.pulls == {}


def test_without_the_right_it_fails_and_says_so(door: GitHub, main: Repository) -> None:
    main.rights.discard("contents")
    with pytest.raises(ForbiddenError):
        open_pull_request(door, "production", "sha-1a2b3c4", "because")
    assert main.pulls == {}


def test_a_stack_that_no_branch_deploys_is_refused() -> None:
    assert branch_of("production") == "main"
    with pytest.raises(InfraError, match="expected one of scaling, dev, staging, production"):
        branch_of("local")


def test_where_actions_may_not_open_pull_requests_the_setting_and_the_way_by_hand_are_named(
    door: GitHub, main: Repository
) -> None:
    main.rights.discard("pulls")
    with pytest.raises(ForbiddenError) as caught:
        propose(door, "production", "sha-1a2b3c4", "because", "the preview")
    assert "https://github.com/xmtplabs/convos/compare/main...rollback/production?expand=1" in str(caught.value)
    assert "Allow GitHub Actions to create and approve pull requests" in str(caught.value)
    assert main.files["rollback/production", "Pulumi.production.yaml"] == PINNED


class Recorded:
    """What was done, in order: Pulumi's commands and GitHub's requests."""

    def __init__(self, github: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, up: int = 0) -> None:
        self.github = github
        monkeypatch.setattr(rollback, "CHECKOUT", tmp_path)
        (tmp_path / "Pulumi.production.yaml").write_text(FILE)
        self.log = tmp_path / "log"
        program = tmp_path / "bin" / "pulumi"
        program.parent.mkdir()
        program.write_text(
            f"#!/bin/sh\necho \"$1 requests=$(cat '{tmp_path}/seen')\" >> '{self.log}'\n"
            f'case "$1 $*" in *--json*) echo \'{{"steps":[],"changeSummary":{{}}}}\';; up*) exit {up};; esac\n'
        )
        program.chmod(0o755)
        (tmp_path / "seen").write_text("0")
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        for name, value in {
            "GITHUB_REPOSITORY": github.name,
            "GITHUB_TOKEN": github.token,
            "GITHUB_API_URL": github.api,
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "STACK", "TAG", "APPLY"):
            monkeypatch.delenv(name, raising=False)

    @property
    def commands(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image was checked: its registry is another test's matter."""
    image = SimpleNamespace(tag="sha-1a2b3c4", digest="", revision="", created=None, short_digest="sha256:1")
    monkeypatch.setattr(rollback, "checked_image", lambda stack, tag: image)


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize("missing", ["pulls", "contents", "comment"])
def test_in_an_incident_the_update_is_done_whatever_github_refuses(
    main: Repository,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    done = Recorded(main, monkeypatch, tmp_path)
    main.rights.discard(missing)
    assert rollback.main(["--stack", "production", "--tag", "sha-1a2b3c4", "--apply"]) == 0
    assert done.commands[-1].startswith("up ")
    said = capsys.readouterr().err
    assert "warning: github: " in said
    assert (
        "Until Pulumi.production.yaml on main has `convos-infra:imageTag: sha-1a2b3c4`, "
        "the next deploy reverts the rollback" in said
    )


@pytest.mark.usefixtures("followed")
def test_without_a_token_for_github_the_update_is_done_as_well(
    main: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = Recorded(main, monkeypatch, tmp_path)
    monkeypatch.delenv("GITHUB_TOKEN")
    assert rollback.main(["--stack", "production", "--tag", "sha-1a2b3c4", "--apply"]) == 0
    assert done.commands[-1].startswith("up ")


@pytest.mark.usefixtures("followed")
def test_without_apply_a_refused_pull_request_fails_the_job(
    main: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = Recorded(main, monkeypatch, tmp_path)
    main.rights.discard("pulls")
    with pytest.raises(ForbiddenError):
        rollback.main(["--stack", "production", "--tag", "sha-1a2b3c4"])
    assert not any(command.startswith("up ") for command in done.commands)


@pytest.mark.usefixtures("followed")
def test_an_update_that_fails_fails_the_job_and_leaves_the_pull_request(
    main: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Recorded(main, monkeypatch, tmp_path, up=255)
    with pytest.raises(InfraError, match="pulumi up"):
        rollback.main(["--stack", "production", "--tag", "sha-1a2b3c4", "--apply"])
    assert len(main.pulls) == 1


@pytest.mark.usefixtures("followed")
def test_a_rollback_that_the_branch_has_already_is_applied_again(
    main: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = Recorded(main, monkeypatch, tmp_path)
    main.files["main", "Pulumi.production.yaml"] = PINNED
    assert rollback.main(["--stack", "production", "--tag", "sha-1a2b3c4", "--apply"]) == 0
    assert done.commands[-1].startswith("up ")
