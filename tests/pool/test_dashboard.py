"""The dashboard in a real browser: each act by clicking, live, on a phone, by keyboard, no error in the console.

`DASHBOARD_PICTURES=docs/dashboard` keeps the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import needs
from tests.emulator.fix_emulator import until
from tests.pool.browser import EXECUTABLE, PHONE, Seen, keep_picture, opened, running_browser, violations
from tests.pool.pool_process import API_KEY, IMAGE, Pool
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, until_idle

pytestmark = pytest.mark.skipif(not EXECUTABLE, reason=needs.CHROMIUM.reason)
DEPLOY = """mutation again($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId) }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture
def staged(around: Surroundings) -> Iterator[tuple[Surroundings, Pool]]:
    """A pool with three warm agents, and a rollout that waits in its first batch once a new image comes."""
    policy = {"POOL_ROLLOUT_POLICY": "redeploy-idle", "POOL_ROLLOUT_BAKE_MS": "86400000"}
    with around.pool(POOL_MIN_IDLE="3", POOL_ENVIRONMENT="staging", **policy) as pool:
        until_idle(pool, 3)
        yield around, pool


@pytest.fixture
def seen() -> Iterator[Seen]:
    found = Seen()
    yield found
    assert found.problems == []


def log_in(page: Page) -> None:
    page.get_by_label("The pool's API key").fill(API_KEY)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Launch or join")).to_be_visible()


def claim(pool: Pool, name: str = "Grace") -> dict[str, Any]:
    return dict(pool.json("POST", "/api/pool/claim", {"agentName": name, "instructions": "Be brief."}))


def act(page: Page, id_: str, label: str, words: str) -> None:
    """Click an act of an agent, and the second button that does it."""
    row = page.locator(f"#agent-{id_}")
    row.get_by_label(label).click()
    row.get_by_role("button", name=words).click()


def test_launch_shows_an_invite_to_scan_and_to_copy(
    staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen
) -> None:
    around, pool = staged
    with opened(browser, pool.url, seen) as page:
        assert violations(page) == []
        log_in(page)
        page.get_by_label("Name", exact=True).fill("Ada Lovelace")
        page.get_by_label("Instructions").fill("Be brief.\nBe kind.")
        page.get_by_role("button", name="Launch or join").click()
        expect(page.get_by_text("Ada Lovelace is waiting.")).to_be_visible()
        expect(page.get_by_role("img", name="QR code of the invite")).to_be_visible()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        ((id_, invite, told),) = around.sql("SELECT id, invite_url, instructions FROM agent_metadata")
        assert page.evaluate("navigator.clipboard.readText()") == invite
        assert told == "Be brief.\nBe kind."
        expect(page.locator(f"#agent-{id_}")).to_contain_text("Ada Lovelace")
        expect(page.locator(f"#agent-{id_}")).to_contain_text("sha256:111111111111")
        assert violations(page) == []
        keep_picture(page, "launch")
        page.get_by_label("Name", exact=True).fill("Bob")
        page.get_by_label("Instructions").fill("Listen.")
        page.get_by_label("Link of a conversation to join").fill("https://convos.org/v2?i=abc")
        page.get_by_role("button", name="Launch or join").click()
        expect(page.get_by_text("Bob has joined the conversation.")).to_be_visible()


def test_what_others_do_is_seen_at_once_and_killed_by_two_clicks(
    staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen
) -> None:
    around, pool = staged
    until_idle(pool, 3)
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        claimed = claim(pool)
        id_ = claimed["instanceId"]
        row = page.locator(f"#agent-{id_}")
        expect(row).to_contain_text("Grace")
        row.get_by_role("link", name="Invite").click()
        expect(page.get_by_label("Invite link")).to_have_value(claimed["inviteUrl"])
        expect(page.locator("#result")).to_contain_text("Be brief.")
        act(page, id_, f"Kill {id_}", f"Kill {id_}, which somebody has")
        expect(page.locator("#result")).to_contain_text(f"{id_} was killed.")
        expect(row).to_have_count(0)
        expect(page.locator("#events")).to_contain_text("killed, it was claimed")
        assert around.sql("SELECT 1 FROM agent_metadata WHERE id = %s", id_) == []


def test_a_crashed_agent_is_dismissed(staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen) -> None:
    around, pool = staged
    until_idle(pool, 3)
    id_ = claim(pool)["instanceId"]
    (service,) = [one["serviceId"] for one in around.services() if one["serviceName"].endswith(id_)]
    around.emulator.settings(outcomes={IMAGE: "crash"})
    around.world.run(DEPLOY, environmentId=around.environment_id, serviceId=service)
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        row = page.locator(f"#agent-{id_}")
        expect(row.get_by_text("crashed", exact=True)).to_be_visible()
        around.emulator.settings(outcomes={})
        act(page, id_, f"Dismiss {id_}", f"Dismiss {id_}")
        expect(row).to_have_count(0)
        assert id_ not in {one["id"] for one in agents(pool)}


