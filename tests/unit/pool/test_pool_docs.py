"""docs/pool.md and pool/.env.example against the pool manager itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from convos_pool import app
from convos_pool.errors import SettingsError
from convos_pool.serve import Service
from convos_pool.settings import read
from convos_pool.tally import FAILURE_KINDS

from tests.unit.test_canary_environment import OF_THE_POOL

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pool.md").read_text()
EXAMPLE = [
    line for line in (ROOT / "pool" / ".env.example").read_text().splitlines() if re.match(r"(# )?[A-Z_]+=", line)
]


def variables(lines: list[str]) -> dict[str, str]:
    """Return what `docker run --env-file` would give the container."""
    return dict(line.partition("=")[::2] for line in lines)


def test_every_request_of_the_api_is_on_the_page_and_says_whether_it_wants_the_key() -> None:
    paths = app.create(Service(read(OF_THE_POOL))).openapi()["paths"]
    asked = {
        (f"{method.upper()} {path}", bool(operation.get("security")))
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    written = {
        (request, star == " *") for request, star in re.findall(r"^\| `([A-Z]+ /\S*)`( \*)? \|", PAGE, re.MULTILINE)
    }
    assert len(asked) > 15
    # A page for people and numbers for Prometheus: neither has a schema.
    assert written - {("GET /", False), ("GET /metrics", False)} == asked


def test_the_example_is_complete_and_means_what_is_said_of_it() -> None:
    as_it_is = variables([line for line in EXAMPLE if not line.startswith("#")])
    with pytest.raises(SettingsError) as missing:
        read(as_it_is)
    assert set(re.findall(r"([A-Z_]+): missing", str(missing.value))) == OF_THE_POOL.keys()
    with_defaults = variables([line.removeprefix("# ") for line in EXAMPLE])
    assert read({**as_it_is, **OF_THE_POOL}) == read({**with_defaults, **OF_THE_POOL}) == read(OF_THE_POOL)


def test_the_page_names_each_kind_of_failure_that_is_counted() -> None:
    written = re.search(r"failures by cause \(([^)]*)\)", PAGE)
    assert written is not None
    assert set(re.findall(r"`([a-z]+)`", written[1])) == set(FAILURE_KINDS)
