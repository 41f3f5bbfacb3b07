"""The real Pulumi CLI, a real database: what a person sees, and what is in the state."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs
from tests.schema.postgres_server import ENCODED, PASSWORD, Database
from tests.support.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.postgres]
ROOT = Path(__file__).parents[2]
PROGRAM = """
from pathlib import Path
import pulumi
from convos_infra.schema.migration import read_folder
from convos_infra.schema.resource import DatabaseSchema, DatabaseSchemaArgs
config = pulumi.Config()
url = pulumi.Output.from_input(config.require_secret("url"))
files = read_folder(Path(config.require("files")))
args = DatabaseSchemaArgs(url, drift=config.get("drift") or "refuse", migrations=files)
schema = DatabaseSchema("schema", args)
pulumi.export("version", schema.version)
pulumi.export("host", schema.host)
"""
ONE = "-- Who talks.\nCREATE TABLE people (\n    id text PRIMARY KEY\n);\n"
TWO = "ALTER TABLE people ADD COLUMN notes text;\n"


@dataclass(frozen=True)
class Stack:
    """A project in a folder of its own, with its state."""

    folder: Path

    def run(self, *words: str, fails: bool = False) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        more = {
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        command = ["pulumi", *words, "--cwd", str(self.folder / "program"), "--non-interactive", "--color=never"]
        done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, timeout=180)
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text
        assert not [one for one in (PASSWORD, ENCODED) if one in text], "a password was printed"
        assert "Traceback" not in text, text
        return text

    def config(self, **values: str) -> None:
        for key, value in values.items():
            self.run("config", "set", *(["--secret"] if key == "url" else []), key, value)

    def write(self, number: int, text: str) -> None:
        (self.folder / "files" / f"{number:04}_m{number}.sql").write_text(text)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return new_stack(tmp_path)


def new_stack(folder: Path) -> Stack:
    if shutil.which("pulumi") is None:
        needs.TOOLCHAIN.skip()
    found = Stack(folder)
    for name in ("program", "files", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "program" / "Pulumi.yaml").write_text("name: schematest\nruntime: python\n")
    (folder / "program" / "__main__.py").write_text(PROGRAM)
    found.run("stack", "init", "test")
    found.config(files=str(folder / "files"))
    return found


one_server = pytest.mark.parametrize("server", ["embedded"], indirect=True)
"""The CLI's own ways do not depend on the server's version."""


@one_server
def test_a_stack_from_its_first_preview_to_its_end(stack: Stack, database: Database) -> None:
    stack.write(1, ONE)
    stack.config(url=database.url)
    preview = stack.run("preview", "--diff")
    assert '[1]: "CREATE TABLE people ("' in preview
    assert database.tables() == [], "a preview changed something"
    assert 'version: "0001"' in stack.run("up", "--yes", "--skip-preview")
    stack.run("preview", "--expect-no-changes")

    stack.write(2, TWO)
    preview = stack.run("preview", "--diff")
    assert '[0]: "ALTER TABLE people ADD COLUMN notes text;"' in preview
    assert '+     [0]: "0002_m2.sql"' in preview or '=> "0002_m2.sql"' in preview
    assert "CREATE TABLE people" not in preview, "applied files are noise"
    assert '"0001" => "0002"' in stack.run("up", "--yes", "--skip-preview")
    state = stack.run("stack", "export")
    assert "ciphertext" in state

    database.run("CREATE INDEX mine ON people (notes)")
    assert "added: index mine CREATE INDEX mine ON public.people" in stack.run("refresh", "--preview-only", "--diff")
    stack.run("preview", "--refresh", "--expect-no-changes", fails=True)
    stack.run("refresh", "--yes", "--skip-preview")
    words = "schema: was changed by others since 0002_m2.sql: added: index mine"
    assert words in stack.run("preview", "--diff", fails=True), "a preview says what the update says"
    assert words in stack.run("up", "--yes", "--skip-preview", fails=True)
    stack.config(drift="accept")
    stack.run("up", "--yes", "--skip-preview")
    stack.run("preview", "--refresh", "--expect-no-changes")

    stack.run("destroy", "--yes", "--skip-preview")
    assert database.tables() == ["people", "schema_history"]
    assert database.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'") == 1


@one_server
def test_errors_are_one_line_and_change_nothing(stack: Stack, database: Database) -> None:
    stack.write(1, ONE)
    stack.config(url=database.server.url(database.name, password="wrong-" + ENCODED))
    text = stack.run("preview", fails=True)
    assert "resource 'schema' has a problem: database 127.0.0.1" in text
    assert "refuses the user or the password (user owner); check the URL's user and password" in text

    stack.config(url=database.url)
    stack.write(2, "ALTER TABLE people DROP COLUMN id;\n")
    text = stack.run("preview", fails=True)
    line = '0002_m2.sql:1: DROP COLUMN loses data; add "-- allow: drop-column people.id" if that is meant'
    assert f"resource 'schema' has a problem: {line}" in text

    stack.write(2, "SELECT 1;\nSELECT nope;\n")
    text = stack.run("up", "--yes", "--skip-preview", fails=True)
    assert 'error: create failed: 0002_m2.sql:2: PostgreSQL says "column "nope" does not exist", 42703' in text
    assert database.value("SELECT max(version) FROM schema_history") == "0001"
    stack.write(2, TWO)
    stack.run("up", "--yes", "--skip-preview")
    assert database.value("SELECT max(version) FROM schema_history") == "0002"


def test_a_preview_needs_no_database(stack: Stack) -> None:
    stack.write(1, ONE)
    stack.config(url=f"postgresql://owner:{ENCODED}@127.0.0.1:{free_port()}/none")
    assert '[0]: "0001_m1.sql"' in stack.run("preview", "--diff")


@one_server
def test_two_updates_at_once_wait_for_each_other_and_nothing_runs_twice(tmp_path: Path, database: Database) -> None:
    """Two stacks, as two updates of one stack are kept apart by Pulumi's own lock already."""
    held = "-- lock-timeout: 2min\n-- statement-timeout: 2min\nSELECT pg_advisory_xact_lock_shared(7);\n"
    stacks = [new_stack(tmp_path / name) for name in ("first", "second")]
    for stack in stacks:
        stack.write(1, ONE)
        stack.write(2, held + "INSERT INTO people VALUES (gen_random_uuid()::text);\n")
        stack.config(url=database.url)
    with database.connect() as gate, ThreadPoolExecutor(2) as pool:
        gate.execute("SELECT pg_advisory_lock(7)")
        updates = [pool.submit(stack.run, "up", "--yes", "--skip-preview") for stack in stacks]
        asking = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
        deadline = time.monotonic() + 120
        for question in ("%pg_advisory_xact_lock_shared(7)%", "%pg_try_advisory_lock%"):
            while gate.execute(asking, (question,)).fetchone() != (1,):
                assert not [one.result() for one in updates if one.done()]
                assert time.monotonic() < deadline
        gate.execute("SELECT pg_advisory_unlock(7)")
        said = [update.result() for update in updates]
    assert len([text for text in said if "waiting for another migrator of this database" in text]) == 1
    assert all('version: "0002"' in text for text in said)
    assert database.value("SELECT count(*) FROM people") == 1
    assert database.value("SELECT count(*) FROM schema_history") == 2
