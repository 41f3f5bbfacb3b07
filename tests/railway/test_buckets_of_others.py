"""Buckets: no stack makes one, so each is somebody's, and goes with its environment."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.resources.environment import EnvironmentProvider
from tests.railway.fix_resources import Made, Place, patch

BUCKET = "0a1b2c3d-0000-4000-8000-000000000000"


def put(at: Place, **said: Any) -> None:
    patch(at, {"buckets": {BUCKET: {"region": "sjc", **said}}})
    at.runs.mutations()


@pytest.fixture
def empty(at: Place) -> Made:
    """The environment of a stack in which nothing else is left."""
    at.runs.delete(at.service)
    return at.environment


@pytest.mark.parametrize("data", ["delete", ""])
def test_an_environment_with_a_bucket_is_kept_where_no_gate_has_asked(at: Place, empty: Made, data: str) -> None:
    put(at, isCreated=True)
    at.runs.config = {"dataOnDestroy": data} if data else {}
    at.runs.said.clear()
    at.runs.delete(empty)
    assert at.runs.mutations() == []
    assert at.runs.said == ["keeps environment local: not empty, it has bucket bucket-0a1b2c3d"]
    assert at.runs.refresh(empty) is not None


@pytest.mark.disputed("scoped_delete")
def test_one_without_or_with_a_deleted_one_goes(at: Place, empty: Made) -> None:
    put(at, isDeleted=True)
    at.runs.delete(empty)
    assert at.runs.mutations() == ["environmentDelete"]


def test_an_environment_with_a_bucket_is_not_the_leftover_of_a_killed_creation(at: Place, empty: Made) -> None:
    assert at.runs.create(EnvironmentProvider, empty.inputs).outputs["owned"] is True
    put(at, isCreated=True)
    assert at.runs.create(EnvironmentProvider, empty.inputs).outputs["owned"] is False
