"""`make schema-check`: every migration on every PostgreSQL of this machine, from nothing and from each release.

Each run ends in the schema of `expected.sql`, without drift. `released/VERSION.sql` is the dump of a database that the
program of that release has made, with its history. `--record VERSION` writes one; a release does it once.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from convos_infra.schema import catalog
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, apply
from convos_infra.schema.migration import FOLDER, MigrationFile, parse, read_folder
from railway_api.failure import Failure
from tests.schema.postgres_server import Server, installed, new_database, running

RELEASED = Path(__file__).parent / "released"
CHECKSUMS = Path(__file__).parent / "released_migrations.json"
EXPECTED = FOLDER.parent / "expected.sql"


@dataclass(frozen=True)
class Check:
    """What the migrations came to, from one beginning on one server.

    Attributes:
        major: the server's major version.
        beginning: what was there before: `nothing`, or a release.
        applied: how many files were applied.
        seconds: how long that took.
        problems: how the end differs from `expected.sql`, or why a file failed; empty for a good end.
    """

    major: int
    beginning: str
    applied: int
    seconds: float
    problems: tuple[str, ...]

    def __str__(self) -> str:
        said = "; ".join(self.problems) or "as expected.sql"
        return (
            f"PostgreSQL {self.major:<4}from {self.beginning:<10}{self.applied} applied in {self.seconds:.2f} s: {said}"
        )


def checks(
    servers: Mapping[int, Path], migrations: Sequence[MigrationFile], expected: str, beginnings: Mapping[str, str]
) -> Iterator[Check]:
    """Yield a check for each server and beginning.

    Args:
        servers: folders of binaries by major version.
        migrations: all files.
        expected: the schema that they add up to, as SQL.
        beginnings: SQL by name; an empty text for an empty database.
    """
    for major, binaries in sorted(servers.items()):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "postgres", binaries) as server:
            wanted = catalog_of(server, expected)
            for name, sql in beginnings.items():
                yield check_one(server, major, name, sql, migrations, wanted)


def catalog_of(server: Server, sql: str) -> dict[str, str]:
    """Return what some SQL makes in an empty database."""
    with new_database(server) as database:
        database.run(sql)
        with database.connect() as connection:
            return catalog.read(connection)


def check_one(
    server: Server, major: int, name: str, sql: str, migrations: Sequence[MigrationFile], wanted: Mapping[str, str]
) -> Check:
    """Return what the migrations come to in a database that begins with `sql`; `wanted` is what they should."""
    with new_database(server) as database:
        began = time.monotonic()
        before, state = 0, None
        try:
            if sql:
                database.run(sql)
                before = database.value("SELECT count(*) FROM public.schema_history")
            began = time.monotonic()
            state = apply(parse_url(database.url), Job(migrations))
            problems = [*catalog.compare(wanted, state.catalog), *state.drift]
        except (Failure, psycopg.Error) as error:
            problems = [" ".join(str(error).split())]
        applied = len(state.applied) - before if state else 0
        return Check(major, name, applied, time.monotonic() - began, tuple(problems))


def beginnings() -> dict[str, str]:
    """Return what a database may be like before an update: nothing, or as a release has left it."""
    return {"nothing": "", **{file.stem: file.read_text() for file in sorted(RELEASED.glob("*.sql"))}}


def record(version: str, binaries: Path) -> None:
    """Write the schema of this checkout down as that of a release, and its files as released.

    Args:
        version: the release's.
        binaries: of the oldest server: a newer one reads its dumps, and not the other way round.
    """
    migrations = parse(read_folder())
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "postgres", binaries) as server,
        new_database(server) as database,
    ):
        apply(parse_url(database.url), Job(migrations))
        command = [str(binaries / "pg_dump"), "--no-owner", "--inserts", f"--dbname={database.url}"]
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (RELEASED / f"{version}.sql").write_text(portable(dump))
    CHECKSUMS.write_text(json.dumps({one.file: one.checksum for one in migrations}, indent=2) + "\n")


def portable(dump: str) -> str:
    """Return a dump without comments, psql's own commands and settings, which other versions do not know."""
    kept = [line for line in dump.splitlines() if not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_"))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def main(argv: list[str]) -> int:
    """Print each check; 1 where one of them is not as it should be."""
    parser = argparse.ArgumentParser(prog="make schema-check", description=__doc__)
    parser.add_argument("--record", metavar="VERSION", help="write the schema of this checkout down as a release's")
    version = parser.parse_args(argv).record
    servers = installed()
    if version:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)+", version):
            parser.error(f"not a version such as 0.2: {version[:40]!r}")
        record(version, servers[min(servers)])
    found = []
    for one in checks(servers, parse(read_folder()), EXPECTED.read_text(), beginnings()):
        found.append(one)
        sys.stdout.write(f"{one}\n")
        sys.stdout.flush()
    wrong = sum(bool(one.problems) for one in found)
    sys.stdout.write(f"schema-check: {len(found)} runs, {wrong} not as expected.sql\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
