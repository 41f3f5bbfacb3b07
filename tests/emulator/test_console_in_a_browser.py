"""The console in a real browser: from the projects to a live log, by keyboard, on a phone, no error in its console.

`DASHBOARD_PICTURES=docs/console` keeps the pictures.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import needs
from tests.emulator.fix_emulator import TOKEN, Emulator, running_emulator
from tests.emulator.world import IMAGE, World
from tests.pool.browser import EXECUTABLE, PHONE, Seen, keep_picture, opened, running_browser, violations

pytestmark = pytest.mark.skipif(not EXECUTABLE, reason=needs.CHROMIUM.reason)
SECRET = "pLaNtEd-value"
DEPLOY = """mutation again($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId) }"""


def scene(emulator: Emulator) -> tuple[World, str]:
    """A project as a team would have it: services that refer to each other, a broken reference, a crash."""
    world = World.new(emulator)
    web, api, database = (world.service(name) for name in ("web", "api", "database"))
    emulator.settings(outcomes={"crashing": "crash"})
    url = {"DATABASE_URL": {"value": "${{database.DATABASE_URL}}"}}
    services = {
        web: {"API": {"value": "http://${{api.RAILWAY_PRIVATE_DOMAIN}}"}, "KEY": {"value": SECRET}, **url},
        api: {"OLD": {"value": "${{removed.URL}}"}, "SEALED": {"value": SECRET, "isSealed": True}, **url},
        database: {"DATABASE_URL": {"value": f"postgresql://u:{SECRET}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}/db"}},
    }
    images = {api: f"{IMAGE}-crashing"}
    patch = {id_: {"source": {"image": images.get(id_, IMAGE)}, "variables": of} for id_, of in services.items()}
    world.commit({"services": patch, "sharedVariables": {"REGION": {"value": "eu"}}})
    return world, web


def check(page: Page, name: str = "") -> None:
    """The page is whole, nothing stands in anybody's way, and nothing is wider than the screen."""
    page.wait_for_load_state("load")
    assert violations(page) == [], page.url
    assert page.viewport_size is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url
    if name:
        keep_picture(page, name)


def test_a_look_around_by_mouse_and_keyboard(tmp_path: Path) -> None:
    seen = Seen()
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator, running_browser() as browser:
        world, web = scene(emulator)
        with opened(browser, emulator.base, seen) as page:
            page.get_by_role("link", name="production").click()
            check(page, "environment")
            expect(page.get_by_role("img", name="Map of references: 4 between")).to_be_visible()
            expect(page.get_by_text("api: OLD refers to removed, which does not exist")).to_be_visible()
            page.get_by_role("link", name="web", exact=True).click()
            assert SECRET not in page.content()
            live_log(page, world, web)
            check(page, "deployment")
            page.get_by_role("link", name="service web").click()
            page.get_by_role("link", name="Show the values").click()
            expect(page.get_by_text(SECRET)).to_be_visible()
            ledger_and_faults(page, emulator, world, web)
        with opened(browser, emulator.base, seen, PHONE, dark=True) as page:
            on_a_phone(page, emulator.base, world)
    assert seen.problems == []


def live_log(page: Page, world: World, web: str) -> None:
    """A new deployment shows without a reload, and its log with the token."""
    rows = page.get_by_role("region", name="Deployments").get_by_role("link")
    expect(rows).to_have_count(1)
    world.run(DEPLOY, environmentId=world.environment_id, serviceId=web)
    expect(rows).to_have_count(2)
    rows.first.click()
    page.get_by_role("link", name="Log in with the account token").click()
    # By keyboard alone: the field, its button by Enter.
    page.get_by_label("Account token").focus()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Log")).to_contain_text("simulated")


def ledger_and_faults(page: Page, emulator: Emulator, world: World, web: str) -> None:
    page.get_by_role("link", name="Calls").click()
    page.get_by_label("Operation").fill("serviceInstanceDeploy")
    page.get_by_label("Only those that caused a deployment").check()
    page.get_by_role("button", name="Filter").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 of ")
    # The ledger keeps its filter while new calls come.
    world.run(DEPLOY, environmentId=world.environment_id, serviceId=web)
    expect(page.get_by_role("status")).to_contain_text("2 of ")
    page.get_by_label("Operation").fill("")
    page.get_by_role("button", name="Filter").click()
    keep_picture(page, "calls")
    page.get_by_role("link", name="Faults and settings").click()
    page.get_by_label("Fault", exact=True).select_option("502")
    page.get_by_label("Operation (any if empty)").fill("serviceDelete")
    page.get_by_role("button", name="Plant").click()
    expect(page.get_by_role("status")).to_contain_text("Planted: 502 for serviceDelete.")
    check(page, "switches")
    page.get_by_label("latency_ms").fill("12")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("status")).to_contain_text("Changed: latency_ms.")
    assert emulator.admin("GET", "/settings")["latency_ms"] == 12


def on_a_phone(page: Page, base: str, world: World) -> None:
    for path, name in (("/console/calls", ""), (f"/console/environments/{world.environment_id}", "phone")):
        page.goto(f"{base}{path}")
        check(page, name)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
