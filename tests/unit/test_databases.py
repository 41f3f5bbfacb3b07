"""`databases` of a stack's config: what is taken, what is refused and with which words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.adopt.before import differences, merged, opened
from ops.adopt.config import Described
from stack.databases import is_open
from stack.settings import ConfigError, Settings, read

ENVIRON = {"RAILWAY_API_TOKEN": "given"}
CONFIG = {"poolImage": "ghcr.io/a/b:1"}


def settings(databases: Any, encrypted: tuple[str, ...] = ()) -> Settings:
    def is_secret(path: str) -> bool:
        return any(path == one or one.startswith(f"{path}.") for one in encrypted)

    return read("taken", {**CONFIG, "databases": databases}, ENVIRON, is_secret=is_secret)


def test_an_entry_is_a_service_and_its_name_is_the_entrys_unless_said_otherwise() -> None:
    path = "databases.b.variables.PASSWORD"
    found = settings(
        {
            "a": {"image": "postgres:17"},
            "b": {"service": "Redis (old)", "image": "redis:7", "port": "6379", "proxy": True, "mountPath": "/data"}
            | {"variables": {"PASSWORD": "x", "PGPORT": "1"}},
        },
        (path,),
    )
    assert found.service_names[-2:] == ("a", "Redis (old)")
    first, second = found.databases.values()
    assert (first.volume, first.proxy, first.port, first.variables) == ("", False, 5432, {})
    assert (second.volume, second.proxy, second.port) == ("/data", True, 6379)
    assert "x" not in repr(second).replace("proxy", "")


@pytest.mark.parametrize(
    ("databases", "problem"),
    [
        ([], ""),
        ({}, ""),
        ("x", "databases: must be an object of names and databases"),
        ({"A b": {}}, "databases.A b: a name consists of lower-case letters and digits, with '-' only"),
        ({"a": "x"}, "databases.a: must be an object; its keys are service, image"),
        ({"a": {}}, "databases.a.image: is not set; set it, or name image in keeps"),
        ({"a": {"image": "x", "imag": 1}}, "databases.a.imag: no such key; the keys are service"),
        ({"a": {"image": "x", "port": 0}}, "databases.a.port: must be from 1 to 65535, not 0"),
        ({"a": {"image": "x", "mountPath": "data"}}, "databases.a.mountPath: must be an absolute path or none"),
        ({"a": {"image": "x", "proxy": "maybe"}}, "databases.a.proxy: must be true or false"),
        ({"a": {"image": "x", "variables": []}}, ""),
        ({"a": {"image": "x", "variables": "y"}}, "databases.a.variables: must be an object of names and values"),
        ({"a": {"image": "x", "variables": {"A B": "c"}}}, "databases.a.variables.A B: a name starts with"),
        ({"a": {"image": "x", "variables": {"PGPORT": 5432}}}, "databases.a.variables.PGPORT: must be text, not int"),
        (
            {"a": {"image": "x", "variables": {"PASSWORD": "s3cret"}}},
            "databases.a.variables.PASSWORD: is in plain text; pulumi config set --secret --path databases.a.variables",
        ),
        ({"a": {"image": "x", "service": "postgres"}}, "databases.a: its service 'postgres' is declared a second"),
        (
            {"a": {"image": "x"}, "b": {"image": "x", "service": "a"}},
            "databases.b: its service 'a' is declared a second time",
        ),
    ],
)
def test_a_mistake_is_named_by_its_path(databases: Any, problem: str) -> None:
    if not problem:
        assert settings(databases).service_names
        return
    with pytest.raises(ConfigError) as caught:
        settings(databases)
    (line,) = caught.value.lines
    assert line.startswith(problem)
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PGPORT", "5432", True),
        ("X", "", True),
        ("X", "${{A}}", True),
        ("X", "postgresql://${{U}}:${{P}}@${{H}}:${{R}}/${{D}}", True),
        ("X", "postgresql://u:pw@${{H}}/${{D}}", False),
        ("X", "${{A}}pw", False),
        ("X", "${{A}}\npw", False),
        ("POSTGRES_PASSWORD", "5432", False),
        ("X", "postgresql://", True),
    ],
)
def test_a_value_is_open_where_it_holds_nothing_of_its_own(name: str, value: str, expected: bool) -> None:
    assert is_open(name, value) is expected


def test_what_the_file_says_of_databases_is_read_back_and_what_changes_is_shown_without_secrets() -> None:
    entry = {"image": "redis:7", "variables": {"PASSWORD": "s3cret", "REDISPORT": "6379"}}
    before = opened({"p:databases": {"objectValue": {"cache": entry}}}, "p")
    assert before.plain == {"databases": {"cache": {"image": "redis:7", "variables": {"REDISPORT": "6379"}}}}
    assert before.secrets == {"databases.cache.variables.PASSWORD": "s3cret"}
    rows = {"p:databases": {"value": json.dumps({"cache": entry}), "secret": True}}
    rows["p:keys"] = {"value": json.dumps({"BANKR_API_KEY": "only-copy", "XMTP_ENV": "dev"}), "secret": True}
    whole = opened(rows, "p")
    assert whole.secrets == {**before.secrets, "keys.BANKR_API_KEY": "only-copy"}
    assert whole.plain == {**before.plain, "keys": {"XMTP_ENV": "dev"}}
    assert opened({"p:keys": {"value": "no json"}}, "p").secrets == {}
    new = Described({"databases": {"cache": {"image": "redis:8"}}}, {"databases.cache.variables.PASSWORD": "0ther"}, ())
    after = merged(new, before)
    assert after.plain == new.plain
    assert list(differences(before, after)) == [
        "~ databases.cache.image: redis:7 -> redis:8",
        "- databases.cache.variables.REDISPORT: 6379",
        "~ databases.cache.variables.PASSWORD (secret, new value)",
    ]
    kind, urn = "pulumi-python:dynamic/railway:ServiceInstance", "urn::x::convos:index:RailwayService$y::Cache"
    state = {"type": kind, "urn": urn, "inputs": {"service": "Cache", "variables": {"POSTGRES_PASSWORD": "s3cret"}}}
    again = replace(before, state=[state])
    assert again.stored == {"Cache": {"POSTGRES_PASSWORD": "s3cret"}}
    assert "databasePassword" not in again.known
    gone = merged(Described({}, {}, ()), before)
    assert (gone.plain, gone.secrets) == ({}, {})
