"""`make adopt` with the real CLI: a stack whose state is lost is taken over, and that costs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.adopt.build import built
from tests.adopt.fixtures import FIXTURES
from tests.adopt.live import PLANTED, QUIET, Checkout

pytestmark = pytest.mark.stack
SERVICES = ("postgres", "convos-runtime-canary", "convos-agent-pool-manager")
_STEP = re.compile(r" *\+ pulumi-python:dynamic/railway:(?P<kind>\w+): \(create\)( 🔒)?")
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
    projects = checkout.emulator.admin("GET", "/snapshot")["projects"]
    project = next(row for row in projects if row["name"] == "convos")
    environment = next(row["id"] for row in project["environments"] if row["name"] == "first")
    services = json.loads(checkout.emulator.snapshot(environment))["service"]
    ids = {row["name"]: str(row["id"]) for row in services}
    return {**ids, "project": str(project["id"]), "environment": str(environment)}[name]


@pytest.fixture(scope="module")
def outputs(first: Checkout) -> dict[str, Any]:
    """What the stack `first` says, before its state is lost."""
    return first.outputs("first")


@pytest.fixture
def taken(first: Checkout, outputs: dict[str, Any]) -> Checkout:
    """A checkout whose stack `taken` has adopted what the stack `first` made; tests come in any order."""
    if first.pulumi("stack", "output", "--stack", "taken").code != 0:
        (first.folder / "Pulumi.taken.yaml").unlink(missing_ok=True)
        first.lose_state()
        adopts = first.adopt("convos", "first", "taken", POOL_API_KEY=outputs["poolManager"]["apiKey"])
        assert adopts.code == 0, adopts.text
        up = first.up("taken")
        assert up.code == 0, up.text
    return first


def test_a_stack_whose_state_is_lost_is_adopted_for_nothing_and_its_secrets_are_shown_nowhere(
    first: Checkout, outputs: dict[str, Any]
) -> None:
    key, password = outputs["poolManager"]["apiKey"], outputs["database"]["url"]
    secrets = [PLANTED, key, password.split(":")[2].partition("@")[0], first.emulator.token]
    first.lose_state()
    first.printed.clear()
    first.cost()

    done = first.adopt("convos", "first", "lost", POOL_API_KEY=key)
    assert done.code == 0, done.text
    assert "the first update: 0 changes, 0 deployments" in done.text
    assert [row["operation"] for row in first.emulator.calls()] == [
        "apiToken",
        "projects",
        "project",
        "environment",
        "environmentStagedChanges",
    ]
    assert first.cost() == ([], 0)

    preview = first.preview("lost")
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

    up = first.up("lost")
    assert up.code == 0, up.text
    assert first.cost() == ([], 0)
    assert first.preview("lost", "--expect-no-changes").code == 0
    assert first.pulumi("refresh", "--stack", "lost", "--yes", "--skip-preview", "--expect-no-changes").code == 0

    config = (first.folder / "Pulumi.lost.yaml").read_text()
    reports = [(first.folder / ".adopted" / f"lost.{kind}").read_text() for kind in ("txt", "json")]
    everything = [*first.printed, config, *reports]
    assert [secret[:6] for secret in secrets for text in everything if secret in text] == []
    states = {row["thing"]: row["state"] for row in json.loads(reports[1])["rows"]}
    assert set(states.values()) == {"adopted"}
    assert len(states) == 5

    assert first.pulumi("config", "set", "--stack", "lost", "poolMinIdle", "1").code == 0
    changed = first.up("lost")
    assert changed.code == 0, changed.text
    assert first.cost() == (["environmentPatchCommit"], 1)


ROWS = {
    "project": (("cnvos", "first", "x"), {}, "PROJECT: the token shows none with the name 'cnvos'; it shows: convos"),
    "environment": (
        ("convos", "frist", "x"),
        {},
        "ENVIRONMENT: the token shows none with the name 'frist'; it shows: base, first",
    ),
    "nothing given": (("", "first", "x"), {}, "PROJECT: is missing; make adopt PROJECT=… ENVIRONMENT=… STACK=…"),
    "no stack": (("convos", "first", "../x"), {}, "stack: '../x' is not a stack's name"),
    "the stack exists": (("convos", "first", "dev"), {}, "STACK: Pulumi.dev.yaml exists already; choose another name"),
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


def opened(checkout: Checkout, stack: str) -> dict[str, object]:
    """Return a stack's config with its secrets opened, but for what differs by design."""
    done = checkout.pulumi("config", "--stack", stack, "--show-secrets", "--json")
    assert done.code == 0, done.text
    found: dict[str, object] = json.loads(done.text)
    checkout.printed.pop()
    return found


