"""A release has one number, in every place that names it, and a list of its changes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from convos_pool import hosting, serve

from convos_infra.schema import history
from railway_api import transport

CHECKOUT = Path(__file__).parents[2]
VERSION = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    changes = (CHECKOUT / "docs/CHANGELOG.md").read_text()
    released = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", changes, re.MULTILINE)
    assert released
    assert released[0] == VERSION


@pytest.mark.parametrize("module", [history, serve])
def test_a_checkout_that_is_not_installed_knows_its_version(module: object) -> None:
    text = Path(str(vars(module)["__file__"])).read_text()
    assert re.findall(r'"(\d+\.\d+\.\d+)"', text) == [VERSION]


@pytest.mark.parametrize(
    ("name", "product"), [(transport.USER_AGENT, "convos-infra"), (hosting.USER_AGENT, "convos-pool")]
)
def test_calls_to_railway_name_the_version(name: str, product: str) -> None:
    assert name == f"{product}/{VERSION}"
