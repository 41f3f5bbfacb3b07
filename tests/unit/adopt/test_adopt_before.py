"""What a stack has already is known to an adoption, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.adopt.before import Before, differences, merged, opened
from ops.adopt.config import Described

MARK, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def secret(value: str) -> dict[str, str]:
    """Return a secret as `pulumi stack export --show-secrets` writes it."""
    return {MARK: SECRET, "plaintext": json.dumps(value)}


def row(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"type": f"pulumi-python:dynamic/railway:{kind}", "urn": f"urn:pulumi:x::y::z::{kind}", "inputs": inputs}


POOL = row(
    "ServiceInstance",
    variables={
        "POOL_API_KEY": secret("key"),
        "RAILWAY_API_TOKEN": secret("token"),
        "DATABASE_URL": "${{postgres.DATABASE_URL}}",
        "AGENTMAIL_API_KEY": secret("mail"),
        "XMTP_ENV": "dev",
    },
    sealedVariables=["POOL_API_KEY", "RAILWAY_API_TOKEN", "AGENTMAIL_API_KEY"],
)
DATABASE = row("ServiceInstance", variables={"POSTGRES_PASSWORD": secret("db")})


def test_the_secrets_of_a_state_are_known_and_those_of_the_file_come_first() -> None:
    before = Before({}, {"poolApiKey": "of the file"}, [POOL, DATABASE])
    assert before.known == {
        "poolApiKey": "of the file",
        "poolRailwayToken": "token",
        "keys.AGENTMAIL_API_KEY": "mail",
        "databasePassword": "db",
    }
    assert "mail" not in repr(before)


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        ([], ()),
        (["ProjectToken"], ("token",)),
        (["Canary", "Agents", "Image", "DatabaseSchema"], ("canary", "rollouts", "schema", "pin")),
    ],
)
def test_what_a_state_has_is_not_switched_off_as_the_next_update_would_take_it_away(
    kinds: list[str], wanted: tuple[str, ...]
) -> None:
    assert Before(state=[row(kind) for kind in kinds]).improvements == wanted
    assert Before(state=[POOL]).improvements == ("seal",)


def test_whatever_railway_does_not_tell_is_kept_and_what_people_set_stays_as_they_set_it() -> None:
    old = opened(
        {
            "p:protect": {"value": "false", "secret": False},
            "p:deploymentTimeout": {"value": "77", "secret": False},
            "p:poolKeeps": {"value": "OLD", "secret": False},
            "p:registryPassword": {"value": "r", "secret": True},
            "p:keys": {"value": "{}", "secret": True, "objectValue": {"XMTP_ENV": "dev", "BANKR_API_KEY": "b"}},
        },
        "p",
    )
    new = Described(
        {"protect": True, "projectId": "1", "keys": {"OPENCLAW_PRIMARY_MODEL": "m"}}, {"poolApiKey": "k"}, ()
    )
    after = merged(new, old)
    assert dict(after.plain) == {
        "protect": False,
        "deploymentTimeout": "77",
        "projectId": "1",
        "keys": {"XMTP_ENV": "dev", "OPENCLAW_PRIMARY_MODEL": "m"},
    }
    assert dict(after.secrets) == {"registryPassword": "r", "keys.BANKR_API_KEY": "b", "poolApiKey": "k"}
    assert list(differences(old, after)) == [
        "+ keys.OPENCLAW_PRIMARY_MODEL: m",
        "- poolKeeps: OLD",
        "+ projectId: 1",
        "+ poolApiKey (secret)",
    ]
