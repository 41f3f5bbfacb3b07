"""A first `pulumi up` over a living stack whose state was lost: no secret of it is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.adopt.live import Checkout
from tests.adopt.test_adopt_live import adopted

pytestmark = pytest.mark.stack
STACK = "first"


@pytest.fixture
def restored(first: Checkout) -> Iterator[Checkout]:
    """The stack; after the test it has its state and its config again."""
    config = first.folder / f"Pulumi.{STACK}.yaml"
    text, backends = config.read_text(), first.backends
    yield first
    config.write_text(text)
    first.backends = backends


def variables(checkout: Checkout) -> dict[str, dict[str, object]]:
    """Return the variables of every service, as Railway has them stored."""
    (project,) = checkout.emulator.admin("GET", "/snapshot")["projects"]
    environment = next(row["id"] for row in project["environments"] if row["name"] == STACK)
    services = json.loads(checkout.emulator.snapshot(environment))["config"]["services"]
    return {id_: service.get("variables") or {} for id_, service in services.items()}


def test_a_first_update_without_its_state_changes_no_variable_and_the_database_takes_the_password(
    restored: Checkout,
) -> None:
    first = restored
    outputs = first.outputs(STACK)
    url, key = outputs["database"]["url"], outputs["poolManager"]["apiKey"]
    password = url.split(":")[2].partition("@")[0]
    before = variables(first)
    first.lose_state()
    first.printed.clear()
    assert first.pulumi("stack", "init", STACK).code == 0
    first.cost()

    for secret, command in (
        (key, f"pulumi config set --secret poolApiKey --stack {STACK}"),
        ("", f"pulumi config set poolKeepToken true --stack {STACK}"),
    ):
        stopped = first.preview(STACK)
        assert stopped.code != 0, stopped.text
        assert command in stopped.text
        assert "sealed on Railway" in stopped.text
        assert "Traceback" not in stopped.text
        assert first.cost() == ([], 0)
        done = first.run("pulumi", *command.split()[1:], stdin=secret)
        assert done.code == 0, done.text

    preview = first.preview(STACK)
    assert preview.code == 0, preview.text
    announced = dict(adopted(preview.text))
    assert preview.text.count(': "postgres POSTGRES_PASSWORD"') == 1
    assert announced["ServiceInstance postgres"].endswith(", changes nothing")
    assert "1 deployment" not in preview.text
    up = first.up(STACK)
    assert up.code == 0, up.text
    assert first.cost() == ([], 0)
    assert variables(first) == before

    assert first.outputs(STACK)["database"]["url"] == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert first.preview(STACK, "--expect-no-changes").code == 0
    assert first.pulumi("refresh", "--stack", STACK, "--yes", "--skip-preview", "--expect-no-changes").code == 0
    first.emulator.forget_calls()
    assert first.preview(STACK, "--expect-no-changes").code == 0
    assert first.emulator.calls() == []

    exported = first.pulumi("stack", "export", "--stack", STACK).text
    assert '"adopts": "postgres POSTGRES_PASSWORD"' in exported
    assert [secret[:4] for secret in (password, key) for text in (exported, *first.printed) if secret in text] == []


def test_without_a_preview_a_lost_state_changes_no_variable_and_revokes_no_token(restored: Checkout) -> None:
    first = restored
    first.backends += 10
    assert first.pulumi("stack", "init", STACK).code == 0
    before = variables(first)
    first.cost()
    stopped = first.up(STACK)
    assert stopped.code != 0
    assert f"pulumi config set --secret poolApiKey --stack {STACK}" in stopped.text
    mutations, deployments = first.cost()
    assert set(mutations) <= {"projectTokenCreate"}
    assert deployments == 0
    assert variables(first) == before
