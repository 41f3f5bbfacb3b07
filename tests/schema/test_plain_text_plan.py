"""`python -m convos_infra.schema plan`, and the examples of the guide."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convos_infra.schema import guards
from convos_infra.schema.migration import FOLDER, parse, read_folder
from tests.schema.migrating import files, up
from tests.schema.postgres_server import ENCODED, PASSWORD, Database
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
ONE = "CREATE TABLE a (id integer);\n"
TWO = "-- Words.\nALTER TABLE a ADD COLUMN b text;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in files(ONE, TWO).items():
        (tmp_path / name).write_text(text)
    return tmp_path


def plan(folder: Path, url: str = "", *more: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "convos_infra.schema", "plan", "--migrations", str(folder), *more]
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    text = done.stdout + done.stderr
    assert not [secret for secret in (PASSWORD, ENCODED) if secret in text]
    return done.returncode, text


def test_without_a_database_the_plan_is_that_of_an_empty_one(folder: Path) -> None:
    assert plan(folder) == (
        2,
        (
            "no DATABASE_URL: this is the plan for an empty database\n\n"
            f"-- pending: 0001_m1.sql\n{ONE}\n-- pending: 0002_m2.sql\n{TWO}"
        ),
    )


@pytest.mark.postgres
def test_with_a_database_the_plan_says_what_is_pending_there_and_what_drifted(folder: Path, database: Database) -> None:
    up(database, ONE)
    head = f"database 127.0.0.1:{database.server.port}/{database.name}: at 0001\n"
    assert plan(folder, database.url) == (2, f"{head}no drift\n\n-- pending: 0002_m2.sql\n{TWO}")
    assert plan(folder, database.url, "--target=0001") == (0, f"{head}no drift\nnothing is pending\n")
    database.run("CREATE INDEX i ON a (id)")
    assert f"{head}drift: added: index i CREATE INDEX i ON" in plan(folder, database.url)[1]


def test_what_is_wrong_is_one_line(folder: Path) -> None:
    (folder / "0003_m3.sql").write_text("DROP TABLE a;")
    code, text = plan(folder)
    assert (code, text.splitlines()[-1]) == (
        1,
        'error: 0003_m3.sql:1: DROP TABLE loses data; add "-- allow: drop-table a" if that is meant',
    )
    code, text = plan(folder, f"postgresql://u:{ENCODED}@127.0.0.1:{free_port()}/d?x=1")
    assert (code, text) == (1, "error: DATABASE_URL: has the unknown parameter 'x'; remove it from the URL\n")


@pytest.mark.postgres
def test_the_examples_of_the_guide_work(database: Database) -> None:
    guide = (FOLDER.parent / "README.md").read_text()
    not_null, expand, contract = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    notes = "ALTER TABLE agent_metadata ADD COLUMN notes text;"
    ours = [text for _, text in sorted(read_folder().items())]
    texts = files(*ours, expand, contract, notes, not_null)
    assert guards.check(parse(texts)[len(ours) :], parse(texts)[: len(ours)]) == []
    state = up(database, *texts.values())
    assert state.catalog["column agent_metadata.notes"] == "text NOT NULL"
    assert "column agent_metadata.join_url" in state.catalog
    assert "column agent_metadata.invite_url" not in state.catalog
