"""What a preview says of an environment that is renamed because its stack is."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.resources.stack_rename import rename_line
from stack.follows import follows_stack

OLD: dict[str, Any] = {"name": "dev"}
NEW: dict[str, Any] = {"name": "staging", "stack": "staging", "followsStack": ["environment", "imageBranchTag"]}


def test_the_line_names_both_names_the_other_keys_and_the_command_that_keeps_the_old_name() -> None:
    line = rename_line("environment", OLD, NEW)
    assert line.startswith("environment dev: is renamed to staging on Railway, since environment is not set")
    assert "imageBranchTag" in line
    assert line.endswith("pulumi config set environment dev --stack staging")


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({}, NEW),
        ({"name": "staging"}, NEW),
        (OLD, {**NEW, "followsStack": ["imageBranchTag"]}),
        (OLD, {**NEW, "followsStack": None}),
        (OLD, {"name": "staging"}),
        (OLD, {**NEW, "environmentIdToAdopt": "an id"}),
    ],
    ids=["a new stack", "the same name", "a name of its own", "nothing follows", "a state of 0.1", "named by its id"],
)
def test_nothing_is_said_where_nothing_follows_the_stack(olds: dict[str, Any], news: dict[str, Any]) -> None:
    assert rename_line("environment", olds, news) == ""


@pytest.mark.parametrize(
    ("config", "follows"),
    [
        ({}, ("environment", "imageBranchTag", "poolEnvironment")),
        ({"environment": "dev"}, ("imageBranchTag", "poolEnvironment")),
        ({"environment": ""}, ("environment", "imageBranchTag", "poolEnvironment")),
        ({"imageTag": "sha-1"}, ("environment", "poolEnvironment")),
        ({"imageBuild": "true"}, ("environment", "poolEnvironment")),
        ({"imageBuild": "false"}, ("environment", "imageBranchTag", "poolEnvironment")),
        ({"poolRepo": "a/b"}, ("environment", "imageBranchTag", "poolBranch", "poolEnvironment")),
        ({"poolRepo": "a/b", "poolBranch": "main", "poolEnvironment": "dev"}, ("environment", "imageBranchTag")),
    ],
)
def test_a_key_follows_the_stack_while_it_is_not_set(config: dict[str, str], follows: tuple[str, ...]) -> None:
    assert follows_stack(config.get) == follows
