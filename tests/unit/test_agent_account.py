"""The canary's key and inbox against the stand-ins: whatever call fails, there is one of each in the end, or none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic import CreateResult
from pulumi.runtime.rpc import UNKNOWN

from convos_infra import agent_account
from convos_infra.agent_account import ATTEMPTS, AccountProvider
from convos_infra.agentmail_inbox import AgentMailInboxProvider
from convos_infra.openrouter_key import OpenRouterKeyProvider
from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins, running

NAME, KEY = "convos-runtime-canary-e-1", "the-account's-key"
KINDS: tuple[type[AccountProvider], ...] = (OpenRouterKeyProvider, AgentMailInboxProvider)
LOST, USUAL = 0, -1
"""What becomes of a call: it is done and nothing is said; or it is answered."""


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standins]:
    monkeypatch.setattr(agent_account, "PAUSE_SECONDS", 0.0)
    with running(Standins(OpenRouterAccount(KEY), AgentMailAccount(KEY))) as found:
        found.openrouter.create({"name": "convos-agent-abcdefghijkm"})
        found.agentmail.create({"username": "x", "client_id": "convos-agent-abcdefghijkm"})
        yield found


def inputs(accounts: Standins, kind: type[AccountProvider], **more: Any) -> dict[str, Any]:
    own = {"limit": "20", "limitReset": "monthly"} if kind is OpenRouterKeyProvider else {"domain": ""}
    path = OPENROUTER if kind is OpenRouterKeyProvider else AGENTMAIL
    return {"name": NAME, "url": accounts.url + path, "accountKey": KEY, **own, **more}


def there(accounts: Standins, kind: type[AccountProvider]) -> list[str]:
    """Return the ids of what is there beside the thing of somebody else."""
    if kind is OpenRouterKeyProvider:
        return [id_ for id_, row in accounts.openrouter.keys.items() if row["name"] == NAME]
    return [id_ for id_, row in accounts.agentmail.inboxes.items() if row["client_id"] == NAME]


def untouched(accounts: Standins) -> bool:
    return len(accounts.openrouter.keys) - len(there(accounts, OpenRouterKeyProvider)) == 1 and (
        len(accounts.agentmail.inboxes) - len(there(accounts, AgentMailInboxProvider)) == 1
    )


def created(asked: AccountProvider, news: dict[str, Any]) -> CreateResult | None:
    """Create as one run does; None if it failed, with a line that has no secret."""
    try:
        return asked.create(news)
    except Exception as error:  # how a provider reports
        if KEY in str(error) or NAME not in str(error):
            raise
    return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", [LOST, 500, 502, 429])
@pytest.mark.parametrize("times", [1, ATTEMPTS])
def test_a_call_that_fails_leaves_neither_two_nor_one_that_nobody_knows(
    accounts: Standins, kind: type[AccountProvider], failure: int, times: int
) -> None:
    asked = kind()
    news = inputs(accounts, kind)
    plain = len(there(accounts, kind)) + 1
    for before in range(6):
        # The calls of one creation: each in turn is the first that fails, as often as it is tried, or only once.
        accounts.failures[:] = [USUAL] * before + [failure] * times
        found = created(asked, news) or created(asked, news)
        assert found is not None, "nothing fails any more"
        accounts.failures.clear()
        assert there(accounts, kind) == [found.id]
        assert len(there(accounts, kind)) == plain
        if kind is OpenRouterKeyProvider:
            assert (found.outs or {})["value"] == accounts.openrouter.secrets[found.id]
        assert untouched(accounts)
    accounts.failures[:] = [failure]
    asked.delete(found.id, found.outs or {})
    asked.delete(found.id, found.outs or {})
    assert there(accounts, kind) == []
    assert untouched(accounts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refresh_sees_what_is_gone_and_takes_no_error_for_that(
    accounts: Standins, kind: type[AccountProvider]
) -> None:
    asked = kind()
    made = asked.create(inputs(accounts, kind))
    props = made.outs or {}
    assert asked.read(made.id, props).id == made.id
    accounts.failures[:] = [500] * ATTEMPTS
    with pytest.raises(Exception, match=f"{NAME}: .*HTTP 500 .*; run the command again"):
        asked.read(made.id, props)
    asked.delete(made.id, props)
    assert asked.read(made.id, props).id == ""


@pytest.mark.parametrize("kind", KINDS)
def test_an_accounts_new_key_is_taken_up_by_an_update_and_until_then_the_error_says_so(
    accounts: Standins, kind: type[AccountProvider]
) -> None:
    asked = kind()
    made = asked.create(inputs(accounts, kind))
    accounts.openrouter.management_key = accounts.agentmail.api_key = "a new one"
    for key, problem in ((KEY, r"HTTP 40[13] "), ("", "not in the state")):
        with pytest.raises(Exception, match=f"{problem}.*; set keys.{kind.key_name} and run pulumi up"):
            asked.read(made.id, {**(made.outs or {}), "accountKey": key})
    outs = asked.update(made.id, made.outs or {}, inputs(accounts, kind, accountKey="a new one")).outs or {}
    assert outs == {**(made.outs or {}), "accountKey": "a new one"}
    assert asked.read(made.id, outs).id == made.id
    asked.delete(made.id, outs)
    assert there(accounts, kind) == []


@pytest.mark.parametrize(
    ("kind", "news", "changes", "replaces"),
    [
        *((kind, {}, False, []) for kind in KINDS),
        *((kind, {"accountKey": "another"}, True, []) for kind in KINDS),
        *((kind, {"name": UNKNOWN}, True, ["name"]) for kind in KINDS),
        *((kind, {"url": "https://elsewhere"}, True, ["url"]) for kind in KINDS),
        (OpenRouterKeyProvider, {"limit": "5"}, True, []),
        (OpenRouterKeyProvider, {"limitReset": "daily"}, True, []),
        (AgentMailInboxProvider, {"domain": "example.org"}, True, ["domain"]),
    ],
)
def test_what_a_change_of_inputs_means(
    accounts: Standins, kind: type[AccountProvider], news: dict[str, str], changes: bool, replaces: list[str]
) -> None:
    olds = {**inputs(accounts, kind), **dict.fromkeys(kind.kept, "made")}
    found = kind().diff("id", olds, inputs(accounts, kind, **news))
    assert (found.changes, found.replaces) == (changes, replaces)
    assert found.delete_before_replace == (bool(replaces) and kind.deletes_first)


def test_another_limit_reaches_the_key_that_is_there(accounts: Standins) -> None:
    asked = OpenRouterKeyProvider()
    made = asked.create(inputs(accounts, OpenRouterKeyProvider))
    news = inputs(accounts, OpenRouterKeyProvider, limit="5", limitReset="daily")
    outs = asked.update(made.id, made.outs or {}, news).outs or {}
    row = accounts.openrouter.keys[made.id]
    assert (row["limit"], row["limit_reset"]) == (5, "daily")
    assert outs == {**news, "value": accounts.openrouter.secrets[made.id]}
    accounts.calls.clear()
    asked.update(made.id, outs, {**news, "accountKey": "another"})
    assert accounts.calls == [], "an account's key alone asks nothing"


@pytest.mark.parametrize(
    ("url", "known", "expected"),
    [
        ("http://host.docker.internal:4010/x", False, "http://127.0.0.1:4010/x"),
        ("http://host.docker.internal:4010/x", True, "http://host.docker.internal:4010/x"),
        ("https://openrouter.ai/api/v1", False, "https://openrouter.ai/api/v1"),
        ("https://host.docker.internal.example.org/x", False, "https://host.docker.internal.example.org/x"),
    ],
)
def test_stand_ins_of_this_machine_are_reached_by_the_url_that_containers_have(
    monkeypatch: pytest.MonkeyPatch, url: str, known: bool, expected: str
) -> None:
    def look_up(*_: object) -> list[object]:
        if not known:
            raise socket.gaierror
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert agent_account.reachable(url) == expected
