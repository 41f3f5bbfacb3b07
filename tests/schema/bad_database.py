"""A migration of a database that cannot be used, and the one line that it ends with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from tests.schema.migrating import QUICK, job
from tests.schema.postgres_server import ENCODED, PASSWORD

A = "CREATE TABLE a (id integer);"
SECRET = "s3cr3t-word"


def message(url: str, seconds: float = 0.3) -> str:
    """Run a migration and return its one line."""
    with pytest.raises(InfraError) as found:
        apply(parse_url(url), job(A, limits=replace(QUICK, connect_seconds=seconds)))
    text = str(found.value)
    assert "\n" not in text
    for secret in (PASSWORD, ENCODED, SECRET):
        assert secret not in text
    return text
