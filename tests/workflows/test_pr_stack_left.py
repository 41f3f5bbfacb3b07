"""A stack of a pull request is called gone by Railway's word about its own ids, and its state goes after that."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convos_infra.errors import InfraError
from ops.ci import pr_stack
from ops.ci.github import GitHub
from ops.ci.left_over import Place, environments, left, place_of
from ops.status.railway_view import client
from ops.status.recorded import parsed
from railway_api.client import Client
from railway_api.errors import NotAuthorized
from railway_api.failure import Failure
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.workflows.github_double import Repository

_PROJECT = "mutation p($i: ProjectCreateInput!) { projectCreate(input: $i) { id } }"
_ENVIRONMENT = "mutation e($i: EnvironmentCreateInput!) { environmentCreate(input: $i) { id } }"
_ENVIRONMENT_DELETE = "mutation d($id: String!) { environmentDelete(id: $id) }"
_PROJECT_DELETE = "mutation d($id: String!) { projectDelete(id: $id) }"
_TYPE = "pulumi-python:dynamic/railway:"
_SAYS = """#!/bin/sh
# Pulumi as far as the sweeper knows it; a destroy does what the test says.
echo "$@" >> {folder}/ran
case "$*" in
  "stack ls"*) cat {folder}/stacks ;;
  *"stack export"*) case "$*" in *pr-7*) cat {folder}/pr-7.json ;; *) cat {folder}/dev.json ;; esac ;;
  destroy*) . {folder}/destroys ;;
  "stack rm"*) echo '[{{"name": "dev"}}]' > {folder}/stacks ;;
esac
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("left-over"), deploy_step_seconds=0) as found:
        yield found


class World:
    """A project on Railway with the environment of pr-7, and the stacks `dev` and `pr-7` in a backend."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.folder, self.name = emulator, folder, f"p-{uuid.uuid4().hex[:8]}"
        self.project = emulator.run(_PROJECT, i={"name": self.name})["projectCreate"]["id"]
        self.dev, self.own = self.fork("dev"), self.fork("pr-7")
        for stack, environment in (("dev", self.dev), ("pr-7", self.own)):
            self.write(f"{stack}.json", self.state(stack, environment))
        self.write("stacks", [{"name": "dev"}, {"name": "pr-7", "lastUpdate": "2020-01-01T00:00:00.000Z"}])
        self.destroys("")
        program = folder / "pulumi"
        program.write_text(_SAYS.format(folder=folder))
        program.chmod(0o755)

    def fork(self, name: str) -> str:
        given = {"projectId": self.project, "name": name}
        return str(self.emulator.run(_ENVIRONMENT, i=given)["environmentCreate"]["id"])

    def state(self, stack: str, environment: str) -> dict[str, Any]:
        urn = f"urn:pulumi:{stack}::convos-infra::{_TYPE}"
        rows = [
            {"type": f"{_TYPE}Project", "urn": f"{urn}Project::project", "id": self.project, "outputs": {}},
            {
                "type": f"{_TYPE}Environment",
                "urn": f"{urn}Environment::environment",
                "id": environment,
                "outputs": {"projectId": self.project, "environmentId": environment},
            },
        ]
        return {"deployment": {"resources": rows}}

    def write(self, file: str, document: Any) -> None:
        (self.folder / file).write_text(json.dumps(document))

    def destroys(self, line: str) -> None:
        """Say what a destroy of pr-7 does, in the shell's words."""
        (self.folder / "destroys").write_text(line)

    def deletes_its_environment(self) -> None:
        body = json.dumps({"query": _ENVIRONMENT_DELETE, "variables": {"id": self.own}})
        header = f"authorization: Bearer {self.emulator.token}"
        curl = f"curl -sf --noproxy '*' -H 'content-type: application/json' -H '{header}'"
        self.destroys(f"{curl} -d '{body}' {self.emulator.endpoint}")

    @property
    def is_forgotten(self) -> bool:
        return any(line.startswith("stack rm") for line in (self.folder / "ran").read_text().splitlines())


