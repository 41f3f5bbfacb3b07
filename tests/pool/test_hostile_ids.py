"""Ids in paths as a hostile or careless caller writes them: an answer that fits, one line, and nothing is touched."""

from __future__ import annotations

import http.client
import json

from tests.pool.pool_process import API_KEY, Pool

HOSTILE = [
    "%00",
    "abcdefghijk%00",
    "%F0%9F%A4%96",
    "%ED%A0%80",
    "%E2%80%AE%0A",
    "..%2F..%2Fretire",
    "%2e%2e",
    "'%20OR%20true%20--%20",
    "tick",
    "a" * 4000,
    "*",
    "%25s",
]
ACTS = [
    ("DELETE", "/api/pool/instances/{}"),
    ("DELETE", "/api/pool/crashed/{}"),
    ("POST", "/api/pool/instances/{}/finish"),
    ("POST", "/api/pool/redeploy/{}"),
]


def test_an_id_that_is_none_is_refused_before_anybody_is_asked(idle_pool: Pool) -> None:
    """This pool manager reaches nobody: a question would be a 500."""
    for method, path in ACTS:
        for id_ in HOSTILE:
            connection = http.client.HTTPConnection("127.0.0.1", idle_pool.port, timeout=20)
            connection.request(method, path.format(id_), body=b"{}", headers={"Authorization": f"Bearer {API_KEY}"})
            answer = connection.getresponse()
            found = (answer.status, json.loads(answer.read()))
            connection.close()
            assert found[0] in {400, 404}, (method, path, id_, found)
            assert set(found[1]) == {"error"}
            assert found[1]["error"].isprintable()
