"""The table of bad inputs of Railway's resources: each is one line in the preview, which names property and rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convos_infra.railway.resources.custom_domain import CustomDomainProvider
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.session import RailwayProvider
from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import Project, fleet, service
from tests.railway.fix_resources import IMAGE

SECRET = "s3cret-of-nobody"
PROJECT = "0b6cb8ea-7f1a-4a40-9d6b-2f2ed8e2a0c1"
WHERE = {"projectId": PROJECT, "environmentId": "11111111-7f1a-4a40-9d6b-2f2ed8e2a0c1"}
AT = {**WHERE, "serviceId": "22222222-7f1a-4a40-9d6b-2f2ed8e2a0c1", "service": "web"}
GOOD: dict[type[RailwayProvider], dict[str, Any]] = {
    ProjectProvider: {"name": "convos"},
    EnvironmentProvider: {"name": "dev", "projectId": PROJECT, "baseEnvironmentId": "b"},
    ServiceProvider: {**WHERE, "name": "web"},
    ServiceInstanceProvider: {**AT, "variables": {"A": "1"}, "unmanagedVariables": "keep"},
    SharedVariablesProvider: {**WHERE, "variables": {"A": "1"}},
    VolumeProvider: {**AT, "mountPath": "/data"},
    ServiceDomainProvider: {**AT, "subdomain": "web"},
    CustomDomainProvider: {**AT, "domain": "agents.example.org"},
    TcpProxyProvider: {**AT, "applicationPort": 5432.0},
    ProjectTokenProvider: {**WHERE, "name": "pool"},
    DeploymentProvider: {**WHERE, "services": [], "timeoutSeconds": 900.0},
}
PIN, REGION = "@sha256:" + "a" * 64, "us-west2"
Row = tuple[type[RailwayProvider], dict[str, Any], str, str]


def one(kind: type[RailwayProvider], key: str, *pairs: tuple[Any, str]) -> Iterator[Row]:
    """Yield a row for each bad value of one property, and the rule that the line has to name."""
    for value, rule in pairs:
        yield kind, {key: value}, key, rule


def rows() -> Iterator[Row]:
    yield from one(
        *(ProjectProvider, "name"),
        *[("", "must not be empty"), ("p" * 33, "has 33 characters; Railway takes at most 32")],
        *[("Convos", "must be lower case, for example 'convos'"), ("a/b", "must begin and end with")],
        *[("convos\n", "must begin and end with"), (3.0, "must be text, not float"), (None, "must not be empty")],
    )
    yield from one(
        *(EnvironmentProvider, "name"),
        *[("e" * 25, "has 25 characters; Railway takes at most 24"), ("-dev", "must begin and end with")],
    )
    yield from one(EnvironmentProvider, "projectId", ("", "must not be empty"))
    yield from one(
        *(ServiceProvider, "name"),
        *[
            ("s" * 33, "has 33 characters; Railway takes at most 32"),
            ("we b?", "must begin and end with"),
            ("  ", "not be empty"),
        ],
    )
    yield from one(
        *(ServiceProvider, "environmentId"),
        *[("", "must not be empty"), ("a b", "must be an id of Railway"), (7.0, "must be an id of Railway, not 7.0")],
    )
    yield from one(ServiceInstanceProvider, "serviceId", ("x" * 65, "must be an id of Railway"))
    yield from source_rows()
    yield from deploy_rows()
    yield from region_rows()
    yield from variable_rows()
    yield from one(
        *(VolumeProvider, "mountPath"),
        *[("data", "must begin with '/'"), ("/", "must be below '/'"), ("//", "must be below '/'")],
        *[("/a b", "contain whitespace"), ("/data/../etc", "contain '..'"), ("/data\n", "contain whitespace")],
        *[(None, "must begin with '/'")],
    )
    yield from one(
        *(ServiceDomainProvider, "subdomain"),
        *[(text, "must be one label of a domain") for text in ("Web", "a.b", "-web", "w" * 64, "web\n", "a_b")],
    )
    yield from one(ServiceDomainProvider, "targetPort", *ports())
    yield from one(
        *(CustomDomainProvider, "domain"),
        *[
            (text, "must be a domain in lower case")
            for text in ("example", "Agents.example.org", "https://example.org")
        ],
        *[(text, "must be a domain in lower case") for text in ("example.org.", "a..example.org", f"{'a' * 64}.org")],
        *[("x.up.railway.app", "is Railway's own: use a ServiceDomain"), (None, "must be a domain in lower case")],
    )
    yield from one(CustomDomainProvider, "targetPort", (0.0, "must be a port from 1 to 65535"))
    yield from one(TcpProxyProvider, "applicationPort", *ports(), (None, "must be a port from 1 to 65535"))
    yield from one(ProjectTokenProvider, "name", ("", "must not be empty"), ("t" * 33, "has 33 characters"))
    yield from one(
        *(DeploymentProvider, "timeoutSeconds"),
        *[(value, "must be more than 0 seconds") for value in (0.0, -1.0, "900", True, float("inf"), None)],
    )


def ports() -> list[tuple[Any, str]]:
    bad = (0.0, 65536.0, -1.0, 80.5, "80", True, float("nan"))
    return [(value, "must be a port from 1 to 65535") for value in bad]


def source_rows() -> Iterator[Row]:
    kind = ServiceInstanceProvider
    rule = "must be an image reference such as ghcr.io/owner/name:tag@sha256:…"
    bad = ("", " ", "UPPER/Case", "ghcr.io/a/b:", f"ghcr.io/a/b:{'t' * 129}", "ghcr.io/a/b@sha256:abc", "a b", 3.0)
    yield from one(kind, "image", *[(value, rule) for value in bad])
    yield from one(kind, "image", (f"a/b@sha512:{'a' * 64}", rule), ("https://ghcr.io/a/b", rule), ("a/b:1\n", rule))
    yield kind, {"image": IMAGE, "repo": "a/b"}, "image", "cannot be combined with repo"
    yield from one(
        kind, "repo", *[(text, "must be owner/name") for text in ("pool", "a/b/c", "https://github.com/a/b")]
    )
    yield kind, {"branch": "main"}, "branch", "needs repo"
    yield kind, {"repo": "a/b", "branch": "  "}, "branch", "is only whitespace"
    yield from one(kind, "rootDirectory", ("  ", "is only whitespace"))
    yield from one(kind, "builder", ("MAKE", "must be one of DOCKERFILE, HEROKU, NIXPACKS, PAKETO, RAILPACK"))
    yield kind, {"dockerfilePath": "x", "builder": "NIXPACKS"}, "dockerfilePath", "needs builder DOCKERFILE"
    yield from one(kind, "watchPatterns", ("src/**", "must be a list, not str"), ([" "], "is only whitespace"))
    yield from one(kind, "buildCommand", (True, "must be text, not bool"))


def deploy_rows() -> Iterator[Row]:
    kind = ServiceInstanceProvider
    yield from one(
        *(kind, "healthcheckPath"),
        *[("healthz", "must begin with '/'"), ("https://x/y", "must begin with '/'"), ("/a b", "contain whitespace")],
    )
    for key, lowest in (("healthcheckTimeout", 1), ("overlapSeconds", 0), ("drainingSeconds", 0)):
        rule = f"must be a whole number from {lowest}"
        yield from one(kind, key, (lowest - 1.0, rule), (1.5, rule), ("60", rule), (float("inf"), rule))
    yield from one(kind, "restartPolicyMaxRetries", (-1.0, "must be a whole number from 0"))
    yield from one(kind, "restartPolicyType", ("SOMETIMES", "must be one of ALWAYS, NEVER, ON_FAILURE"))
    yield from one(kind, "sleepApplication", ("yes", "must be true or false"), (1.0, "must be true or false"))
    yield from one(kind, "startCommand", (" ", "is only whitespace"), (["a"], "must be text"), ("a\0b", "a NUL"))
    yield kind, {"startCommand": "run", "buildCommand": "run"}, "buildCommand", "must not be the startCommand"
    yield from one(
        *(kind, "preDeployCommand"),
        *[
            (["a", "b"], "Railway takes one command: join them with &&"),
            ([3.0], "must be text"),
            (3.0, "must be a list"),
        ],
    )
    five = "must have five fields"
    yield from one(
        *(kind, "cronSchedule"),
        *[("@daily", five), ("* * * *", five), ("0 0 * * * *", five), ("", five), (5.0, five)],
        *[("60 * * * *", "its minute must be from 0 to 59"), ("0 24 * * *", "its hour must be from 0 to 23")],
        *[("0 0 0 * *", "its day must be from 1 to 31"), ("0 0 1 13 *", "its month must be from 1 to 12")],
        *[
            ("0 0 * * 8", "its weekday must be from 0 to 7"),
            ("*/0 * * * *", "its minute"),
            ("9-3 * * * *", "its minute"),
        ],
    )
    yield from one(kind, "requiredMountPath", ("data", "must begin with '/'"), ("/", "must be below '/'"))
    key = "registryCredentials"
    yield kind, {key: {"username": "u"}}, f"{key}.password", "must not be empty"
    yield kind, {key: {"username": " ", "password": SECRET}}, f"{key}.username", "must not be empty"
    yield kind, {key: {"username": "u", "password": SECRET, "host": "h"}}, f"{key}.host", "unknown property"


def region_rows() -> Iterator[Row]:
    kind, key = ServiceInstanceProvider, "multiRegionConfig"
    yield from one(kind, key, ({}, "must name at least one region"), ("us-west2", "must name at least one region"))
    yield kind, {key: {"mars-1": {"numReplicas": 1.0}}}, key, "unknown region 'mars-1'; expected one of us-west2, "
    for replicas in (0.0, -1.0, 1.5, "2", True):
        yield kind, {key: {REGION: {"numReplicas": replicas}}}, f"{key}.{REGION}.numReplicas", "a whole number from 1"
    yield kind, {key: {REGION: {"replicas": 2.0}}}, f"{key}.{REGION}.replicas", "unknown setting; expected numReplicas"
    two = {key: {REGION: {"numReplicas": 2.0}}}
    yield kind, {**two, "cronSchedule": "0 * * * *"}, "cronSchedule", "a cron service has one replica"
    yield kind, {**two, "requiredMountPath": "/data"}, "requiredMountPath", "a service with a volume has one replica"
    limits = "limitOverride"
    yield from one(kind, limits, ({"cpu": 2.0}, "must be {containers"), (4.0, "must be {containers"))
    yield kind, {limits: {"containers": {"cpu": 0.0}}}, f"{limits}.containers.cpu", "must be more than 0 vCPUs"
    yield kind, {limits: {"containers": {"memoryBytes": "8G"}}}, f"{limits}.containers.memoryBytes", "more than 0 bytes"
    yield kind, {limits: {"containers": {"memory": 1.0}}}, f"{limits}.containers.memory", "unknown limit"


def variable_rows() -> Iterator[Row]:
    for kind in (ServiceInstanceProvider, SharedVariablesProvider):
        for name in ("A=B", "A B", "1A", "", "A\n"):
            yield kind, {"variables": {name: SECRET}}, f"variables.{name}", "a name starts with a letter or _"
        yield kind, {"variables": {"V" * 256: SECRET}}, f"variables.{'V' * 256}"[:120], "a name starts with"
        yield kind, {"variables": {"A": 3.0}}, "variables.A", "must be text, not float"
        yield kind, {"variables": {"A": SECRET * 3000}}, "variables.A", "Railway takes at most 32768"
        yield kind, {"variables": {"A": f"{SECRET}\0"}}, "variables.A", "contains a NUL character"
        yield kind, {"variables": {"RAILWAY_SERVICE_ID": SECRET}}, "variables.RAILWAY_SERVICE_ID", "Railway sets the"
        yield kind, {"variables": [SECRET]}, "variables", "must be an object of names and values"
    kind = ServiceInstanceProvider
    yield from one(kind, "sealedVariables", (["GONE"], "GONE is not a variable of this service"))
    yield from one(kind, "unmanagedVariables", ("drop", "must be keep or remove"), (None, "must be keep or remove"))


TABLE = list(rows())


def named(row: Row) -> str:
    kind, changes, where, _ = row
    value = repr(next(iter(changes.values())))[:30]
    return re.sub(r"[^\w.@:/*=' -]", "_", f"{kind.__name__.removesuffix('Provider')}.{where[:40]}={value}")


def test_the_table_is_long_and_covers_every_resource() -> None:
    assert len(TABLE) >= 150
    assert {row[0] for row in TABLE} == set(GOOD)


@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.__name__)
def test_what_is_good_is_let_pass(kind: type[RailwayProvider]) -> None:
    assert kind().checked(GOOD[kind], GOOD[kind])[1] == []


@pytest.mark.parametrize("row", TABLE, ids=named)
def test_a_bad_value_is_one_line_that_names_the_property_and_the_rule_and_no_secret(row: Row) -> None:
    kind, changes, where, rule = row
    _, failures = kind().checked(GOOD[kind], {**GOOD[kind], **changes})
    assert [failure.property for failure in failures] == [where]
    reason = failures[0].reason
    assert rule in reason
    assert "\n" not in reason
    assert "\0" not in reason
    assert len(reason) < 250
    assert SECRET not in reason


VALUES = {
    "image": ["nginx", "r/x:1", f"ghcr.io/a/b{PIN}", f"127.0.0.1:5001/a/b:sha-1{PIN}", "localhost/a__b/c-d.e:1_2"],
    "cronSchedule": ["*/5 * * * *", "0 0 1,15 * *", "0 9-17/2 * jan-dec MON-FRI", "59 23 31 12 7"],
    "healthcheckPath": ["/", "/healthz?full=1"],
    "multiRegionConfig": [{REGION: {"numReplicas": 2.0}}, {REGION: {}}],
    "limitOverride": [{"containers": {"cpu": 0.5, "memoryBytes": 8e9}}],
    "registryCredentials": [{"username": "u", "password": SECRET}],
    "preDeployCommand": ["migrate", ["migrate"], []],
    "startCommand": ["", "node x"],
    "variables": [{"A": "${{web.B}}", "a.b-c_1": ""}, {"RAILWAY_RUN_UID": "0"}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in VALUES.items() for value in values])
def test_what_looks_odd_and_is_right_is_let_pass(key: str, value: Any) -> None:
    good = {**GOOD[ServiceInstanceProvider], key: value}
    assert ServiceInstanceProvider().checked(good, good)[1] == []


def bare(name: str, **more: Any) -> dict[str, Any]:
    return service(name, variables=0, **more)


SHOWN = [
    (bare("s" * 33), "name value .s+. has a problem: has 33 characters; Railway takes at most 32"),
    (
        bare("web", settings={"cron_schedule": "60 * * * *"}),
        r"cronSchedule value .* has a problem: its minute must be from 0 to 59",
    ),
    (bare("web", volume="data"), "mountPath value .data. has a problem: must begin with '/', not 'data'"),
    (bare("web", proxy=65536), "applicationPort value .65536. has a problem: must be a port from 1 to 65535"),
    (
        bare("web", settings={"registry_credentials": {"username": "", "password": SECRET}}),
        "registryCredentials.username value .<nil>. has a problem: must not be empty",
    ),
]


@pytest.mark.stack
def test_the_cli_shows_a_bad_value_in_the_preview_as_one_line_and_changes_nothing(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        for bad, rule in SHOWN:
            project.describe(fleet([bad]))
            ran = project.preview(check=False)
            assert ran.code != 0
            assert "Traceback" not in ran.text
            assert SECRET not in ran.text
            (error,) = [line for line in ran.text.splitlines() if line.strip().startswith("error: ")]
            assert re.search(f"property {rule}", error), error
        assert [call for call in emulator.calls() if call["type"] == "mutation"] == []
        assert emulator.admin("GET", "/snapshot")["projects"] == []
