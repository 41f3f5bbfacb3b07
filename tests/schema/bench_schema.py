"""The suite `schema` of `make bench`.

`ratio` compares with psql running the same files in one process with a transaction each, in the same run.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from convos_infra.schema import guards
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, apply
from convos_infra.schema.connection import connect
from convos_infra.schema.migration import MigrationFile, parse
from tests.schema.postgres_server import PASSWORD, Database, Server, embedded_binaries, new_database, running
from tests.schema.wire_proxy import proxied

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SIZES = (1, 50, 200)
ROUNDS = 5
INSERTS = (25_000, 50_000)
"""How many there are in one file; the larger one has 2 MB. Twice as many may take twice as long."""
T = TypeVar("T")


def files(size: int) -> dict[str, str]:
    text = "CREATE TABLE t{n} (id text PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());\n"
    return {f"{n:04}_t{n}.sql": text.format(n=n) for n in range(1, size + 1)}


def rows() -> Iterator[dict[str, Any]]:
    """Yield each row as soon as it is measured."""
    yield from map(guarded, INSERTS)
    with tempfile.TemporaryDirectory() as folder, on_disk(Path(folder)) as server:
        for size in SIZES:
            yield pending(server, Path(folder), size)
            yield nothing(server, size)


def on_disk(folder: Path) -> AbstractContextManager[Server]:
    """Return a server like a real one: each commit reaches the disk."""
    return running(folder / "postgres", embedded_binaries(), fsync="on")


def row(case: str, size: int, calls: int, seconds: float, **more: Any) -> dict[str, Any]:
    """Return a row; `calls` are the round trips to the server after connecting."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fixed = {"suite": "schema", "case": case, "size": size, "calls": calls, "mutations": 0, "deployments": 0}
    return {**fixed, "seconds": round(seconds, 4), "peak_mib": round(peak, 1), **more}


def inserts(size: int) -> str:
    """Return a file of so many statements, 41 characters each."""
    return "".join(f"INSERT INTO t VALUES ({n:07}, 'a;''b-c');\n" for n in range(size))


def guarded(size: int) -> dict[str, Any]:
    """Measure how long it takes to split one large file into statements, and to judge each."""
    made = "CREATE TABLE t (id integer, name text);"
    large = inserts(size)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        first, second = parse({"0001_t.sql": made, "0002_rows.sql": large})
        problems = guards.check([second], [first])
        taken.append(time.perf_counter() - began)
        assert (problems, len(second.script.statements)) == ([], size)
    return row("guard", size, 0, statistics.median(taken), mib=round(len(large) / 2**20, 2))


def pending(server: Server, folder: Path, size: int) -> dict[str, Any]:
    texts = files(size)
    for name, text in texts.items():
        (folder / name).write_text(text)
    script = folder / "all.sql"
    script.write_text("".join(f"BEGIN;\n\\i {folder / name}\nCOMMIT;\n" for name in texts))
    ours, psqls = [], []
    for number in range(ROUNDS):  # in turns: the machine's other work hits both
        # Each round has texts of its own, as a text that was read before is not read again.
        fresh = {name: text + "\n" * (number + 1) for name, text in texts.items()}
        ours.append(on_new_database(server, lambda database, fresh=fresh: ran(database, fresh)))  # type: ignore[misc]
        psqls.append(on_new_database(server, lambda database: psql(database, script)))
    calls = on_new_database(server, lambda database: messages(database, parse(texts)))
    ratio = statistics.median(ours) / statistics.median(psqls)
    return row("apply", size, int(calls), statistics.median(ours), ratio=round(ratio, 2))


def nothing(server: Server, size: int) -> dict[str, Any]:
    texts = files(size)

    def twice(database: Database) -> tuple[float, float]:
        ran(database, texts)
        return statistics.median(ran(database, texts) for _ in range(ROUNDS)), messages(database, parse(texts))

    seconds, calls = on_new_database(server, twice)
    return row("noop", size, int(calls), seconds)


def on_new_database(server: Server, run: Callable[[Database], T]) -> T:
    with new_database(server) as database:
        return run(database)


def ran(database: Database, texts: dict[str, str]) -> float:
    """Return the seconds from the texts to the result; `pulumi up` has loaded the parser for the preview."""
    began = time.perf_counter()
    apply(parse_url(database.url), Job(parse(texts)))
    return time.perf_counter() - began


def psql(database: Database, script: Path) -> float:
    server = database.server
    command = [str(server.binaries / "psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={script}"]
    command += ["--host=127.0.0.1", f"--port={server.port}", "--username=owner", f"--dbname={database.name}"]
    began = time.perf_counter()
    subprocess.run(command, env={**server.environment, "PGPASSWORD": PASSWORD}, check=True, capture_output=True)
    return time.perf_counter() - began


def messages(database: Database, migrations: tuple[MigrationFile, ...]) -> float:
    with proxied(database.server.port) as wire:
        address = parse_url(database.server.url(database.name, port=wire.port))
        connect(address, wait_seconds=5).close()
        connecting, wire.messages = wire.messages, 0
        apply(address, Job(migrations))
        return wire.messages - connecting
