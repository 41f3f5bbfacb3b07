"""A diff may be asked of inputs of which any is unknown.

Pulumi does so for whatever depends on what is replaced or deleted: a targeted destroy ended with a bug's text.
"""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.provider import Provider
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.random_secret import RandomSecretProvider
from convos_infra.registry.resource import ImageProvider
from convos_infra.rollout.resource import AgentRolloutProvider
from convos_infra.schema.resource import DatabaseSchemaProvider
from tests.railway.fix_resources import Place
from tests.railway.resource_cases import CASES

WHERE = {"projectId": "p", "environmentId": "e"}
ROW = {"id": "s", "name": "web", "owned": True}
OTHERS: dict[type[Provider], dict[str, Any]] = {
    DestroyGateProvider: {**WHERE, "services": [ROW], "volumes": [ROW], "poolUrl": "u", "poolKey": "k"},
    DeploymentProvider: {**WHERE, "services": [{"name": "web", "serviceId": "s"}], "readiness": {"web": {}}},
    ProjectTokenProvider: {**WHERE, "name": "n", "serviceId": "s"},
    RandomSecretProvider: {**WHERE, "serviceId": "s", "value": "v"},
    ImageProvider: {"reference": "ghcr.io/example/web:1", "digest": "d"},
    AgentRolloutProvider: {**WHERE, "serviceId": "s", "url": "u", "apiKey": "k", "variables": {"A": "1"}},
    DatabaseSchemaProvider: {"databaseUrl": "postgresql://u@h/d", "files": [{"name": "0001"}], "target": "0001"},
}
UNKNOWNS = (UNKNOWN, Unknown())
"""What the SDK hands over: the sentinel's text in some places, an object in others."""


@pytest.mark.parametrize("kind", CASES)
def test_each_input_of_a_thing_on_railway_may_be_unknown(at: Place, kind: str) -> None:
    case = CASES[kind]
    every = {key: value for change in case.changes.values() for key, value in change.items()}
    news = {**every, **case.inputs(at)}
    for key in news:
        for value in UNKNOWNS:
            case.provider().changed("id", dict(news), {**news, key: value})


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
def test_each_input_of_what_is_on_no_railway_may_be_unknown(kind: type[Provider]) -> None:
    news = OTHERS[kind]
    for key in news:
        for value in UNKNOWNS:
            kind().changed("id", dict(news), {**news, key: value})
