"""One emulator for the suite, as `make conformance` starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.conformance.own_emulator import own_emulator
from railway_api.client import Client


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client with an account token."""
    with own_emulator(tmp_path_factory.mktemp("conformance")) as (endpoint, token):
        yield Client(endpoint, token)
