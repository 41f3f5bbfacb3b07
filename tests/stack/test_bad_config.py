"""A mistake in the config, in the environment or in what they name: a clear line, exit code 1, nothing changed."""

from __future__ import annotations

import re

import pytest

from tests.stack.fix_stack import QUIET, LocalStack

pytestmark = pytest.mark.stack
SECRET = "p4ssw0rd-of-nobody"

ROWS = {
    "unknown key": (["imageTagg", "x"], {}, "imageTagg: no such key in Pulumi.yaml; did you mean imageTag?"),
    "no token": ([], {"RAILWAY_API_TOKEN": ""}, "railwayToken: there is no account or workspace token"),
    "not a tag": (["imageTag", "no tag!"], {}, "imageTag: 'no tag!' is neither a tag nor a digest"),
    "cut digest": (["imageTag", "sha256:abc"], {}, "imageTag: "),
    "upper case": (["imageRepository", "ghcr.io/Convos/Runtime"], {}, "imageRepository: "),
    "missing tag": (["imageTag", "sha-7654321"], {}, "imageTag: no tag sha-7654321 in "),
    "old prefix": (
        ["--path", "keys.INSTANCE_XMTP_ENV", "dev"],
        {},
        "keys.INSTANCE_XMTP_ENV: the INSTANCE_ prefix is no longer supported; use XMTP_ENV",
    ),
    "api": (["railwayEndpoint", "http://127.0.0.1:1/graphql/v2"], {}, "railwayEndpoint: 127.0.0.1:1 refuses"),
    "plain http": (["railwayEndpoint", "http://railway.example/graphql"], {}, "railwayEndpoint: "),
    "database": (
        ["--secret", "databaseUrl", f"postgresql://u:{SECRET}@127.0.0.1:1/x"],
        {},
        "database 127.0.0.1:1/x: does not answer",
    ),
    "no database url": (["--secret", "databaseUrl", "mysql://x"], {}, "databaseUrl: is not a PostgreSQL URL"),
    "plain secret": (
        ["--plaintext", "databaseUrl", f"postgresql://u:{SECRET}@h/x"],
        {},
        "databaseUrl: is in plain text",
    ),
    "plain key": (["--path", "keys.BANKR_API_KEY", SECRET], {}, "keys.BANKR_API_KEY: is in plain text"),
    "bracket in a password": (
        ["--secret", "databaseUrl", f"postgresql://u:{SECRET}[@127.0.0.1:1/x"],
        {},
        "databaseUrl: is not a PostgreSQL URL",
    ),
    "phone number": (
        ["--path", "keys.TELNYX_PHONE_NUMBER", "+15551234567"],
        {},
        "keys.TELNYX_PHONE_NUMBER: must be text, not int: YAML did not keep it as it was written; pulumi config set",
    ),
    "refused by the pool manager": (
        ["--path", "keys.XMTP_ENV", "qa"],
        {},
        "keys.XMTP_ENV: must be one of dev, production, not 'qa'",
    ),
    "no number": (["poolMinIdle", "1001"], {}, "poolMinIdle: must be from 0 to 1000"),
    "name": (["environment", "A B"], {}, "environment: must consist of lower-case letters"),
}


TOGETHER = [
    [
        *("no token", "name", "unknown key", "upper case", "old prefix", "plain http", "no database url", "plain key"),
        *("phone number", "refused by the pool manager", "no number"),
    ],
    ["not a tag", "bracket in a password"],
    ["cut digest", "plain secret"],
    ["missing tag"],
    ["api"],
    ["database"],
]
"""Mistakes that one run tells: each key once, and alone what is found when the whole config has been read."""


def test_every_mistake_is_made_once() -> None:
    assert sorted(row for rows in TOGETHER for row in rows) == sorted(ROWS)


@pytest.mark.parametrize("rows", TOGETHER, ids=lambda rows: str(rows[0]))
def test_each_mistake_is_one_line_and_changes_nothing(stack: LocalStack, rows: list[str]) -> None:
    state = stack.state()
    for arguments in filter(None, (ROWS[row][0] for row in rows)):
        assert stack.pulumi("config", "set", "--stack", "local", *arguments).code == 0
    stack.emulator("/calls", "DELETE")
    env = [f"{key}={value}" for row in rows for key, value in ROWS[row][1].items()]
    done = stack.shell("env", *env, "pulumi", "up", "--stack", "local", "--yes", *QUIET)
    assert done.code == 1, done.text
    told = done.text.partition("Diagnostics:")[2].partition("\n\n")[0]
    assert len(re.findall(r"^ *error: ", told, re.MULTILINE)) == 1, done.text
    errors = [line.strip() for line in told.partition("error: ")[2].splitlines()]
    assert len(errors) == len(rows), done.text
    for row in rows:
        assert len([line for line in errors if line.startswith(ROWS[row][2])]) == 1, (row, errors)
    assert "Traceback" not in done.text
    assert SECRET not in done.text
    assert not [call for call in stack.calls() if call["type"] == "mutation"]
    assert stack.state() == state


def test_a_pin_that_is_too_old_for_the_schema_is_refused_before_railway_is_asked(stack: LocalStack) -> None:
    git = ("git", "-C", str(stack.checkout))
    first = stack.shell(*git, "rev-list", "--max-parents=0", "HEAD").text.split()[-1]
    newest = stack.shell(*git, "rev-parse", "HEAD").text.strip()
    stack.set("imageTag", stack.push_image(first))
    folder = stack.checkout / "convos_infra" / "schema" / "migrations"
    file = folder / f"{len(list(folder.glob('[0-9]*.sql'))) + 1:04}_needs_an_image.sql"
    file.write_text(f"-- requires-image: sha-{newest[:7]}\nSELECT 1;\n")
    state = stack.state()
    stack.emulator("/calls", "DELETE")
    try:
        for done in (stack.preview(), stack.pulumi("up", "--stack", "local", "--yes", *QUIET)):
            assert done.code != 0, done.text
            (told,) = set(re.findall(r"error: (imageTag: .*)", done.text))
            assert told == (
                f"imageTag: sha-{first[:7]} is older than sha-{newest[:7]}, the oldest that works with"
                f" {file.name}; pin sha-{newest[:7]} or newer"
            )
            assert "Traceback" not in done.text
        assert stack.calls() == []
        assert stack.state() == state
    finally:
        file.unlink()
