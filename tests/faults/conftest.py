"""The tests of this folder take the two starts of all cases from one run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.case import Starts, prepared


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
    with prepared(tmp_path_factory.mktemp("starts")) as made:
        yield made
