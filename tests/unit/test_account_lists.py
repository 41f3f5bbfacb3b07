"""A list of keys or inboxes is complete, or it is an error in one line: half of one would delete or leak something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_accounts import agentmail, openrouter
from agent_accounts.agentmail import AgentMail
from agent_accounts.openrouter import OpenRouter
from agent_accounts.provider_http import Provider, ProviderError
from emulator.standins import accounts as of_standins
from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins, running

PAGE, PAGES = 2, 3


@pytest.fixture
def standins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standins]:
    for module, name, value in (
        *((agentmail, "PAGE", PAGE), (openrouter, "PAGE", PAGE), (of_standins, "KEY_PAGE", PAGE)),
        *((agentmail, "MOST_PAGES", PAGES), (openrouter, "MOST_PAGES", PAGES)),
    ):
        monkeypatch.setattr(module, name, value)
    with running(Standins(OpenRouterAccount("k"), AgentMailAccount("k"))) as found:
        yield found


def both(standins: Standins) -> tuple[Callable[[], list[Any]], Callable[[], list[Any]]]:
    router = OpenRouter(Provider("OpenRouter", standins.url + OPENROUTER, "k"))
    mail = AgentMail(Provider("AgentMail", standins.url + AGENTMAIL, "k"))
    return router.listed, mail.listed


@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1, PAGE * (PAGES - 1)])
def test_what_is_listed_is_everything(standins: Standins, count: int) -> None:
    for number in range(count):
        standins.openrouter.create({"name": f"n{number}"})
        standins.agentmail.create({"username": f"n{number}", "client_id": f"n{number}"})
    assert [len(listed()) for listed in both(standins)] == [count, count]


def test_a_list_that_does_not_end_within_its_pages_is_an_error_and_no_short_list(standins: Standins) -> None:
    for number in range(PAGE * PAGES + 1):
        standins.openrouter.create({"name": f"n{number}"})
        standins.agentmail.create({"username": f"n{number}", "client_id": f"n{number}"})
    assert len(standins.openrouter.keys) == len(standins.agentmail.inboxes) == PAGE * PAGES + 1
    for listed, name, what in zip(both(standins), ("OpenRouter", "AgentMail"), ("keys", "inboxes"), strict=True):
        with pytest.raises(ProviderError) as refused:
            listed()
        assert str(refused.value) == f"{name}: its list does not end: more than {PAGES} pages of {what}, 6 so far"
        assert not refused.value.may_work_later, "asking all of it again ends in the same way"


def test_a_server_that_pages_in_a_circle_is_an_error(standins: Standins, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"inbox_id": f"{n}@x", "client_id": str(n)} for n in range(PAGE)]
    circle = of_standins.Reply(200, {"inboxes": rows, "next_page_token": "t"})
    monkeypatch.setattr(standins.agentmail, "listed", lambda limit, token: circle)
    keys = of_standins.Reply(200, {"data": [{"hash": str(n), "name": "n"} for n in range(PAGE)]})
    monkeypatch.setattr(standins.openrouter, "listed", lambda offset: keys)
    assert len(both(standins)) == 2
    for listed in both(standins):
        with pytest.raises(ProviderError, match="the same page of (keys|inboxes) twice, after 2$"):
            listed()


def test_a_server_that_takes_no_offset_and_returns_everything_again_is_read_to_its_end(
    standins: Standins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openrouter, "PAGE", 100)
    keys = of_standins.Reply(200, {"data": [{"hash": str(n), "name": "n"} for n in range(7)]})
    monkeypatch.setattr(standins.openrouter, "listed", lambda offset: keys)
    assert len(both(standins)[0]()) == 7