def test_a_state_that_an_update_was_killed_in_is_not_adopted_over_and_what_the_error_says_helps(
    first: Checkout,
) -> None:
    assert first.pulumi("stack", "init", "cut").code == 0
    # As the CLI leaves it behind when it is killed during the first creation.
    (state,) = (first.folder.parent / f"backend-{first.backends}").rglob("cut.json")
    found = json.loads(state.read_text())
    urn = "urn:pulumi:cut::convos-infra::pulumi-python:dynamic/railway:Project::project"
    begun = {"urn": urn, "custom": True, "type": "pulumi-python:dynamic/railway:Project", "inputs": {"name": "convos"}}
    latest = {**(found["checkpoint"]["latest"] or {}), "pending_operations": [{"resource": begun, "type": "creating"}]}
    state.write_text(json.dumps({**found, "checkpoint": {**found["checkpoint"], "latest": latest}}))

    # An update and a destroy go on, and name it; nor does a refresh that cannot ask forget it.
    plain = first.pulumi("refresh", "--stack", "cut", "--yes", "--skip-preview")
    destroyed = first.pulumi("destroy", "--stack", "cut", "--yes", "--skip-preview")
    assert (plain.code, destroyed.code) == (0, 0), plain.text + destroyed.text
    assert f"{urn}, interrupted while creating" in destroyed.text

    refused = first.adopt("convos", "first", "cut")
    helps = "pulumi refresh --clear-pending-creates --stack cut"
    line = "STACK: an update of cut is under way, or was cut off; let it end; if it was cut off, run"
    assert (refused.code != 0, f"{line} {helps}, and adopt then" in refused.text) == (True, True), refused.text
    assert not (first.folder / ".adopted" / "cut.txt").exists()
    assert first.pulumi(*helps.split()[1:], "--yes", "--skip-preview").code == 0
    assert not json.loads(state.read_text())["checkpoint"]["latest"].get("pending_operations")


def test_adopting_again_over_a_file_or_a_state_loses_no_key_and_keeps_the_file_before(taken: Checkout) -> None:
    """Sealed values are in the file and in the state alone: Railway never shows them again."""
    file: Path = taken.folder / "Pulumi.again.yaml"
    key = taken.outputs("taken")["poolManager"]["apiKey"]
    assert taken.adopt("convos", "first", "again", POOL_API_KEY=key).code == 0
    salt = next(line for line in file.read_text().splitlines() if line.startswith("encryptionsalt"))
    secret = ("config", "set", "--stack", "again", "--secret", "--path", "keys.AGENTMAIL_API_KEY")
    assert taken.run("pulumi", *secret, *QUIET, stdin=PLANTED).code == 0
    for name, value in (("protect", "false"), ("deploymentTimeout", "77")):
        assert taken.pulumi("config", "set", "--stack", "again", name, value).code == 0
    before = opened(taken, "again")
    assert taken.adopt("convos", "first", "again").code != 0
    assert opened(taken, "again") == before

    done = taken.adopt("convos", "first", "again", "FORCE=1")
    assert done.code == 0, done.text
    assert salt in file.read_text()
    after = opened(taken, "again")
    # With that key the canary would get an inbox of its own, which nobody has chosen; so it is adopted no more.
    assert after.pop("convos-infra:adoptedFrom") != before.pop("convos-infra:adoptedFrom")
    assert {name: row for name, row in after.items() if before.get(name) != row} == {
        "convos-infra:manageCanary": {"value": "false", "secret": False},
        "convos-infra:poolKeeps": {"value": "AGENTMAIL_API_KEY", "secret": False},
    }
    changes = [line for line in done.text.splitlines() if line.startswith("  Pulumi.again.yaml: ")]
    told = ("+ manageCanary: False", "+ poolKeeps: AGENTMAIL_API_KEY", "~ adoptedFrom (secret, new value)")
    assert changes == [f"  Pulumi.again.yaml: {change}" for change in told]
    assert set(before) <= set(after)
    (backup,) = (taken.folder / ".adopted" / "backups").glob("Pulumi.again.yaml.*")
    assert PLANTED not in backup.read_text()

    file = taken.folder / "Pulumi.taken.yaml"
    before = opened(taken, "taken")
    file.unlink()
    lost = taken.adopt("convos", "first", "taken")
    assert lost.code == 0, lost.text
    after = opened(taken, "taken")
    secrets = ("convos-infra:poolApiKey", "convos-infra:databasePassword", "convos-infra:keys")
    assert {name: after.get(name) for name in secrets} == {name: before[name] for name in secrets}
    taken.cost()
    preview = taken.preview("taken", "--expect-no-changes")
    assert preview.code == 0, preview.text


