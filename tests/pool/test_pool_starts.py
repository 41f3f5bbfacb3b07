"""The process: what it needs, what it says, and that it serves without Railway and without a database."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.pool.pool_process import IMAGE, run_to_end, running_pool, variables

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = ["POOL_API_KEY", "DATABASE_URL", "RAILWAY_API_TOKEN", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID"]


def test_the_health_check_answers_while_railway_and_the_database_are_away(tmp_path: Path) -> None:
    with running_pool(tmp_path, variables()) as pool:
        answer = pool.call("GET", "/healthz", headers={})
        assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_the_page_shows_the_runtime_image_that_new_agents_get(tmp_path: Path) -> None:
    with running_pool(tmp_path, variables(POOL_ENVIRONMENT="staging")) as pool:
        answer = pool.call("GET", "/", headers={})
        assert answer.status_code == 200
        assert IMAGE in answer.text
        assert "staging" in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_image_that_is_not_given_is_the_scaling_tag(tmp_path: Path) -> None:
    environ = variables()
    del environ["RAILWAY_RUNTIME_IMAGE"]
    with running_pool(tmp_path, environ) as pool:
        assert "ghcr.io/xmtplabs/convos-runtime:scaling" in pool.call("GET", "/", headers={}).text


def test_it_ends_at_once_and_without_an_error_when_told_to(tmp_path: Path) -> None:
    with running_pool(tmp_path, variables()) as pool:
        assert pool.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
        assert "Traceback" not in pool.printed()


def test_everything_that_is_missing_is_named_in_one_line() -> None:
    done = run_to_end({})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert all(name in done.stderr for name in REQUIRED)


BAD = [
    ("INSTANCE_XMTP_ENV", "dev", "INSTANCE_XMTP_ENV: the INSTANCE_ prefix is no longer supported; use XMTP_ENV"),
    ("POOL_MIN_IDLE", "-1", "POOL_MIN_IDLE: must be a whole number"),
    ("POOL_MIN_IDLE", "many", "POOL_MIN_IDLE: must be a whole number"),
    ("TICK_INTERVAL_MS", "0", "TICK_INTERVAL_MS: must be a whole number"),
    ("POOL_ENVIRONMENT", "prod", "POOL_ENVIRONMENT: must be one of dev, staging, production"),
    ("XMTP_ENV", "live", "XMTP_ENV: must be one of dev, production"),
    ("DATABASE_URL", "mysql://u:hunter2@h/d", "DATABASE_URL: must be a URL"),
    ("RAILWAY_RUNTIME_IMAGE", "UPPER/Case", "RAILWAY_RUNTIME_IMAGE: must be an image reference"),
    ("RAILWAY_API_URL", "backboard", "RAILWAY_API_URL: must be a URL"),
    (
        "RAILWAY_API_URL",
        "http://example.com/graphql",
        "RAILWAY_API_URL: would send its key unencrypted; use https",
    ),
    ("POOL_ROLLOUT_POLICY", "yolo", "POOL_ROLLOUT_POLICY: must be one of hold, redeploy-idle, drain-and-replace"),
    ("POOL_ROLLOUT_BATCH", "0", "POOL_ROLLOUT_BATCH: must be a whole number from 1"),
    ("POOL_ROLLOUT_BATCH", "-3", "POOL_ROLLOUT_BATCH: must be a whole number from 1"),
    ("POOL_ROLLOUT_CLAIMED", "kill", "POOL_ROLLOUT_CLAIMED: must be one of leave, replace"),
]


@pytest.mark.parametrize(("name", "value", "line"), BAD)
def test_a_bad_value_is_one_line_that_names_its_variable(name: str, value: str, line: str) -> None:
    done = run_to_end(variables(**{name: value}))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert line in done.stderr
    assert "hunter2" not in done.stderr


def test_production_of_xmtp_is_for_the_production_pool_alone() -> None:
    done = run_to_end(variables(XMTP_ENV="production", POOL_ENVIRONMENT="staging"))
    assert done.returncode == 1
    assert "XMTP_ENV: production is only for POOL_ENVIRONMENT=production" in done.stderr