@pytest.fixture
def world(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("RAILWAY_ENDPOINT", emulator.endpoint)
    monkeypatch.setenv("RAILWAY_API_TOKEN", emulator.token)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    emulator.settings(other_workspace_token="of-another-workspace")
    return World(emulator, tmp_path)


def test_a_stack_whose_environment_went_is_forgotten(world: World, door: GitHub) -> None:
    world.deletes_its_environment()
    assert swept(world, door) == ["pr-7 is gone: no such pull request exists"]
    assert world.is_forgotten


def swept(world: World, door: GitHub) -> list[str]:
    return pr_stack.sweep(door, 72, world.name)


@pytest.fixture(autouse=True)
def others(repository_on_github: Repository) -> None:
    repository_on_github.pulls[3] = {"number": 3, "state": "open", "labels": []}


def test_a_stack_of_which_a_destroy_left_the_environment_keeps_its_state(world: World, door: GitHub) -> None:
    with pytest.raises(InfraError, match=rf"still there: environment pr-7 \({world.own}\) of stack pr-7"):
        swept(world, door)
    assert not world.is_forgotten


@pytest.mark.parametrize("token", ["of-another-workspace", "revoked"])
def test_a_token_that_does_not_see_the_project_forgets_nothing(
    world: World, door: GitHub, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Its lists have no such project, and no such environment."""
    monkeypatch.setenv("RAILWAY_API_TOKEN", token)
    with pytest.raises(InfraError, match="does not see project|wrong or revoked"):
        swept(world, door)
    assert not world.is_forgotten


def test_a_project_that_was_deleted_is_proved_to_be(world: World, door: GitHub) -> None:
    world.emulator.run(_PROJECT_DELETE, id=world.project)
    assert swept(world, door) == ["pr-7 is gone: no such pull request exists"]


def test_a_railway_that_does_not_answer_forgets_nothing(
    world: World, door: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pr_stack.railway_view, "client", lambda: Refusing(world.emulator.endpoint, "t"))
    with pytest.raises(Failure, match="Not Authorized"):
        swept(world, door)
    assert not world.is_forgotten


class Refusing(Client):
    """A Railway that says "Not Authorized" to everything."""

    def query(self, document: str, variables: Any, *, subject: str, **more: Any) -> Any:
        del document, variables, more
        raise NotAuthorized(subject, 'Railway says "Not Authorized"', message="Not Authorized")


def test_a_pull_request_that_github_does_not_show_ends_no_stack(
    world: World, door: GitHub, repository_on_github: Repository
) -> None:
    """GitHub answers 404 as well to a token that may not see pull requests."""
    repository_on_github.pulls.clear()
    with pytest.raises(
        InfraError, match="pr-7: pull request 7: the token cannot see any pull request of this repository"
    ):
        swept(world, door)
    assert "destroy" not in (world.folder / "ran").read_text()


def test_an_environment_that_no_stack_has_is_named_in_the_project_of_the_template(world: World, door: GitHub) -> None:
    """The name of the project in the config may be that of another one by now: the template's state has its id."""
    world.write("stacks", [{"name": "dev"}])
    with pytest.raises(InfraError, match="still there: environment pr-7, which belongs to no stack"):
        pr_stack.sweep(door, 72, "renamed-since")


def test_where_nothing_was_ever_deployed_it_is_said_that_nobody_looked(world: World, door: GitHub) -> None:
    world.write("stacks", [])
    unseen = "the token cannot see project 'never-made', so Railway was not checked"
    assert pr_stack.sweep(door, 72, "never-made") == [unseen]
    with pytest.raises(InfraError, match="the token cannot see project 'never-made'"):
        pr_stack.check_gone(["pr-9"], [], "never-made")


def test_two_environments_of_one_name_are_two(world: World) -> None:
    assert sorted(environments(client(), world.project).values()) == ["dev", "pr-7", "production"]
    double: Callable[..., dict[str, str]] = lambda *_: {"1": "pr-7", "2": "pr-7"}  # noqa: E731
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ops.status.railway_view.environments", double)
        assert left(client(), Place("pr-7", world.project, "1")) == ["environment pr-7 (1) of stack pr-7"]


def test_a_state_says_where_its_stack_is(world: World) -> None:
    state = world.state("pr-7", "e")
    assert place_of("pr-7", parsed(state)) == Place("pr-7", world.project, "e")
    del state["deployment"]["resources"][1]
    assert place_of("pr-7", parsed(state)) == Place("pr-7", world.project, "")
    assert place_of("pr-7", parsed({"deployment": {}})) is None
