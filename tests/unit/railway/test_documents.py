"""Every document that the program sends is valid against the emulator's SDL, a subset of Railway's public one."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from railway_api import documents

SDL = Path(__file__).parents[3] / "emulator" / "schema.graphql"
DOCUMENTS = {
    name: value
    for name, value in vars(documents).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str) and "{" in value
}


def test_there_are_documents() -> None:
    assert len(DOCUMENTS) > 20


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_document_is_valid(name: str) -> None:
    assert validate(build_schema(SDL.read_text()), parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("count", [1, 2, 50])
def test_one_call_asks_for_all_deployments_or_services(count: int) -> None:
    for text in (documents.deployments(count), documents.services_now(count), documents.service_deletions(count)):
        assert validate(build_schema(SDL.read_text()), parse(text)) == []


@pytest.mark.parametrize(
    ("deployments", "services", "addressed"), [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 3, 0), (2, 0, 3), (100, 100, 100)]
)
def test_one_call_asks_for_the_details_of_all_services(deployments: int, services: int, addressed: int) -> None:
    document = parse(documents.details(deployments, services, addressed))
    assert validate(build_schema(SDL.read_text()), document) == []
