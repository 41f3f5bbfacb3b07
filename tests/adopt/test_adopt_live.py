"""`make adopt` with the real CLI: a stack whose state is lost is taken over, and that costs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adopt.live import PLANTED, Checkout

pytestmark = pytest.mark.stack
SERVICES = ("postgres", "convos-runtime-canary", "convos-agent-pool-manager")
_STEP = re.compile(r" *\+ pulumi-python:dynamic/railway:(?P<kind>\w+): \(create\)")
_NAME = re.compile(r" *\[urn=\S*::(?P<name>\S+)\]")
_ADOPTS = re.compile(r' *adopts +: "(?P<what>[^"]*)"')


def adopted(preview: str) -> Iterator[tuple[str, str]]:
    """Yield what the text of a preview says to be taken over: `Service postgres`, its id and what changes."""
    kind = name = ""
    for line in preview.splitlines():
        if step := _STEP.fullmatch(line):
            kind = step["kind"]
        elif found := _NAME.fullmatch(line):
            name = found["name"]
        elif what := _ADOPTS.fullmatch(line):
            yield f"{kind} {name}", what["what"]


def live_id(checkout: Checkout, name: str) -> str:
    """Return an id by the emulator's own word: of the project, of the environment, of a service."""
    (project,) = checkout.emulator.admin("GET", "/snapshot")["projects"]
    environment = next(row["id"] for row in project["environments"] if row["name"] == "first")
    services = json.loads(checkout.emulator.snapshot(environment))["service"]
    ids = {row["name"]: str(row["id"]) for row in services}
    return {**ids, "project": str(project["id"]), "environment": str(environment)}[name]


def test_a_stack_whose_state_is_lost_is_adopted_for_nothing_and_its_secrets_are_shown_nowhere(first: Checkout) -> None:
    key, password = first.outputs("first")["poolManager"]["apiKey"], first.outputs("first")["database"]["url"]
    secrets = [PLANTED, key, password.split(":")[2].partition("@")[0], first.emulator.token]
    first.lose_state()
    first.printed.clear()
    first.cost()

    done = first.adopt("convos", "first", "taken", POOL_API_KEY=key)
    assert done.code == 0, done.text
    assert "the first update: 0 changes, 0 deployments" in done.text
    assert [row["operation"] for row in first.emulator.calls()] == ["apiToken", "projects", "project", "environment"]
    assert first.cost() == ([], 0)

    preview = first.preview("taken")
    assert preview.code == 0, preview.text
    assert first.cost() == ([], 0)
    announced = dict(adopted(preview.text))
    assert announced["Project project"] == live_id(first, "project")
    assert announced["Environment environment"] == live_id(first, "environment")
    for name in SERVICES:
        assert announced[f"Service {name}"] == live_id(first, name)
        assert announced[f"ServiceInstance {name}"].startswith(f"{live_id(first, name)}, changes nothing")
    assert preview.text.count(': "0 deployments: what runs is as it is wanted') == len(SERVICES)
    assert "1 deployment" not in preview.text
    assert "ProjectToken" not in preview.text

    up = first.up("taken")
    assert up.code == 0, up.text
    assert first.cost() == ([], 0)
    assert first.preview("taken", "--expect-no-changes").code == 0
    assert first.pulumi("refresh", "--stack", "taken", "--yes", "--skip-preview", "--expect-no-changes").code == 0

    config = (first.folder / "Pulumi.taken.yaml").read_text()
    receipts = [(first.folder / ".adopted" / f"taken.{kind}").read_text() for kind in ("txt", "json")]
    everything = [*first.printed, config, *receipts]
    assert [secret[:6] for secret in secrets for text in everything if secret in text] == []
    states = {row["thing"]: row["state"] for row in json.loads(receipts[1])["rows"]}
    assert set(states.values()) == {"adopted"}
    assert len(states) == 5

    assert first.pulumi("config", "set", "--stack", "taken", "poolMinIdle", "1").code == 0
    changed = first.up("taken")
    assert changed.code == 0, changed.text
    assert first.cost() == (["environmentPatchCommit"], 1)


ROWS = {
    "project": (("cnvos", "first", "x"), {}, "PROJECT: the token sees none that is called 'cnvos'; it sees: convos"),
    "environment": (
        ("convos", "frist", "x"),
        {},
        "ENVIRONMENT: the token sees none that is called 'frist'; it sees: base, first",
    ),
    "nothing given": (("", "first", "x"), {}, "PROJECT: is not given; make adopt PROJECT=… ENVIRONMENT=… STACK=…"),
    "no stack": (("convos", "first", "../x"), {}, "stack: '../x' is no stack's name"),
    "the stack exists": (("convos", "first", "dev"), {}, "STACK: there is a Pulumi.dev.yaml; choose another name"),
    "wrong token": (
        ("convos", "first", "x"),
        {"RAILWAY_API_TOKEN": "somebody-elses"},
        'railwayToken: Railway says "Not Authorized" to workspace operations: the token is wrong or revoked',
    ),
    "no token": (("convos", "first", "x"), {"RAILWAY_API_TOKEN": ""}, "RAILWAY_API_TOKEN: is not set"),
    "no backend": (("convos", "first", "x"), {"PULUMI_BACKEND_URL": "file:///nowhere/at/all"}, "pulumi: stack ls: "),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_mistake_is_one_line_and_leaves_no_file(first: Checkout, row: str) -> None:
    where, env, wanted = ROWS[row]
    before = {file.name: file.read_bytes() for file in first.folder.glob("Pulumi.*.yaml")}
    first.cost()
    done = first.adopt(*where, **env)
    assert done.code != 0
    (error,) = [line for line in done.text.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {wanted}")
    assert "Traceback" not in done.text
    assert {file.name: file.read_bytes() for file in first.folder.glob("Pulumi.*.yaml")} == before
    assert first.cost() == ([], 0)


def test_force_overwrites_a_stacks_file_and_its_state_can_still_be_opened(first: Checkout) -> None:
    file: Path = first.folder / "Pulumi.again.yaml"
    assert first.adopt("convos", "first", "again").code == 0
    salt = next(line for line in file.read_text().splitlines() if line.startswith("encryptionsalt"))
    file.write_text(file.read_text().replace("poolKeepToken", "protect"))
    assert first.adopt("convos", "first", "again").code != 0
    done = first.adopt("convos", "first", "again", "FORCE=1")
    assert done.code == 0, done.text
    assert "poolKeepToken" in file.read_text()
    assert salt in file.read_text()
    shown = first.pulumi("config", "--stack", "again")
    assert shown.code == 0
    assert "[secret]" in shown.text
