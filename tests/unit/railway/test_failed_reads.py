"""A read of an environment that has failed is not repeated by everybody who waits for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from convos_infra.railway.snapshots import FRESH_SECONDS, Snapshots
from railway_api.client import Client
from railway_api.errors import ServerFailed


class Failing:
    """A client whose patience is used up after 30 s, at each call."""

    is_project_token = False

    def __init__(self) -> None:
        self.now, self.calls = 0.0, 0

    def query(self, *_: Any, subject: str, **__: Any) -> Any:
        self.calls += 1
        self.now += 30.0
        raise ServerFailed(subject, "Railway answers with an error of its own", "try again in a minute")


def failed(snapshots: Snapshots, subject: str, **more: Any) -> str:
    with pytest.raises(ServerFailed) as caught:
        snapshots.read("project", "environment", subject=subject, **more)
    return str(caught.value)


def test_fifty_resources_wait_for_one_failing_read_and_each_is_named_in_its_error() -> None:
    client = Failing()
    snapshots = Snapshots(cast("Client", client), lambda: client.now)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda number: failed(snapshots, f"s{number}"), range(50)))
    assert client.calls == 1
    assert [line.partition(":")[0] for line in said] == [f"s{number}" for number in range(50)]


def test_it_is_read_again_after_some_seconds_and_at_once_by_who_needs_the_present() -> None:
    client = Failing()
    snapshots = Snapshots(cast("Client", client), lambda: client.now)
    failed(snapshots, "a")
    client.now += 0.1
    failed(snapshots, "b", fresh=True)
    assert client.calls == 2
    client.now += FRESH_SECONDS + 0.1
    failed(snapshots, "c")
    assert client.calls == 3
