"""A key at OpenRouter and an inbox at AgentMail as resources, from the first preview to the destroy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins, running
from tests.fleet.project import Project

pytestmark = pytest.mark.stack
NAME = "convos-runtime-canary-e-1"
KEY, MAIL = "or-the-account", "am-the-account"
PROGRAM = f"""
import pulumi
from convos_infra.agent_account import AccountArgs
from convos_infra.agentmail_inbox import AgentMailInbox
from convos_infra.openrouter_key import OpenRouterKey

config = pulumi.Config()
keys, url = config.require_secret_object("keys"), config.require("url")
key = OpenRouterKey(
    "key", AccountArgs("{NAME}", url + "{OPENROUTER}", keys["OPENROUTER_MANAGEMENT_KEY"]), "20", "monthly"
)
inbox = AgentMailInbox("inbox", AccountArgs("{NAME}", url + "{AGENTMAIL}", keys["AGENTMAIL_API_KEY"]), "")
pulumi.export("key", key.value)
pulumi.export("inbox", inbox.inbox)
"""


def test_key_and_inbox_of_a_canary_from_the_first_preview_to_the_destroy(tmp_path: Path) -> None:
    with running(Standins(OpenRouterAccount(KEY), AgentMailAccount(MAIL))) as accounts:
        router, mail = accounts.openrouter, accounts.agentmail
        project = Project(tmp_path / "stack", "http://127.0.0.1:1", "t")
        (project.program / "__main__.py").write_text(PROGRAM)
        project.init()

        secrets = [f"keys.OPENROUTER_MANAGEMENT_KEY={KEY}", f"keys.AGENTMAIL_API_KEY={MAIL}"]
        given = [word for one in secrets for word in ("--secret", one)]
        project.run("config", "set-all", "--stack", "test", "--path", "--plaintext", f"url={accounts.url}", *given)
        router.create({"name": NAME})  # what a run that was cut off has made
        assert project.changes() == {"create": 3}
        assert accounts.calls == [], "a preview makes nothing and asks nothing"
        printed = [project.up().text, project.preview("--expect-no-changes").text]
        (key_hash,), (address,) = router.keys, mail.inboxes
        assert address == f"{NAME}@agentmail.to"
        router.delete(key_hash)
        mail.delete(address)
        printed += [project.refresh().text, project.up().text]
        assert (len(router.keys), len(mail.inboxes)) == (1, 1)
        everything = json.dumps(project.exported()) + "".join(printed)
        for secret in (KEY, MAIL, *router.secrets.values()):
            assert secret not in everything
        project.destroy()
        assert (router.keys, mail.inboxes) == ({}, {})
