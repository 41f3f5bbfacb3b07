"""The emulator's schema is a part of Railway's public one: what passes here is no invention of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import build_schema

from emulator.execution import SDL, executable_schema
from tests.emulator.public_schema import RECORD, Signatures, read_schema, signatures

# Newer than the published schema, and known from what the live endpoint serves.
SERVED_ONLY = {
    "Mutation.environmentPatchCommit(skipDeploys)",
    "EnvironmentPatchStatus.FAILED",
    # Asked for by Railway's CLI 5.71.
    "Query.projectFavorites",
    "ServiceInstance.autoInstrumentationEnabled",
    "ServiceInstance.tracingEnabled",
}


def extras(ours: Signatures, public: Signatures) -> Iterator[str]:
    """Yield the path of whatever the emulator has and Railway has not, or has otherwise."""
    for name, kind in ours.items():
        known = public.get(name)
        if known is None or known["kind"] != kind["kind"]:
            yield name
            continue
        yield from (f"{name}.{value}" for value in set(kind.get("values", ())) - set(known.get("values", ())))
        interfaces = set(kind.get("interfaces", ())) - set(known.get("interfaces", ()))
        yield from (f"{name} implements {interface}" for interface in interfaces)
        yield from _differing(f"{name}.{{}}", kind.get("inputs", {}), known.get("inputs", {}))
        for field, signature in kind.get("fields", {}).items():
            there = known["fields"].get(field)
            if there is None or there["type"] != signature["type"]:
                yield f"{name}.{field}"
            else:
                yield from _differing(f"{name}.{field}({{}})", signature.get("args", {}), there.get("args", {}))


def _differing(path: str, ours: dict[str, str], public: dict[str, str]) -> Iterator[str]:
    yield from (path.format(name) for name, given in ours.items() if public.get(name) != given)
    yield from (path.format(name) for name, given in public.items() if name not in ours and given.endswith("!"))


@pytest.fixture(scope="module")
def record() -> Signatures:
    read: Signatures = json.loads(RECORD.read_text())
    return read


def test_every_operation_of_the_schema_has_a_resolver() -> None:
    schema = executable_schema()
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    kinds = [kind for kind in roots if kind is not None]
    assert len(kinds) == 3
    fields = {f"{kind.name}.{name}": field.resolve for kind in kinds for name, field in kind.fields.items()}
    assert len(fields) > 50
    assert [name for name, resolve in fields.items() if resolve is None] == []


def test_the_schema_is_a_part_of_the_public_one_but_for_what_is_served_only(record: Signatures) -> None:
    assert set(extras(signatures(read_schema(SDL)), record)) == SERVED_ONLY


def test_the_record_holds_nothing_that_the_emulator_has_no_more(record: Signatures) -> None:
    ours = signatures(read_schema(SDL))
    assert set(record) <= set(ours)
    assert all(set(kind.get("fields", {})) <= set(ours[name].get("fields", {})) for name, kind in record.items())


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("  me: User!", "  me: User", "Query.me"),
        ("  me: User!", "  me: User!\n  invented: Int", "Query.invented"),
        ("project(id: String!): Project!", "project(id: ID!): Project!", "Query.project(id)"),
        ("project(id: String!): Project!", "project: Project!", "Query.project(id)"),
        ("  QUEUED\n", "  QUEUED\n  DREAMING\n", "DeploymentStatus.DREAMING"),
        ("  skipDeploys: Boolean = false\n", "  skipDeploys: Boolean\n", "VariableUpsertInput.skipDeploys"),
        ("  mountPath: String!\n  projectId: String!\n", "  mountPath: String!\n", "VolumeCreateInput.projectId"),
    ],
    ids=lambda text: text.strip().split("\n")[0],
)
def test_the_comparison_sees_every_kind_of_difference(record: Signatures, before: str, after: str, path: str) -> None:
    text = SDL.read_text()
    assert before in text
    changed: Any = build_schema(text.replace(before, after), assume_valid=True, assume_valid_sdl=True)
    assert path in set(extras(signatures(changed), record)) - SERVED_ONLY
