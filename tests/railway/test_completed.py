"""A process that exits with 0: Railway calls its deployment SUCCESS, and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from tests.railway.fix_resources import Place, refreshed
from tests.railway.resource_cases import instance

IMAGE = "ghcr.io/example/once:1@sha256:" + "d" * 64


@pytest.fixture(autouse=True)
def exits(at: Place) -> Iterator[None]:
    at.runs.emulator.settings(outcomes={"example/once": "complete"}, image_check="off")
    yield
    at.runs.emulator.settings(outcomes={}, image_check="on")


@pytest.mark.parametrize(
    ("settings", "not_serving"),
    [
        ({}, "stopped"),
        ({"restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 3.0}, "stopped"),
        ({"restartPolicyType": "ALWAYS"}, "stopped"),
        ({"restartPolicyType": "NEVER"}, None),
        ({"cronSchedule": "5 4 * * *"}, None),
    ],
)
def test_only_a_job_may_have_ended(at: Place, settings: dict[str, Any], not_serving: str | None) -> None:
    made = at.runs.create(ServiceInstanceProvider, {**instance(at), "image": IMAGE, **settings})
    read = refreshed(at, made)
    assert read.inputs.get("notServing") == not_serving
    assert at.runs.drift(made, read) is bool(not_serving)