def test_agents_are_added_and_drained(staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen) -> None:
    _, pool = staged
    until_idle(pool, 3)
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        idle = page.locator("#counts .idle b")
        page.get_by_label("Agents beyond the warm ones").fill("2")
        page.get_by_role("button", name="Add").click()
        expect(idle).to_have_text("5")
        page.get_by_label("Idle agents to delete").fill("2")
        page.get_by_role("button", name="Drain").click()
        expect(page.locator("#result")).to_contain_text("2 idle agents were deleted.")
        expect(idle).to_have_text("3")


def test_the_keyboard_is_enough(staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen) -> None:
    _, pool = staged
    until_idle(pool, 3)
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        id_ = next(one["id"] for one in agents(pool) if one["state"] == "idle")
        page.get_by_label("Search agents").press_sequentially(id_)
        expect(page.locator(".agents > li")).to_have_count(1)
        # A look of the pool shows the choice at once, the address only when nobody has typed for a moment.
        expect(page).to_have_url(re.compile(rf"/\?q={id_}&state=$"))
        summary = page.get_by_label(f"Kill {id_}")
        summary.press("Enter")
        button = page.get_by_role("button", name=f"Kill {id_}")
        expect(button).to_be_visible()
        page.keyboard.press("Escape")
        expect(button).to_be_hidden()
        expect(summary).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#result")).to_be_focused()
        expect(page.locator("#result")).to_contain_text(f"{id_} was killed.")
        page.get_by_label("Search agents").fill("")
        page.get_by_label("State", exact=True).select_option("claimed")
        expect(page.locator(".agents > li:not([data-state=claimed])")).to_have_count(0)


def test_a_rollout_shows_its_batches_and_is_stopped(
    staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen
) -> None:
    around, pool = staged
    until_idle(pool, 3)
    pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
    until(lambda: around.images()[NEXT_IMAGE] == 1, 20, pool.printed)
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        rollout = page.locator("#rollout")
        expect(rollout).to_contain_text("batch 1: 1 agents are on their way")
        expect(rollout.get_by_role("listitem").filter(has_text=re.compile("^batch 2: "))).to_be_visible()
        expect(page.locator("#agents")).to_contain_text("behind")
        keep_picture(page, "rollout")
        rollout.get_by_label("Stop the rollout").click()
        rollout.get_by_role("button", name="Stop it").click()
        expect(page.locator("#held")).to_contain_text("stopped by hand at batch 1; the batch goes back")
        until(lambda: around.images()[NEXT_IMAGE] == 0, 20, pool.printed)
        rollout.get_by_label("Begin again").click()
        rollout.get_by_role("button", name="Begin again with this image").click()
        expect(page.locator("#result")).to_contain_text("The rollout begins again.")
        until(lambda: around.images()[NEXT_IMAGE] == 1, 20, pool.printed)
        assert violations(page) == []


def test_production_is_marked_and_asks_again_on_a_phone_at_night(
    staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen
) -> None:
    _, pool = staged
    pool.restart(POOL_ENVIRONMENT="production")
    until_idle(pool, 3)
    with opened(browser, pool.url, seen, PHONE, dark=True) as page:
        assert violations(page) == []
        log_in(page)
        expect(page.locator("body.production .environment")).to_have_text("production")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        id_ = next(one["id"] for one in agents(pool) if one["state"] == "idle")
        act(page, id_, f"Kill {id_}", f"Kill {id_}")
        row = page.locator(f"#agent-{id_} form[action='/dashboard/kill']")
        sure = row.get_by_label("This is production, and I mean it")
        assert sure.evaluate("box => box.validity.valueMissing")
        assert id_ in {one["id"] for one in agents(pool)}, "one click more was not enough"
        assert violations(page) == []
        keep_picture(page, "phone")
        sure.check()
        row.get_by_role("button", name=f"Kill {id_}").click()
        expect(page.locator("#result")).to_contain_text(f"{id_} was killed.")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("The pool's API key")).to_be_visible()


def test_a_wrong_key_is_said(staged: tuple[Surroundings, Pool], browser: Browser) -> None:
    _, pool = staged
    seen = Seen()
    with opened(browser, pool.url, seen) as page:
        page.get_by_label("The pool's API key").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the pool's key.")
    assert [one for one in seen.problems if "401" not in one] == [], "the browser tells of the status itself"
    assert seen.problems, "and what goes wrong would be seen"
