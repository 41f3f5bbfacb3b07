"""The size that the admin path gives to a volume: one that the API can answer, or a refusal that changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.admin import volume_instance
from emulator.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found = Store(tmp_path / "state")
    found.put("volume_instance", "i", {"id": "i", "volumeId": "v"})
    yield found
    found.close()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "currentSizeMB is a number of MB from 0 to 2147483647, not 'None'"),
        ({"currentSizeMB": "much"}, "currentSizeMB is a number of MB"),
        ({"currentSizeMB": True}, "currentSizeMB is a number of MB"),
        ({"currentSizeMB": -1}, "currentSizeMB is a number of MB"),
        ({"currentSizeMB": float("inf")}, "currentSizeMB is a number of MB"),
        ({"currentSizeMB": 1, "sizeMB": 2**31}, "sizeMB is a number of MB"),
        ({"currentSizeMB": 1, "sizeMB": []}, "sizeMB is a number of MB"),
    ],
)
def test_a_size_that_is_not_one_is_refused(store: Store, values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        volume_instance(store, {"id": "i", **values})
    assert store.get("volume_instance", "i") == {"id": "i", "volumeId": "v"}


def test_a_size_is_stored_and_the_limit_has_a_default(store: Store) -> None:
    volume_instance(store, {"id": "i", "currentSizeMB": 4.5})
    found = store.get("volume_instance", "i")
    assert found is not None
    assert (found["currentSizeMB"], found["sizeMB"]) == (4.5, 5000)
