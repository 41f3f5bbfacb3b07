"""Ten services and one cause, with the real CLI: the run fails, and says why once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from convos_infra.explanations import SEE
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.stack,
    pytest.mark.minutes_long(
        "ONE_CAUSE=1 .venv/bin/python -m pytest tests/fleet/test_one_cause.py", asked=bool(os.environ.get("ONE_CAUSE"))
    ),
]
COUNT = 10
CAUSES: dict[str, dict[str, Any]] = {
    "refused midway": {"kind": "not_authorized", "after": 1},
    "429 for the rest of the hour": {"kind": "429", "after": 1, "seconds": 3000.0},
    "a page of HTML": {"kind": "html", "after": 1},
}


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Emulator]]:
    folder = tmp_path_factory.mktemp("ten")
    with running_emulator(folder, deploy_step_seconds=0) as emulator:
        project = Project(folder / "stack", emulator.endpoint, emulator.token)
        project.init()
        project.describe(fleet([service(f"s{number}") for number in range(COUNT)]))
        project.up()
        yield project, emulator


def check_once(text: str, at_least: int = COUNT) -> None:
    """Check that of so many errors one explains, and that each other one points to it in less than 130 letters."""
    lines = text.rpartition("Diagnostics:")[2].splitlines()
    said = [line.strip() for line in lines if "failed: " in line and "error: " in line]
    assert len(said) >= at_least, text
    assert len([line for line in said if SEE not in line]) == 1, "\n".join(said)
    assert not [line for line in said if SEE in line and len(line) > 130]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_refresh_that_fails_midway_says_why_once(ten: tuple[Project, Emulator], cause: str) -> None:
    project, emulator = ten
    emulator.fault(times=100_000, **CAUSES[cause])
    try:
        ran = project.refresh(check=False)
    finally:
        emulator.admin("DELETE", "/faults")
    assert ran.code != 0
    check_once(ran.text, at_least=1)  # how many were read before, the order of the calls decides


@pytest.mark.parametrize("words", [("refresh", "--yes", "--skip-preview"), ("preview", "--refresh")])
@pytest.mark.parametrize("token", ["00000000-0000-4000-8000-000000000000", "", "two\twords"])
def test_a_token_that_is_refused_or_missing_is_explained_once(
    ten: tuple[Project, Emulator], words: tuple[str, ...], token: str
) -> None:
    project, _ = ten
    right, project.token = project.token, token
    try:
        ran = project.run(words[0], "--stack", project.stack, *words[1:], check=False)
    finally:
        project.token = right
    assert ran.code != 0
    check_once(ran.text)


def test_an_outage_is_explained_once(ten: tuple[Project, Emulator]) -> None:
    """Two minutes: so long a command keeps trying while nothing answers."""
    project, _ = ten
    right, project.endpoint = project.endpoint, "http://127.0.0.1:9/graphql/v2"
    try:
        ran = project.refresh(check=False)
    finally:
        project.endpoint = right
    assert ran.code != 0
    check_once(ran.text)
