"""A client of the server that answers by a script, with a time of the test's own."""

from __future__ import annotations

from typing import Any

from railway_api.client import Client
from tests.railway.scripted import FakeTime, data

QUERY = "query things { things }"
MUTATION = "mutation thingCreate { thingCreate }"
FINE = data({"things": 1})


def client(endpoint: str, time: FakeTime, told: list[str] | None = None, **more: Any) -> Client:
    return Client(
        endpoint,
        "t0ken-of-a-test",
        sleep=time.sleep,
        clock=time.clock,
        wall=time.wall,
        rng=lambda: 0.5,
        progress=(told if told is not None else []).append,
        **more,
    )
