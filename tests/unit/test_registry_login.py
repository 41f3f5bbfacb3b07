"""The login of a private image reaches Railway for canary, pool manager and agents, where the config says it."""

from __future__ import annotations

from typing import Any

import pytest
from convos_pool import agents
from convos_pool import settings as pool_settings

from pool_contract.agent_settings import agent_settings
from pool_contract.registry_login import RegistryLogin
from stack import settings
from tests.unit.test_canary_environment import OF_THE_POOL

PASSWORD = "p4ss-of-the-registry"
LOGIN = {"registryUsername": "robot", "registryPassword": PASSWORD}
POOL = {"poolImage": "ghcr.io/team/pool:1"}


def read(values: dict[str, Any], environ: dict[str, str] | None = None) -> settings.Settings:
    return settings.read("dev", {**POOL, **values}, {"RAILWAY_API_TOKEN": "t", **(environ or {})})


def test_canary_and_agents_pull_with_the_login_of_the_config() -> None:
    found = read(LOGIN)
    assert agent_settings(found.all_keys).registry_login == RegistryLogin("robot", PASSWORD)
    of_the_pool = pool_settings.read({**OF_THE_POOL, **found.all_keys})
    login = {"registryCredentials": {"username": "robot", "password": PASSWORD}}
    (made,) = agents.first_patch("s", of_the_pool, {})["services"].values()
    assert made["deploy"].items() >= login.items()
    (moved,) = agents.image_patch({"s": ("i", "k")}, of_the_pool)["services"].values()
    assert moved["deploy"] == login, "another image is pulled with the login of today"


def test_no_agent_has_the_login_among_its_variables_and_nothing_prints_it() -> None:
    of_the_pool = pool_settings.read({**OF_THE_POOL, **read(LOGIN).all_keys})
    assert PASSWORD not in str(agents.variables(of_the_pool, "abcdefghijkm", {}))
    assert PASSWORD not in repr(of_the_pool) + repr(read(LOGIN))


@pytest.mark.parametrize("values", [{}, {"registryUsername": "robot"}])
def test_the_login_of_a_shell_only_looks_images_up_for_a_workflows_token_ends_with_its_run(
    values: dict[str, str],
) -> None:
    found = read(values, {"REGISTRY_PASSWORD": PASSWORD})
    assert found.registry_password == PASSWORD
    assert found.all_keys == found.keys
    assert found.pool_login is None


def test_an_image_that_anybody_may_pull_is_deployed_without_a_login() -> None:
    of_the_pool = pool_settings.read(OF_THE_POOL)
    (made,) = agents.first_patch("s", of_the_pool, {})["services"].values()
    assert "registryCredentials" not in made["deploy"]
    assert "deploy" not in agents.image_patch({"s": ("i", "k")}, of_the_pool)["services"]["s"]


def test_a_login_without_a_user_has_the_user_that_looks_images_up() -> None:
    assert read({"registryPassword": PASSWORD}).pool_login == RegistryLogin("token", PASSWORD)


@pytest.mark.parametrize(
    "values",
    [
        {"poolImage": "docker.io/team/pool:1"},
        {"poolImage": "team/pool:1"},
        {"poolImage": "ghcr.io.evil.example/team/pool:1"},
        {"poolImage": "", "poolRepo": "team/pool"},
    ],
)
def test_the_login_goes_to_no_other_registry_than_that_of_the_runtime_image(values: dict[str, str]) -> None:
    assert read({**LOGIN, **values}).pool_login is None
