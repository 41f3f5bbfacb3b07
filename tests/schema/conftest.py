"""What the schema's tests share: real PostgreSQL servers, a database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import needs
from tests.schema.postgres_server import Database, Server, debian_binaries, embedded_binaries, new_database, running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session", params=["embedded", "debian"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    binaries: Path | None = embedded_binaries() if request.param == "embedded" else debian_binaries()
    if binaries is None:
        needs.DEBIAN_POSTGRESQL.skip()
    with running(tmp_path_factory.mktemp(request.param) / "postgres", binaries) as found:
        yield found


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    with new_database(server) as found:
        yield found
