"""What an adoption writes: reading what an update made gives back the config that it was made of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.defaults import CANARY_SERVICE as CANARY
from components.defaults import DATABASE_SERVICE as DATABASE
from components.defaults import POOL_SERVICE as MANAGER
from convos_infra.errors import InfraError
from convos_infra.railway.environment_config import VARIABLES
from ops.adopt.compare import ADOPTED, LEFT, MADE
from ops.adopt.config import AdoptionInputs
from ops.adopt.improvement import IMPROVEMENTS
from ops.adopt.live import Roles, roles
from tests.unit.adopt.adopting import FIRST, POOL, RUNTIME, SECRET, adopted, described, edited, row, without
from tests.unit.adopt.environments import DIGEST, POOL_DIGEST, STACK, TOKEN, live, read

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
    # Nothing is repaired, nothing is deleted, and the database is asked nothing.
    taken = {
        "improvements": first.improvements.model_copy(
            update={"adopted": True, "adopted_from": again.improvements.adopted_from}
        ),
        "database": first.database.model_copy(update={"schema_managed": False}),
        "protect": True,
    }
    assert again == first.model_copy(update={"pool": kept, "project_id": "p-1", "environment_id": "e-1", **taken})
    assert [(row.subject, row.changes, row.deployments) for row in told.rows if row.changes or row.deployments] == []
    assert {row.state for row in told.rows} == {ADOPTED}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Convos", "convos"), ("our project (old)", "our-project-old"), ("x" * 40, "x" * 32), ("Проект", "adopted")],
)
def test_a_name_that_the_program_does_not_take_is_written_as_one_that_it_does(theirs: str, ours: str) -> None:
    again, told = adopted(replace(live(read(FIRST)), project=theirs))
    assert (again.project, again.project_id) == (ours, "p-1")
    assert told.rows[0].subject == f"project {theirs}"


SOMEBODYS: dict[str, tuple[str, tuple[str, ...], Any, dict[str, Any]]] = {
    "another start of the canary": (CANARY, ("deploy", "startCommand"), "node x", {"manageCanary": False}),
    "another variable of the canary": (
        CANARY,
        (VARIABLES, "OPENCLAW_STATE_DIR"),
        {"value": SECRET},
        {"manageCanary": False},
    ),
    "one variable less in the canary": (CANARY, (VARIABLES, "XMTP_ENV"), None, {"manageCanary": False}),
    "another health check": (MANAGER, ("deploy", "healthcheckPath"), "/x", {"poolHealthPath": "/x"}),
    "an open key": (MANAGER, (VARIABLES, "POOL_API_KEY"), {"value": SECRET}, {"sealKeys": False}),
    "no policy": (MANAGER, (VARIABLES, "POOL_ROLLOUT_POLICY"), None, {"manageRollouts": False}),
    "a setting by reference": (
        MANAGER,
        (VARIABLES, "POOL_MIN_IDLE"),
        {"value": "${{x.Y}}"},
        {"poolKeeps": "POOL_MIN_IDLE"},
    ),
    "an image that is none": (
        MANAGER,
        (VARIABLES, "RAILWAY_RUNTIME_IMAGE"),
        {"value": "x y"},
        {"pinImages": False, "manageCanary": False, "poolKeeps": "RAILWAY_RUNTIME_IMAGE"},
    ),
    "another mount path": (
        DATABASE,
        ("deploy", "requiredMountPath"),
        "/x",
        {"databaseKeeps": "requiredMountPath"},
    ),
    "a port that is none": (DATABASE, (VARIABLES, "PGPORT"), {"value": "x"}, {"databaseKeeps": "PGPORT"}),
    "a password of odd characters": (
        DATABASE,
        (VARIABLES, "POSTGRES_PASSWORD"),
        {"value": f"{SECRET}@/"},
        {"databaseKeeps": "POSTGRES_PASSWORD"},
    ),
}


@pytest.mark.parametrize("name", SOMEBODYS)
def test_what_is_not_as_this_program_makes_it_stays_and_the_config_says_so(name: str) -> None:
    service, path, value, more = SOMEBODYS[name]
    found = edited(path, value, service)
    usual, _ = described(live(read(FIRST)), AdoptionInputs(pool_api_key=SECRET))
    config, _ = described(found, AdoptionInputs(pool_api_key=SECRET))
    _, told = adopted(found, AdoptionInputs(pool_api_key=SECRET))
    assert dict(config.plain) == {**usual.plain, **more}
    assert (told.changes, told.deployments) == (0, 0)
    assert SECRET not in "".join(told.lines())
    assert SECRET not in json.dumps(told.document())


OPEN = {**FIRST, "sealKeys": False, "pinImages": False, "manageRollouts": False, "manageCanary": False}
COSTS: dict[str, tuple[list[str], int]] = {
    "seal": (["BANKR_API_KEY", "POOL_API_KEY", "RAILWAY_API_TOKEN"], 1),
    "pin": (["RAILWAY_RUNTIME_IMAGE"], 1),
    "canary": ([f"{CANARY} (new)"], 1),
    "rollouts": (
        [
            *("POOL_ROLLOUT_BAKE_MS", "POOL_ROLLOUT_BATCH", "POOL_ROLLOUT_CANARY", "POOL_ROLLOUT_CLAIMED"),
            *("POOL_ROLLOUT_DEADLINE_MS", "POOL_ROLLOUT_MAX_UNAVAILABLE", "POOL_ROLLOUT_POLICY"),
            "POOL_ROLLOUT_READY_TIMEOUT_MS",
        ],
        1,
    ),
    "token": (["RAILWAY_API_TOKEN"], 1),
    "schema": ([], 0),
}


def test_every_improvement_that_is_off_is_offered_with_its_cost_and_chosen_it_changes_that_and_no_more() -> None:
    found = without(live(read(OPEN)), CANARY)
    _, told = adopted(found)
    assert (told.changes, told.deployments) == (0, 0)
    offered = {offer.name: (list(offer.changes), offer.deployments) for offer in told.offers}
    assert offered == COSTS
    for name, (changes, deployments) in COSTS.items():
        _, better = adopted(found, None, name)
        rows = [row for row in better.rows if row.changed or row.state == MADE]
        assert sorted(one for row in rows for one in row.changed or [f"{row.subject} (new)"]) == changes, name
        assert better.deployments == deployments, name
        assert name not in {offer.name for offer in better.offers}
    assert set(COSTS) <= set(IMPROVEMENTS)


def test_a_canary_with_a_key_and_an_inbox_of_its_own_is_left_and_offered_with_what_is_made_anew() -> None:
    makers = {name: f"{SECRET}-{name}" for name in ("OPENROUTER_MANAGEMENT_KEY", "AGENTMAIL_API_KEY")}
    again, told = adopted(live(read({**FIRST, "sealKeys": False, "keys": makers})))
    assert (again.improvements.canary, told.changes, told.deployments) == (False, 0, 0)
    (offer,) = (offer for offer in told.offers if offer.name == "canary")
    assert (offer.changes, offer.deployments) == (["AGENTMAIL_INBOX_ID", "OPENROUTER_API_KEY"], 1)


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        (("deploy", "cronSchedule"), "0 * * * *", "cronSchedule"),
        (("deploy", "multiRegionConfig"), {"us-west2": {"numReplicas": 2}}, "multiRegionConfig"),
        (("deploy", "startCommand"), f"node x --key {SECRET}", "startCommand"),
        (("deploy", "limitOverride"), {"containers": {"cpu": 4}}, "limitOverride"),
        ((VARIABLES, "INSTANCE_XMTP_ENV"), {"value": "dev"}, "variable INSTANCE_XMTP_ENV"),
        ((VARIABLES, "RAILWAY_SHM_SIZE_BYTES"), {"value": "1"}, "variable RAILWAY_SHM_SIZE_BYTES"),
        ((VARIABLES, "EMPTY"), {"value": " "}, "variable EMPTY"),
        ((VARIABLES, "WITH_BREAK"), {"value": "a\n"}, "variable WITH_BREAK"),
    ],
)
def test_what_the_program_has_no_key_for_is_listed_and_left(path: tuple[str, ...], value: Any, wanted: str) -> None:
    _, told = adopted(edited(path, value), AdoptionInputs(pool_api_key=SECRET))
    found = row(told, MANAGER)
    assert list(found.unkeyed) == [wanted]
    assert (list(found.changes), found.deployments) == ([], 0)


def test_what_cannot_be_read_is_listed_with_what_to_do() -> None:
    sealed = {"value": None, "isSealed": True}
    found = edited((VARIABLES, "NEW_KEY"), sealed)
    _, told = adopted(found)
    assert list(row(told, MANAGER).unread) == [*("BANKR_API_KEY", "NEW_KEY", "POOL_API_KEY", "RAILWAY_API_TOKEN")]
    key = "without it, no agents are listed: pulumi config set --secret poolApiKey, and remove it from poolKeeps"
    assert list(told.next_steps) == [f"{MANAGER} POOL_API_KEY: {key}"]
    login = edited(("deploy", "registryCredentials"), {"username": "u", "password": "*****"})
    assert "registry login" in row(adopted(login)[1], MANAGER).unread


def test_a_sealed_database_password_is_left_and_needed_for_the_schema_alone() -> None:
    found = edited((VARIABLES, "POSTGRES_PASSWORD"), {"value": None, "isSealed": True}, DATABASE)
    _, told = adopted(found)
    assert list(row(told, DATABASE).unread) == ["POSTGRES_PASSWORD"]
    step = "for manageSchema: pulumi config set --secret databasePassword"
    assert f"{DATABASE} POSTGRES_PASSWORD: {step}" in told.next_steps


def test_secrets_are_in_the_encrypted_part_alone() -> None:
    config, _ = described(live(read(FIRST)), AdoptionInputs(pool_api_key=SECRET))
    assert SECRET not in json.dumps(config.plain)
    assert SECRET not in repr(config)
    assert set(config.secrets) == {"adoptedFrom", "poolApiKey", "databasePassword", "keys.BANKR_API_KEY"}
    assert config.is_secret("keys")
    assert not config.is_secret("poolMinIdle")


def test_a_database_that_is_no_service_here_is_left_unless_its_url_is_given() -> None:
    url = {"value": "${{Postgres.DATABASE_URL}}"}
    found = without(edited((VARIABLES, "DATABASE_URL"), url), DATABASE)
    again, told = adopted(found, AdoptionInputs(pool_api_key=SECRET))
    assert (again.database.managed, again.database.service_url) == (False, url["value"])
    assert (told.changes, told.deployments) == (0, 0)
    again, told = adopted(found, AdoptionInputs(SECRET, "postgresql://u:p@db.example/x"))
    assert (again.database_url, again.database.service_url) == ("postgresql://u:p@db.example/x", url["value"])
    assert (told.changes, told.deployments) == (0, 0)


def test_a_canary_that_is_not_there_is_not_made_and_services_of_others_are_left() -> None:
    found = without(live(read(FIRST)), CANARY)
    strangers = {name: {"serviceName": name} for name in ("convos-agent-1a2b", "convos-agent-3c4d", "somebodys")}
    snapshot = replace(found.snapshot, instances={**found.snapshot.instances, **strangers})
    _, told = adopted(replace(found, snapshot=snapshot), AdoptionInputs(pool_api_key=SECRET))
    states = {row.subject: (row.state, row.deployments) for row in told.rows}
    assert CANARY not in states
    assert states["2 agents"] == states["somebodys"] == (LEFT, 0)
    assert "variable BANKR_API_KEY" not in str(told.document())
    step = f"{MANAGER} BANKR_API_KEY: pulumi config set --secret --path keys.BANKR_API_KEY"
    assert step in told.next_steps


def test_an_image_that_its_tag_has_left_behind_is_pinned_and_one_without_a_digest_stays_without() -> None:
    moved = edited(("source", "image"), f"{RUNTIME}:production@{POOL_DIGEST}", CANARY)
    again, _ = adopted(moved)
    assert (again.image.is_pinned, again.image.reference) == (True, f"{RUNTIME}:production@{POOL_DIGEST}")
    bare = edited(("source", "image"), f"{RUNTIME}:production", CANARY)
    again, told = adopted(bare)
    assert (again.image.is_pinned, again.image.reference) == (False, f"{RUNTIME}:production")
    assert told.changes == 0


def test_two_services_that_may_be_the_pool_manager_are_named_and_one_has_to_be_chosen() -> None:
    found = live(read(FIRST))
    renamed = {id_: {**row, "serviceName": f"x-{row['serviceName']}"} for id_, row in found.snapshot.instances.items()}
    other = {"s-other": {"serviceId": "s-other", "serviceName": "y-pool"}}
    services = {**found.snapshot.config["services"], "s-other": found.snapshot.config["services"]["s-pool"]}
    config = {**found.snapshot.config, "services": services}
    both = replace(found, snapshot=replace(found.snapshot, instances={**renamed, **other}, config=config))
    with pytest.raises(InfraError, match=r"POOL_MANAGER: x-convos-agent-pool-manager, y-pool may each be"):
        roles(both, Roles("", "", ""))
    assert roles(both, Roles("y-pool", "", "")) == Roles("y-pool", CANARY, "x-postgres")
    with pytest.raises(InfraError, match=r"DATABASE: the environment has no service 'db'"):
        roles(both, Roles("y-pool", "", "db"))
