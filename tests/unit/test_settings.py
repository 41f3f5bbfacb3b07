"""A stack's config: every mistake is one line that names its key, all of them at once; pure, without Pulumi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stack import settings

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {"poolImage": "ghcr.io/example/pool:dev", "poolRailwayToken": "t-pool"}
SECRET = "p4ss-of-nobody"


def read(
    values: dict[str, Any], *, environ: dict[str, str] | None = None, plain: tuple[str, ...] = (), stack: str = "dev"
) -> settings.Settings:
    given = {"RAILWAY_API_TOKEN": "t-account"} if environ is None else environ
    return settings.read(stack, {**GOOD, **values}, given, is_secret=lambda key: key not in plain)


ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"imageTagg": "x"}, "imageTagg: no such key in Pulumi.yaml; did you mean imageTag?"),
    "other case": ({"IMAGETAG": "x"}, "IMAGETAG: no such key in Pulumi.yaml; did you mean imageTag?"),
    "old prefix at the top": (
        {"INSTANCE_XMTP_ENV": "dev"},
        "INSTANCE_XMTP_ENV: the INSTANCE_ prefix is no longer supported",
    ),
    "blank": ({"project": "  "}, "project: is only whitespace"),
    "no text": ({"project": 3}, "project: must be text, not int"),
    "upper case": (
        {"project": "Convos"},
        "project: must consist of lower-case letters and digits, with '-' only between them, not 'Convos'",
    ),
    "hyphen at the end": (
        {"project": "convos-"},
        "project: must consist of lower-case letters and digits, with '-' only",
    ),
    "long project": ({"project": "p" * 33}, f"project: '{'p' * 33}' has 33 characters"),
    "long environment": ({"environment": "e" * 25}, f"environment: '{'e' * 25}' has 25 characters"),
    "endpoint": ({"railwayEndpoint": "not a url"}, "railwayEndpoint: 'not a url' is not an http(s) URL"),
    "open endpoint": (
        {"railwayEndpoint": "http://railway.example/x"},
        "railwayEndpoint: 'http://railway.example/x' would",
    ),
    "token with a line break": ({"railwayToken": "a\nb"}, "railwayToken: contains spaces"),
    "upper case repository": ({"imageRepository": "ghcr.io/A/b"}, "imageRepository: "),
    "no tag": ({"imageTag": "a b"}, "imageTag: 'a b' is neither a tag nor a digest"),
    "long tag": ({"imageTag": "t" * 129}, "imageTag: "),
    "cut digest": ({"imageTag": "sha256:abc"}, "imageTag: "),
    "flag": ({"imageBuild": "yes"}, "imageBuild: must be true or false, not 'yes'"),
    "two pools": ({"poolRepo": "a/b"}, "poolImage: poolImage and poolRepo are mutually exclusive"),
    "no owner": ({"poolImage": "", "poolRepo": "pool"}, "poolRepo: must be owner/name, not 'pool'"),
    "no pool": ({"poolImage": ""}, "poolImage: the pool manager has no source"),
    "pool environment": ({"poolEnvironment": "test"}, "poolEnvironment: must be one of dev, staging, production"),
    "two tokens": ({"poolKeepToken": True}, "poolKeepToken: cannot be combined with poolRailwayToken; remove one"),
    "password": (
        {"databasePassword": "a b@c"},
        "databasePassword: contains characters that need percent-encoding in a URL; change it in the database",
    ),
    "no number": ({"poolMinIdle": "few"}, "poolMinIdle: must be a whole number, not 'few'"),
    "too many": ({"poolMinIdle": "1001"}, "poolMinIdle: must be from 0 to 1000, not '1001'"),
    "rollout policy": (
        {"rolloutPolicy": "yolo"},
        "rolloutPolicy: must be one of hold, redeploy-idle, drain-and-replace, not 'yolo'",
    ),
    "no batch": ({"rolloutBatch": "0"}, "rolloutBatch: must be from 1 to 1000, not '0'"),
    "less than no batch": ({"rolloutBatch": "-3"}, "rolloutBatch: must be from 1 to 1000, not '-3'"),
    "batch above what may be away": (
        {"rolloutBatch": "11"},
        "rolloutBatch: 11 agents at once are more than rolloutMaxUnavailable (10)",
    ),
    "canary above what may be away": (
        {"rolloutCanary": "3", "rolloutMaxUnavailable": "2", "rolloutBatch": "2"},
        "rolloutCanary: 3 agents at once are more than rolloutMaxUnavailable (2)",
    ),
    "half a batch": ({"rolloutBatch": "1.5"}, "rolloutBatch: must be a whole number, not '1.5'"),
    "a batch in words": ({"rolloutBatch": "ten"}, "rolloutBatch: must be a whole number, not 'ten'"),
    "a batch of too many": (
        {"rolloutBatch": "1001", "rolloutMaxUnavailable": "1000"},
        "rolloutBatch: must be from 1 to 1000",
    ),
    "no canary": ({"rolloutCanary": "0"}, "rolloutCanary: must be from 1 to 1000, not '0'"),
    "nobody unavailable": ({"rolloutMaxUnavailable": "0"}, "rolloutMaxUnavailable: must be from 1 to 1000, not '0'"),
    "deadline": ({"rolloutDeadline": "-1"}, "rolloutDeadline: must be from 0 to 2592000, not '-1'"),
    "rollout wait": ({"rolloutWait": "-1"}, "rolloutWait: must be from 0 to 86400, not '-1'"),
    "policy in capitals": ({"rolloutPolicy": "HOLD"}, "rolloutPolicy: must be one of hold, redeploy-idle"),
    "no bake": ({"rolloutBake": "-1"}, "rolloutBake: must be from 0 to 86400, not '-1'"),
    "no ready": ({"rolloutReady": "0"}, "rolloutReady: must be from 1 to 86400, not '0'"),
    "claimed": ({"rolloutClaimed": "kill"}, "rolloutClaimed: must be one of leave, replace, not 'kill'"),
    "agents on destroy": (
        {"agentsOnDestroy": "keep"},
        "agentsOnDestroy: must be one of refuse, delete, not 'keep'",
    ),
    "agents without a name in their address": (
        {"poolAgentUrl": "https://agents.example"},
        "poolAgentUrl: must be an http(s) URL with {domain}, {name} or {id} in it, not 'https://agents.example'",
    ),
    "no address of agents": ({"poolAgentUrl": "ftp://{domain}"}, "poolAgentUrl: must be an http(s) URL with {domain}"),
    "address of agents as a key": ({"keys": {"POOL_AGENT_URL": "x"}}, "keys.POOL_AGENT_URL: is set by the program"),
    "rollout as a key": ({"keys": {"POOL_ROLLOUT_BATCH": "2"}}, "keys.POOL_ROLLOUT_BATCH: is set by the program"),
    "no time": ({"deploymentTimeout": "0"}, "deploymentTimeout: must be from 1 to 7200, not '0'"),
    "keys": ({"keys": ["a"]}, "keys: must be an object of names and values"),
    "old prefix": (
        {"keys": {"INSTANCE_XMTP_ENV": "dev"}},
        "keys.INSTANCE_XMTP_ENV: the INSTANCE_ prefix is no longer supported; use",
    ),
    "key name": ({"keys": {"A=B": "x"}}, "keys.A=B: a name starts with a letter"),
    "long key": ({"keys": {"K" * 256: "x"}}, f"keys.{'K' * 115}: a name starts with"),
    "key of ours": ({"keys": {"DATABASE_URL": "x"}}, "keys.DATABASE_URL: is set by the program or by Railway"),
    "key of Railway": ({"keys": {"RAILWAY_X": "x"}}, "keys.RAILWAY_X: is set by the program or by Railway"),
    "empty key": ({"keys": {"XMTP_ENV": " "}}, "keys.XMTP_ENV: is empty"),
    "key with a line break": (
        {"keys": {"XMTP_ENV": "dev\n"}},
        "keys.XMTP_ENV: begins or ends with a space or a line break",
    ),
    "key twice": ({"keys": {"XMTP_ENV": "dev", "xmtp_env": "b"}}, "keys.xmtp_env: is also set as XMTP_ENV"),
    "key of a list": ({"keys": {"XMTP_ENV": ["a"]}}, "keys.XMTP_ENV: must be text, not list"),
    "database": ({"databaseUrl": f"mysql://u:{SECRET}@h/x"}, "databaseUrl: is not a PostgreSQL URL"),
    "bracket in a database's password": (
        {"databaseUrl": f"postgresql://u:{SECRET}[@h/x"},
        "databaseUrl: is not a PostgreSQL URL; it is like",
    ),
    "open bracket in a database's host": (
        {"databaseUrl": f"postgresql://u:{SECRET}@[::1/x"},
        "databaseUrl: is not a PostgreSQL URL",
    ),
    "port of a database": (
        {"databaseUrl": f"postgresql://u:{SECRET}@h:99999/x"},
        "databaseUrl: is not a PostgreSQL URL",
    ),
    "database without a user": ({"databaseUrl": "postgresql://h/x"}, "databaseUrl: has no user"),
    "bracket in the endpoint": ({"railwayEndpoint": "https://a]b"}, "railwayEndpoint: 'https://a]b' is not an http(s)"),
    "port of the endpoint": ({"railwayEndpoint": "https://h:x/"}, "railwayEndpoint: 'https://h:x/' is not an http(s)"),
    "bracket in the agents' address": (
        {"poolAgentUrl": "http://[{domain}"},
        "poolAgentUrl: must be an http(s) URL with",
    ),
    "port of the agents' address": ({"poolAgentUrl": "http://{id}:port"}, "poolAgentUrl: must be an http(s) URL with"),
    "bracket in the pool manager's endpoint": (
        {"poolRailwayEndpoint": "https://[::1"},
        "poolRailwayEndpoint: must be a URL that starts with https:// or http://",
    ),
    "open endpoint of the pool manager": (
        {"poolRailwayEndpoint": "http://railway.example/x"},
        "poolRailwayEndpoint: would send its key unencrypted; use https",
    ),
    "open endpoint of OpenRouter": (
        {"keys": {"OPENROUTER_API_URL": "http://openrouter.example/x"}},
        "keys.OPENROUTER_API_URL: would send its key unencrypted; use https",
    ),
    "phone number that became a number": (
        {"keys": {"TELNYX_PHONE_NUMBER": 15551234567}},
        (
            "keys.TELNYX_PHONE_NUMBER: must be text, not int: YAML did not keep it as it was written;"
            " pulumi config set --path --type string keys.TELNYX_PHONE_NUMBER"
        ),
    ),
    "phone number that lost its plus sign": (
        {"keys": {"TELNYX_PHONE_NUMBER": "15551234567"}},
        "keys.TELNYX_PHONE_NUMBER: must be a phone number with its country, such as +15551234567, not '15551234567'",
    ),
    "secret that became a number": (
        {"keys": {"BANKR_API_KEY": 1.5e3}},
        (
            "keys.BANKR_API_KEY: must be text, not float: YAML did not keep it as it was written;"
            " pulumi config set --secret --path keys.BANKR_API_KEY"
        ),
    ),
    "key that became a boolean": ({"keys": {"XMTP_ENV": True}}, "keys.XMTP_ENV: must be text, not bool"),
    "key that became a date": (
        {"keys": {"AGENTMAIL_DOMAIN": "2026-01-01 00:00:00 +0000 UTC"}},
        "keys.AGENTMAIL_DOMAIN: must be text, not date",
    ),
    "tag that became a date": (
        {"imageBranchTag": "2026-01-01 00:00:00 +0000 UTC"},
        (
            "imageBranchTag: must be text, not date: YAML did not keep it as it was written;"
            " pulumi config set imageBranchTag"
        ),
    ),
    "interval that is half a number": ({"keys": {"TICK_INTERVAL_MS": 0.5}}, "keys.TICK_INTERVAL_MS: must be a whole"),
    "key without a value": ({"keys": {"XMTP_ENV": None}}, "keys.XMTP_ENV: is empty"),
    "key that is made for each agent": ({"keys": {"SETUP_PASSWORD": "x"}}, "keys.SETUP_PASSWORD: is made by the pool"),
    "NUL in a secret": ({"keys": {"BANKR_API_KEY": f"{SECRET}\0x"}}, "keys.BANKR_API_KEY: must not contain NUL"),
    "no number of 5000 digits": ({"poolMinIdle": "9" * 5000}, "poolMinIdle: must be a whole number, not '999"),
    "digits of another script": ({"poolMinIdle": "٣"}, "poolMinIdle: must be a whole number, not '٣'"),
    "whole number with a point": ({"poolMinIdle": 3.0}, "poolMinIdle: must be a whole number, not 3.0"),
    "number that is a boolean": ({"poolMinIdle": True}, "poolMinIdle: must be a whole number, not True"),
    "flag that is a number": ({"protect": 1}, "protect: must be true or false, not 1"),
    "name of an attribute": ({"min_idle": "3"}, "min_idle: no such key in Pulumi.yaml"),
    "name of an inner field": ({"digest": "sha256:x"}, "digest: no such key in Pulumi.yaml"),
    "target": ({"schemaTarget": "1"}, "schemaTarget: must be a migration's number such as 0001, not '1'"),
    "baseline": ({"schemaBaseline": "first"}, "schemaBaseline: must be a migration's number such as 0001"),
    "drift": ({"schemaDrift": "ignore"}, "schemaDrift: must be refuse or accept, not 'ignore'"),
    "lock timeout": (
        {"schemaLockTimeout": "0s"},
        "schemaLockTimeout: must be a time such as 500ms, 5s or 2min, at most",
    ),
    "statement timeout that is a number": (
        {"schemaStatementTimeout": 60},
        "schemaStatementTimeout: must be text, not int",
    ),
    "statement timeout of 69 days": ({"schemaStatementTimeout": "99999min"}, "schemaStatementTimeout: must be a time"),
    "timeout of 5000 digits": ({"schemaStatementTimeout": "9" * 5000 + "s"}, "schemaStatementTimeout: must be a time"),
    "statement timeout below the lock timeout": (
        {"schemaStatementTimeout": "3s"},
        "schemaLockTimeout: 5s is not below schemaStatementTimeout (3s); lower it, or raise schemaStatementTimeout",
    ),
    "data on destroy": ({"dataOnDestroy": "keep"}, "dataOnDestroy: must be refuse or delete, not 'keep'"),
    "destroy adopted": ({"destroyAdopted": "yes"}, "destroyAdopted: must be true or false"),
    "on destroy": ({"schemaOnDestroy": "delete"}, "schemaOnDestroy: must be keep or drop, not 'delete'"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_mistake_is_one_line_that_names_its_key(row: str) -> None:
    values, wanted = ROWS[row]
    with pytest.raises(settings.ConfigError) as caught:
        read(values)
    assert len(caught.value.lines) == 1, caught.value.lines
    assert caught.value.lines[0].startswith(wanted), caught.value.lines
    assert SECRET not in caught.value.lines[0]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(settings.ConfigError) as caught:
        read({"imageTagg": "x", "poolMinIdle": "1001"}, environ={})
    starts = sorted(line.partition(":")[0] for line in caught.value.lines)
    assert starts == ["imageTagg", "poolMinIdle", "railwayToken"]


@pytest.mark.parametrize("key", ["railwayToken", "registryPassword", "poolApiKey", "poolRailwayToken", "databaseUrl"])
def test_a_secret_in_plain_text_is_refused_by_name_and_never_shown(key: str) -> None:
    value = f"postgresql://u:{SECRET}@h/x" if key == "databaseUrl" else SECRET
    with pytest.raises(settings.ConfigError) as caught:
        read({key: value}, plain=(key,))
    assert caught.value.lines == [f"{key}: is in plain text; pulumi config set --secret {key}"]


def test_a_key_that_is_no_plain_setting_must_be_encrypted() -> None:
    with pytest.raises(settings.ConfigError, match=r"keys\.BANKR_API_KEY: is in plain text"):
        read({"keys": {"BANKR_API_KEY": SECRET, "XMTP_ENV": "dev"}}, plain=("keys",))


def test_a_plain_key_beside_an_encrypted_one_is_refused_by_name() -> None:
    keys = {"BANKR_API_KEY": SECRET, "TELNYX_MESSAGING_PROFILE_ID": "p", "MY_KEY": "m"}
    with pytest.raises(settings.ConfigError) as caught:
        read({"keys": keys}, plain=("keys.BANKR_API_KEY", "keys.TELNYX_MESSAGING_PROFILE_ID"))
    assert caught.value.lines == [
        "keys.BANKR_API_KEY: is in plain text; pulumi config set --secret --path keys.BANKR_API_KEY"
    ]


def test_a_project_token_serves_as_well_and_an_account_token_comes_first() -> None:
    assert read({}, environ={"RAILWAY_TOKEN": "t-project"}).token == "t-project"
    assert read({}, environ={"RAILWAY_TOKEN": "t-project", "RAILWAY_API_TOKEN": "t-account"}).token == "t-account"
    with pytest.raises(settings.ConfigError, match="there is no account or workspace token"):
        read({}, environ={"RAILWAY_TOKEN": " "})


def test_a_pin_wins_over_the_branch_and_without_one_the_branch_is_followed() -> None:
    assert read({}).image.reference.endswith(":dev")
    pinned = read({"imageTag": "sha-1a2b3c4"}).image
    assert pinned.is_pinned
    assert pinned.reference.endswith(":sha-1a2b3c4")


def test_only_the_local_stack_takes_a_database_from_the_shell() -> None:
    shell = {"RAILWAY_API_TOKEN": "t", "DATABASE_URL": "postgresql://u:p@h/x"}
    assert read({}, environ=shell, stack="local").database_url
    assert not read({}, environ=shell, stack="production").database_url


def test_the_address_of_agents_comes_from_the_shell_where_the_config_has_none() -> None:
    shell = {"RAILWAY_API_TOKEN": "t", "POOL_AGENT_URL": "http://{domain}:8080"}
    assert read({}).pool.agent_url == ""
    assert read({}, environ=shell).pool.agent_url == "http://{domain}:8080"
    assert read({"poolAgentUrl": "https://{id}.example"}, environ=shell).pool.agent_url == "https://{id}.example"


def test_no_secret_is_in_what_settings_print_of_themselves() -> None:
    found = read(
        {"poolApiKey": SECRET, "databaseUrl": f"postgresql://u:{SECRET}@h/x", "keys": {"BANKR_API_KEY": SECRET}}
    )
    assert SECRET not in repr(found)
