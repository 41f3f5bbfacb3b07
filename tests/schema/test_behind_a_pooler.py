"""A real PgBouncer: a run through it is refused in both modes, and nothing of it stays behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply, inspect
from ops.toolchain import subsets
from ops.toolchain.console import step
from ops.toolchain.errors import ToolError
from ops.toolchain.store import default_store
from tests import needs
from tests.schema.migrating import job, up
from tests.schema.postgres_server import PASSWORD, USER, Database, unprivileged
from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postgres
ONE = "CREATE TABLE a (id integer);"


@pytest.fixture(scope="module")
def pgbouncer() -> tuple[str, dict[str, str]]:
    """The program, and its environment. CI fetches it, so there its absence is no reason to skip."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/bin:/opt/homebrew/bin")
    if found is not None:
        return found, dict(os.environ)
    try:
        with step("pgbouncer") as current:
            program, variables = subsets.pooler(default_store(), current)
    except ToolError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        needs.PGBOUNCER.skip()
    return str(program), {**os.environ, **variables}


@pytest.fixture(params=["transaction", "session"])
def pooled(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, pgbouncer: tuple[str, dict[str, str]]
) -> Iterator[str]:
    """The database's URL through a pooler."""
    program, environment = pgbouncer
    port = free_port()
    (tmp_path / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
    (tmp_path / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={database.server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {tmp_path / 'users'}\n"
        f"pool_mode = {request.param}\nignore_startup_parameters = extra_float_digits,options\n"
    )
    if unprivileged()[:1] == ("setpriv",):
        needs.NAMESPACES.skip()  # PgBouncer refuses to run as root
    with (tmp_path / "log").open("wb") as log:
        command = [*unprivileged(), program, "ini"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        url = database.server.url(database.name, port=port)
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    psycopg.connect(url).close()
                    break
                except psycopg.OperationalError:
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def test_a_pooler_is_refused_before_anything_is_changed(database: Database, pooled: str) -> None:
    with pytest.raises(InfraError, match="is reached through a pooler; use the server's own address") as found:
        apply(parse_url(pooled), job(ONE))
    assert PASSWORD not in str(found.value)
    assert database.tables() == []
    assert database.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_what_is_there_can_be_read_through_a_pooler(database: Database, pooled: str) -> None:
    state = up(database, ONE)
    assert inspect(parse_url(pooled), wait_seconds=5) == state
    with psycopg.connect(pooled) as other:
        row = other.execute("SELECT current_setting('search_path')").fetchone()
    assert row == ('"$user", public',), "a setting stayed in the pooler's session"
