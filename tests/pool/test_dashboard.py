"""The dashboard in a real browser: each act by clicking, live, on a phone, by keyboard, no error in the console.

`DASHBOARD_PICTURES=docs/dashboard` keeps the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from convos_pool.dashboard.session import MOST_FAILED
from playwright.sync_api import Browser, Page, expect

from pool_contract.requests import LONGEST_NAME
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
        expect(page.get_by_text("Ada Lovelace was launched on agent")).to_be_visible()
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
        page.get_by_label("Link to a conversation to join").fill("https://convos.org/v2?i=abc")
        page.get_by_role("button", name="Launch or join").click()
        expect(page.get_by_text("Bob has joined the conversation, on agent")).to_be_visible()


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
        act(page, id_, f"Kill {id_}", f"Kill {id_}, which is in use")
        expect(page.locator("#result")).to_contain_text(f"{id_} was killed.")
        expect(row).to_have_count(0)
        expect(page.locator("#events")).to_contain_text(f"killed {id_} while claimed")
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
        page.get_by_label("Agents to add").fill("2")
        page.get_by_role("button", name="Add").click()
        expect(idle).to_have_text("5")
        page.get_by_label("Idle agents to delete").fill("2")
        page.get_by_role("button", name="Drain").click()
        expect(page.locator("#result")).to_contain_text("2 idle agents were deleted.")
        expect(idle).to_have_text("3")
        id_ = next(one["id"] for one in agents(pool) if one["state"] == "idle")
        act(page, id_, f"Redeploy {id_}", f"Redeploy {id_}")
        expect(page.locator("#result")).to_contain_text(f"{id_} is being redeployed on {IMAGE}.")
        expect(page.locator("#events")).to_contain_text("redeployed")


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
        assert summary.evaluate("one => getComputedStyle(one).outlineStyle") == "solid", "the focus is seen"
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
        expect(rollout).to_contain_text("batch 1: 1 agent is not ready yet")
        expect(rollout.get_by_role("listitem").filter(has_text=re.compile("^batch 2: "))).to_be_visible()
        expect(page.locator("#agents")).to_contain_text("behind")
        keep_picture(page, "rollout")
        rollout.get_by_label("Stop the rollout").click()
        rollout.get_by_role("button", name="Stop it").click()
        expect(page.locator("#held")).to_contain_text("stopped by hand at batch 1; the batch is being rolled back")
        until(lambda: around.images()[NEXT_IMAGE] == 0, 20, pool.printed)
        rollout.get_by_label("Retry the rollout").click()
        rollout.get_by_role("button", name="Retry with this image").click()
        expect(page.locator("#result")).to_contain_text("The rollout was started again.")
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
        sure = row.get_by_label("I understand that this is production")
        assert sure.evaluate("box => box.validity.valueMissing")
        assert id_ in {one["id"] for one in agents(pool)}, "one click more was not enough"
        assert violations(page) == []
        keep_picture(page, "phone")
        sure.check()
        row.get_by_role("button", name=f"Kill {id_}").click()
        expect(page.locator("#result")).to_contain_text(f"{id_} was killed.")
        page.get_by_label("Name", exact=True).fill("W" * LONGEST_NAME)
        page.get_by_label("Instructions").fill("x" * 300)
        page.get_by_label("I understand that this is production").first.check()
        page.get_by_role("button", name="Launch or join").click()
        expect(page.get_by_role("img", name="QR code of the invite")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "nothing is cut off"
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("The pool's API key")).to_be_visible()


def test_wrong_keys_are_refused_and_after_ten_of_them_the_right_one_has_to_wait(
    staged: tuple[Surroundings, Pool], browser: Browser
) -> None:
    _, pool = staged
    seen = Seen()
    with opened(browser, pool.url, seen) as page:
        for _ in range(MOST_FAILED):
            page.get_by_label("The pool's API key").fill("wrong")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_have_text("That is not the pool's key.")
        page.get_by_label("The pool's API key").fill(API_KEY)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("Too many wrong keys. Try again in")
        assert violations(page) == []
    assert [one for one in seen.problems if not re.search("401|429", one)] == [], "the browser tells of the status"
    assert len(seen.problems) == MOST_FAILED + 1, "and what goes wrong would be seen"


def test_a_form_of_another_site_does_nothing_for_whoever_is_logged_in(
    staged: tuple[Surroundings, Pool], browser: Browser, seen: Seen
) -> None:
    _, pool = staged
    id_ = next(one["id"] for one in agents(pool) if one["state"] == "idle")
    with opened(browser, pool.url, seen) as page:
        log_in(page)
        token = page.locator("input[name=token]").first.input_value()
        other = page.context.new_page()
        fields = f'<input name="token" value="{token}"><input name="agent" value="{id_}">'
        form = f'<form method="post" action="{pool.url}/dashboard/kill">{fields}<button>Win</button></form>'
        # As another host: the browser takes the cookie along to the same site alone.
        other.route("**/prize", lambda route: route.fulfill(content_type="text/html", body=form))
        other.goto(f"http://localhost:{pool.port}/prize")
        other.get_by_role("button", name="Win").click()
        expect(other.get_by_label("The pool's API key")).to_be_visible()
        assert id_ in {one["id"] for one in agents(pool)}
