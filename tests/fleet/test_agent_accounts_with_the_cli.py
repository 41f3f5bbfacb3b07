"""The canary's key at OpenRouter and inbox at AgentMail, from the first preview over a rotation to the destroy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins, running
from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import Project

pytestmark = pytest.mark.stack
VARIABLES = (
    "query v($p: String!, $e: String!, $s: String!) { variables(projectId: $p, environmentId: $e, serviceId: $s) }"
)
KEY, MAIL, NEXT_KEY, NEXT_MAIL = "or-the-account", "am-the-account", "or-another", "am-another"
PROGRAM = f"""
import pulumi
from components.canary_variables import canary_variables
from components.environment import EnvironmentPlace, EnvironmentSettings, RailwayEnvironment
from components.railway_service import ServiceParts, deployed, service_in
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs

config = pulumi.Config()
url = config.require("url")
keys = {{name: pulumi.Output.secret(value) for name, value in config.require_object("keys").items()}}
keys |= {{"OPENROUTER_API_URL": url + "{OPENROUTER}", "AGENTMAIL_API_URL": url + "{AGENTMAIL}"}}
settings = EnvironmentSettings("", "convos", "", "test", "", "convos-agent-", False)
environment = RailwayEnvironment("environment", settings)
place = EnvironmentPlace(environment.project_id, environment.environment_id, 60, 30, False)
service = service_in(environment, place, "canary")
variables = canary_variables(service.at(), keys, place.inside(environment))
# AGENTMAIL_API_KEY is itself a variable of the canary; its rotation would change the service as well.
variables.pop("AGENTMAIL_API_KEY")
given = ServiceInstanceArgs(at=service.at(), image="ghcr.io/example/web:1@sha256:" + "1" * 64, variables=variables)
deployed(environment, place, service, given, ServiceParts())
"""


def test_key_and_inbox_of_a_canary_from_the_first_preview_over_a_rotation_to_the_destroy(tmp_path: Path) -> None:
    """A rotation of an account's key or a change of the limit deploys nothing, as its preview says."""
    standins = Standins(OpenRouterAccount(KEY), AgentMailAccount(MAIL))
    with running(standins) as accounts, running_emulator(tmp_path) as emulator:
        router, mail = accounts.openrouter, accounts.agentmail
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        (project.program / "__main__.py").write_text(PROGRAM)
        project.init()

        def given(key: str, inbox: str, **more: str) -> None:
            keys = {"OPENROUTER_MANAGEMENT_KEY": key, "AGENTMAIL_API_KEY": inbox, **more}
            settings = [f"url={accounts.url}", *(f"keys.{name}={value}" for name, value in keys.items())]
            words = [word for one in settings for word in ("--secret", one)]
            project.run("config", "set-all", "--stack", "test", "--path", *words)

        given(KEY, MAIL)
        assert project.changes()["create"] > 0
        assert accounts.calls == [], "a preview makes nothing and asks nothing"
        project.up()
        (key_hash,), (address,) = router.keys, mail.inboxes
        name = router.keys[key_hash]["name"]
        assert address == f"{name}@agentmail.to"

        def variables() -> dict[str, str]:
            rows = project.exported()["deployment"]["resources"]
            (at,) = [row["outputs"] for row in rows if row["type"].endswith("railway:Service")]
            found: dict[str, str] = emulator.run(VARIABLES, p=at["projectId"], e=at["environmentId"], s=at["serviceId"])
            return found["variables"]

        assert variables()["OPENROUTER_API_KEY"] == router.secrets[key_hash]
        assert variables()["AGENTMAIL_INBOX_ID"] == address

        router.management_key, mail.api_key = NEXT_KEY, NEXT_MAIL
        given(NEXT_KEY, NEXT_MAIL, OPENROUTER_KEY_LIMIT="7")
        emulator.forget_calls()
        assert project.changes() == {"update": 2}, "the two in their accounts, and nothing that uses them"
        printed = [project.preview().text]
        assert "Deployment" not in printed[0]
        printed += [project.up().text, project.preview("--expect-no-changes").text]
        assert not [one for one in emulator.calls() if one["type"] == "mutation"]
        assert (router.keys[key_hash]["limit"], list(mail.inboxes)) == (7, [address])

        # Deleted by hand: the preview announces a new key, whose value it cannot know.
        router.delete(key_hash)
        mail.delete(address)
        printed.append(project.refresh().text)
        assert project.changes()["create"] == 2
        printed.append(project.up().text)
        ((made, _),) = router.keys.items()
        assert made != key_hash
        assert variables()["OPENROUTER_API_KEY"] == router.secrets[made]
        everything = json.dumps(project.exported()) + "".join(printed)
        for secret in (NEXT_KEY, NEXT_MAIL, *router.secrets.values()):
            assert secret not in everything
        project.destroy()
        assert (router.keys, mail.inboxes) == ({}, {})