def test_a_released_stack_is_forgotten_without_a_word_to_railway_and_can_be_adopted_again(taken: Checkout) -> None:
    release = ("make", "--no-print-directory", "release", "STACK=taken")
    before = opened(taken, "taken")
    taken.cost()
    asked = taken.run(*release)
    assert asked.code != 0
    assert "STACK: the state of taken is unchanged; set FORCE=1 to skip the question" in asked.text
    assert "Service convos-agent-pool-manager" in asked.text

    done = taken.run(*release, "FORCE=1")
    assert done.code == 0, done.text
    assert taken.cost() == ([], 0)
    (backup,) = (taken.folder / ".adopted" / "backups").glob("taken.state.*")
    assert len(json.loads(backup.read_text())["deployment"]["resources"]) > len(SERVICES)
    assert PLANTED not in backup.read_text()
    left = json.loads(taken.pulumi("stack", "export", "--stack", "taken").text)["deployment"].get("resources") or []
    assert [row for row in left if row.get("custom")] == []
    assert opened(taken, "taken") == before

    again = taken.adopt("convos", "first", "taken", "FORCE=1")
    assert again.code == 0, again.text
    up = taken.up("taken")
    assert up.code == 0, up.text
    assert taken.cost() == ([], 0)


@pytest.mark.parametrize(("name", "stack"), [("odd names", "odd"), ("from a repository", "repository")])
def test_an_environment_of_others_is_taken_over_for_nothing_and_left_as_it_was(
    first: Checkout, name: str, stack: str
) -> None:
    fixture = replace(FIXTURES[name], project=f"{FIXTURES[name].project}-{stack}")
    made = built(lambda text, given: first.emulator.run(text, **given), fixture)
    before = json.loads(first.emulator.snapshot(made.environment_id))["config"]
    first.cost()
    given = [f"{role}={value}" for role, value in fixture.roles.items()]
    done = first.adopt(fixture.project, fixture.environment, stack, *given)
    assert done.code == 0, done.text
    assert "the first update: 0 changes, 0 deployments" in done.text
    up = first.up(stack)
    assert up.code == 0, up.text
    assert first.pulumi("refresh", "--stack", stack, "--yes", "--skip-preview", "--expect-no-changes").code == 0
    assert first.preview(stack, "--expect-no-changes").code == 0
    assert first.cost() == ([], 0)

    kept = first.pulumi("destroy", "--stack", stack, "--yes", "--skip-preview")
    assert kept.code != 0
    assert "protect" in kept.text
    assert first.pulumi("config", "set", "--stack", stack, "protect", "false").code == 0
    assert first.up(stack).code == 0
    destroyed = first.pulumi("destroy", "--stack", stack, "--yes", "--skip-preview")
    assert destroyed.code == 0, destroyed.text
    assert first.cost() == ([], 0)
    assert json.loads(first.emulator.snapshot(made.environment_id))["config"] == before
