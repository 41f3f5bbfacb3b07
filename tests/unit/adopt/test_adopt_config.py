"""What an adoption writes: reading what an update made gives back the config that it was made of."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components import canary, database, pool_manager
from convos_infra.errors import InfraError
from convos_infra.railway.environment_config import VARIABLES
from ops.adopt.config import AdoptionInputs, Live, described
from ops.adopt.report import ADOPTED, LEFT, MADE, Receipt, ReportRow, receipt
from tests.unit.adopt.environments import DIGEST, IDS, POOL_DIGEST, STACK, TOKEN, digest_of, live, read

SECRET = "p4ss-of-nobody"
RUNTIME, POOL = "ghcr.io/example/runtime", "ghcr.io/example/pool"
KEY = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: not name.startswith(("RAILWAY_", "POOL_", "INSTANCE_")) and name not in ("DATABASE_URL", "PORT")
)
VALUE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)
PLAIN = st.fixed_dictionaries(
    {}, optional={"XMTP_ENV": st.sampled_from(["dev", "production"]), "OPENROUTER_KEY_LIMIT": st.just("20")}
)
CONFIGS = st.fixed_dictionaries(
    {
        "poolRailwayToken": st.just(TOKEN),
        "poolApiKey": st.sampled_from(["key-1", "key-2"]),
        "keys": st.builds(lambda plain, more: plain | more, PLAIN, st.dictionaries(KEY, VALUE, max_size=4)),
    },
    optional={
        "project": st.sampled_from(["convos", "other-project"]),
        "environment": st.sampled_from([STACK, "live", "production"]),
        "imageRepository": st.just(RUNTIME),
        "imageBranchTag": st.sampled_from(["dev", "production"]),
        "poolEnvironment": st.sampled_from(["dev", "staging", "production"]),
        "poolMinIdle": st.integers(0, 1000).map(str),
        "poolRailwayEndpoint": st.just("https://railway.example/graphql/v2"),
        "poolAgentUrl": st.just("http://{name}.internal:8080"),
        "rolloutPolicy": st.sampled_from(["hold", "redeploy-idle", "drain-and-replace"]),
        "rolloutBatch": st.integers(1, 10).map(str),
        "rolloutBake": st.integers(0, 600).map(str),
        "rolloutReady": st.integers(1, 600).map(str),
        "rolloutDeadline": st.integers(0, 600).map(str),
        "rolloutClaimed": st.sampled_from(["leave", "replace"]),
        "healthTimeout": st.integers(1, 3600).map(str),
        "databaseImage": st.just("postgres:18"),
    },
)
SOURCES = st.sampled_from(
    [
        {"poolImage": f"{POOL}:production"},
        {"poolImage": f"{POOL}:v1@{POOL_DIGEST}"},
        {"poolRepo": "owner/pool", "poolBranch": "main"},
        {"poolRepo": "owner/pool"},
    ]
)
PINS = st.sampled_from([{}, {"imageTag": f"sha-1a2b3c4@{DIGEST}"}, {"imageTag": DIGEST}])
DATABASES = st.sampled_from(
    [{"databaseUrl": "postgresql://u:p@db.example:5432/x"}, {"databasePassword": "p-1"}, {"databasePassword": "p_2"}]
)


def adopted(found: Live, known: AdoptionInputs | None = None) -> tuple[Any, Receipt]:
    """Describe an environment, read the description as the program would, and compare the two."""
    config = described(STACK, found, known or AdoptionInputs(), digest_of)
    return read(config.values()), receipt(read(config.values()), found, config, digest_of)


def row(told: Receipt, thing: str) -> ReportRow:
    return next(row for row in told.rows if row.thing == thing)


@hypothesis_settings(max_examples=200, deadline=None)
@given(CONFIGS, SOURCES, PINS, DATABASES)
def test_reading_what_an_update_made_gives_back_its_config_and_nothing_to_change(
    config: dict[str, Any], source: dict[str, str], pin: dict[str, str], data: dict[str, str]
) -> None:
    if pin:
        config.pop("imageBranchTag", None)
    if "databaseUrl" in data:
        config.pop("databaseImage", None)
    if config.get("poolEnvironment") != "production" and config.get("keys", {}).get("XMTP_ENV") == "production":
        config["keys"] = {**config["keys"], "XMTP_ENV": "dev"}
    first = read({**config, **source, **pin, **data})
    found = live(first)
    again, told = adopted(found, AdoptionInputs(pool_api_key=first.pool.api_key))
    # Sealed on Railway: the token stays where it is. The ids make sure that it is this environment.
    kept = first.pool.model_copy(update={"railway_token": "", "keep_token": True})
    assert again == first.model_copy(update={"pool": kept, "project_id": "p-1", "environment_id": "e-1"})
    assert [(row.thing, row.changes, row.deployments) for row in told.rows if row.changes or row.deployments] == []
    assert {row.state for row in told.rows} == {ADOPTED}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Convos", "convos"), ("our project (old)", "our-project-old"), ("x" * 40, "x" * 32), ("Проект", "adopted")],
)
def test_a_name_that_the_program_does_not_take_is_written_as_one_that_it_does(theirs: str, ours: str) -> None:
    again, told = adopted(replace(live(read(FIRST)), project=theirs))
    assert (again.project, again.project_id) == (ours, "p-1")
    assert told.rows[0].thing == f"project {theirs}"


FIRST = {
    "imageRepository": RUNTIME,
    "poolImage": f"{POOL}:v1@{POOL_DIGEST}",
    "poolRailwayToken": TOKEN,
    "poolApiKey": SECRET,
    "databasePassword": f"{SECRET}-db",
    "keys": {"XMTP_ENV": "dev", "BANKR_API_KEY": f"{SECRET}-bankr"},
}


def edited(path: tuple[str, ...], value: Any, service: str = pool_manager.SERVICE) -> Live:
    """Return the environment of FIRST with one thing changed by somebody else; None removes it."""
    found = live(read(FIRST))
    config = copy.deepcopy(dict(found.snapshot.config))
    place = config["services"][IDS[service]]
    for key in path[:-1]:
        place = place.setdefault(key, {})
    if value is None:
        place.pop(path[-1])
    else:
        place[path[-1]] = value
    return replace(found, snapshot=replace(found.snapshot, config=config))


@pytest.mark.parametrize(
    ("service", "path", "value", "wanted"),
    [
        (
            canary.SERVICE,
            ("deploy", "startCommand"),
            "node x",
            "startCommand 'node x' -> 'node scripts/pool-server.js'",
        ),
        (pool_manager.SERVICE, ("deploy", "healthcheckPath"), "/x", "healthcheckPath '/x' -> '/healthz'"),
        (canary.SERVICE, (VARIABLES, "OPENCLAW_STATE_DIR"), {"value": SECRET}, "variable OPENCLAW_STATE_DIR (another"),
        (canary.SERVICE, (VARIABLES, "XMTP_ENV"), None, "variable XMTP_ENV (not there)"),
        (
            pool_manager.SERVICE,
            (VARIABLES, "POOL_API_KEY"),
            {"value": SECRET},
            "variable POOL_API_KEY (would be sealed",
        ),
        (pool_manager.SERVICE, (VARIABLES, "POOL_MIN_IDLE"), {"value": "${{x.Y}}"}, "variable POOL_MIN_IDLE (another"),
        (pool_manager.SERVICE, (VARIABLES, "RAILWAY_RUNTIME_IMAGE"), {"value": "x"}, "variable RAILWAY_RUNTIME_IMAGE"),
        (
            database.SERVICE,
            ("deploy", "requiredMountPath"),
            "/x",
            "requiredMountPath '/x' -> '/var/lib/postgresql/data'",
        ),
        (database.SERVICE, (VARIABLES, "PGPORT"), {"value": "1"}, "variable PGPORT (another value)"),
    ],
)
def test_what_the_first_update_would_change_is_named_with_its_deployment_and_without_a_variables_value(
    service: str, path: tuple[str, ...], value: Any, wanted: str
) -> None:
    _, told = adopted(edited(path, value, service), AdoptionInputs(pool_api_key=SECRET))
    (change,) = row(told, service).changes
    assert change.startswith(wanted)
    assert row(told, service).deployments == 1
    assert sum(row.deployments for row in told.rows) == 1
    assert SECRET not in "".join(told.lines())


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (("deploy", "cronSchedule"), "0 * * * *", "cronSchedule"),
        (("deploy", "multiRegionConfig"), {"us-west2": {"numReplicas": 2}}, "multiRegionConfig"),
        (("deploy", "limitOverride"), {"containers": {"cpu": 4}}, "limitOverride"),
        ((VARIABLES, "INSTANCE_XMTP_ENV"), {"value": "dev"}, "variable INSTANCE_XMTP_ENV"),
        ((VARIABLES, "RAILWAY_SHM_SIZE_BYTES"), {"value": "1"}, "variable RAILWAY_SHM_SIZE_BYTES"),
        ((VARIABLES, "EMPTY"), {"value": " "}, "variable EMPTY"),
        ((VARIABLES, "WITH_BREAK"), {"value": "a\n"}, "variable WITH_BREAK"),
    ],
)
def test_what_the_program_has_no_key_for_is_listed_and_left(path: tuple[str, ...], value: Any, wanted: str) -> None:
    _, told = adopted(edited(path, value), AdoptionInputs(pool_api_key=SECRET))
    found = row(told, pool_manager.SERVICE)
    assert list(found.unkeyed) == [wanted]
    assert (list(found.changes), found.deployments) == ([], 0)


def test_what_cannot_be_read_is_listed_with_what_to_do() -> None:
    sealed = {"value": None, "isSealed": True}
    found = edited((VARIABLES, "NEW_KEY"), sealed)
    _, told = adopted(found)
    assert list(row(told, pool_manager.SERVICE).unread) == [
        *("BANKR_API_KEY", "NEW_KEY", "POOL_API_KEY", "RAILWAY_API_TOKEN")
    ]
    assert list(told.next_steps) == [
        f"{pool_manager.SERVICE} POOL_API_KEY: before the first update: pulumi config set --secret poolApiKey",
        f"{pool_manager.SERVICE} NEW_KEY: pulumi config set --secret --path keys.NEW_KEY",
    ]
    login = edited(("deploy", "registryCredentials"), {"username": "u", "password": "*****"})
    assert "registry login" in row(adopted(login)[1], pool_manager.SERVICE).unread


def test_a_sealed_database_password_has_to_be_given() -> None:
    found = edited((VARIABLES, "POSTGRES_PASSWORD"), {"value": None, "isSealed": True}, database.SERVICE)
    _, told = adopted(found)
    assert list(row(told, database.SERVICE).unread) == ["POSTGRES_PASSWORD"]
    step = "before the first update: pulumi config set --secret databasePassword"
    assert f"{database.SERVICE} POSTGRES_PASSWORD: {step}" in told.next_steps


def test_secrets_are_in_the_encrypted_part_alone() -> None:
    config = described(STACK, live(read(FIRST)), AdoptionInputs(pool_api_key=SECRET), digest_of)
    assert SECRET not in json.dumps(config.plain)
    assert SECRET not in repr(config)
    assert set(config.secrets) == {"poolApiKey", "databasePassword", "keys.BANKR_API_KEY"}
    assert config.is_secret("keys")
    assert not config.is_secret("poolMinIdle")


def without(found: Live, *names: str) -> Live:
    ids = {IDS[name] for name in names}
    instances = {id_: row for id_, row in found.snapshot.instances.items() if id_ not in ids}
    return replace(found, snapshot=replace(found.snapshot, instances=instances))


def test_a_database_under_another_name_stops_the_adoption_unless_its_url_is_given() -> None:
    url = {"value": "${{Postgres.DATABASE_URL}}"}
    found = without(edited((VARIABLES, "DATABASE_URL"), url), database.SERVICE)
    with pytest.raises(InfraError, match=r"^convos-agent-pool-manager: its DATABASE_URL is .*; export DATABASE_URL"):
        described(STACK, found, AdoptionInputs(), digest_of)
    again, told = adopted(found, AdoptionInputs(database_url="postgresql://u:p@db.example/x"))
    assert again.database_url == "postgresql://u:p@db.example/x"
    assert list(row(told, pool_manager.SERVICE).changes) == ["variable DATABASE_URL (another value)"]


def test_a_service_that_is_not_there_would_be_made_and_those_of_others_are_left() -> None:
    found = without(live(read(FIRST)), canary.SERVICE)
    strangers = {name: {"serviceName": name} for name in ("convos-agent-1a2b", "convos-agent-3c4d", "somebodys")}
    snapshot = replace(found.snapshot, instances={**found.snapshot.instances, **strangers})
    _, told = adopted(replace(found, snapshot=snapshot), AdoptionInputs(pool_api_key=SECRET))
    states = {row.thing: (row.state, row.deployments) for row in told.rows}
    assert states[canary.SERVICE] == (MADE, 1)
    assert states["2 agents"] == states["somebodys"] == (LEFT, 0)
    assert "variable BANKR_API_KEY" not in str(told.document())
    step = f"{pool_manager.SERVICE} BANKR_API_KEY: pulumi config set --secret --path keys.BANKR_API_KEY"
    assert step in told.next_steps


def test_an_image_that_its_tag_has_left_behind_is_pinned_and_one_without_a_digest_gets_it() -> None:
    moved = edited(("source", "image"), f"{RUNTIME}:production@{POOL_DIGEST}", canary.SERVICE)
    again, _ = adopted(moved)
    assert (again.image.is_pinned, again.image.reference) == (True, f"{RUNTIME}:production@{POOL_DIGEST}")
    bare = edited(("source", "image"), f"{RUNTIME}:production", canary.SERVICE)
    again, told = adopted(bare)
    assert (again.image.is_pinned, again.image.reference) == (False, f"{RUNTIME}:production")
    change = f"image '{RUNTIME}:production' -> '{RUNTIME}:production@{DIGEST}'"
    assert row(told, canary.SERVICE).changes[0] == change
