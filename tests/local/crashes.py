"""`make crashes [N=100] [FIRST=0]`: seeded crashes of this checkout's local stack, each repaired by one `make local`.

A crash kills some or all of the processes that `make local` started, at rest or while `make local` runs, and then
damages files as a power cut does. Afterwards a single `make local` must end with exit code 0, which it does only if
every row of its table answers; and the rows that were in the database are still there. Only processes that carry the
mark of this checkout's stack are killed.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psycopg

from ops.local import process
from ops.local.layout import Layout, here
from ops.local.services import load
from ops.toolchain.errors import ToolError
from tests.local import docker_files
from tests.local.docker_files import LENGTHS

UP = (sys.executable, "-m", "ops.local", "up")
STATUS = ("ops/run", "status", "--stack=local")
UP_SECONDS = 600.0
LONGEST_INTO_UP = 15.0
"""Seconds; a `make local` that has to start everything again takes about that long."""
MARKER = "CREATE SCHEMA IF NOT EXISTS crashes; CREATE TABLE IF NOT EXISTS crashes.survived (number integer PRIMARY KEY)"
_WARM = re.compile(r"^ +agents +/api/pool/status +\d+ warm$", re.MULTILINE)
"""The table's row where no agent is in another state."""
DERIVED = ("services.json", "env", "registry.yml", "buildkitd.toml", "buildx/instances/convos-local")
"""Files of which nothing depends on what they said before: the next `make local` finds it out, or writes them again."""


def kill_everything(layout: Layout, chance: random.Random) -> str:
    """Kill everything at once, as a power cut does."""
    del chance
    found = process.marked(process.mark_of(layout.root))
    _kill(found)
    return f"all {len(found)} processes were killed"


def kill_some(layout: Layout, chance: random.Random) -> str:
    """Kill a few processes, as a machine without memory does."""
    found = process.marked(process.mark_of(layout.root))
    chosen = chance.sample(found, k=min(len(found), chance.randint(1, 5)))
    _kill(chosen)
    return f"{len(chosen)} of {len(found)} processes were killed"


def kill_docker(layout: Layout, chance: random.Random) -> str:
    """Kill Docker and leave the rest: its daemon alone, or with everything below it, the containers too."""
    daemon = load(layout).by_name["docker"].process
    below = process.marked(process.mark_of(layout.root, "docker"))
    if daemon is not None and chance.random() < 0.5:
        _kill([daemon])
        return f"Docker's daemon was killed and {len(below) - 1} processes below it were left"
    _kill(below)
    return f"Docker was killed with all {len(below)} processes below it"


def kill_one_service(layout: Layout, chance: random.Random) -> str:
    """Kill one of the other services, and leave the rest."""
    name = chance.choice([name for name in load(layout).by_name if name != "docker"])
    found = process.marked(process.mark_of(layout.root, name))
    _kill(found)
    return f"{name} was killed: {len(found)} processes"


def kill_during_up(layout: Layout, chance: random.Random) -> str:
    """Kill everything while `make local` starts everything again."""
    kill_everything(layout, chance)
    seconds = chance.uniform(0.1, LONGEST_INTO_UP)
    with (layout.logs / "crashes.log").open("ab") as log:
        running = subprocess.Popen(
            UP, cwd=layout.checkout, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    kill_everything(layout, chance)
    return f"everything was killed {seconds:.1f} s into make local"


def kill_make_local_alone(layout: Layout, chance: random.Random) -> str:
    """Kill `make local` while its update runs, and leave the update and its plugins to end as they may."""
    kill_everything(layout, chance)
    seconds = chance.uniform(0.1, LONGEST_INTO_UP)
    with (layout.logs / "crashes.log").open("ab") as log:
        running = subprocess.Popen(UP, cwd=layout.checkout, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
        running.kill()
        running.wait()
    return f"only make local was killed, {seconds:.1f} s after its start"


def cut_a_file(layout: Layout, chance: random.Random) -> str:
    """Kill everything, and cut a file that was being written: to nothing, or somewhere in its middle."""
    kill_everything(layout, chance)
    files = [file for name in DERIVED if (file := layout.root / name).is_file()]
    return f"everything was killed, {_cut(chance.choice(files), chance)}"


def cut_files_of_docker(layout: Layout, chance: random.Random) -> str:
    """Kill everything, and cut all files of a kind that Docker, containerd or BuildKit keep for themselves."""
    kill_everything(layout, chance)
    kind = chance.choice(list(docker_files.by_kind(layout)))
    return f"everything was killed, {docker_files.cut(layout, kind, chance.choice(LENGTHS))}"


def cut_a_file_of_what_runs(layout: Layout, chance: random.Random) -> str:
    """Cut a file, and leave everything running: what runs has to be found again."""
    files = [file for name in DERIVED if (file := layout.root / name).is_file()]
    return f"everything runs, {_cut(chance.choice(files), chance)}"


def cut_the_history(layout: Layout, chance: random.Random) -> str:
    """Kill everything, and cut the newest files of Pulumi's history, as a full disk does."""
    kill_everything(layout, chance)
    files = sorted((layout.state / ".pulumi" / "history").rglob("*.json"), key=lambda file: file.stat().st_mtime)
    return f"everything was killed, {'; '.join(_cut(file, chance) for file in files[-2:])}"


Kind = Callable[[Layout, random.Random], str]
KINDS: tuple[Kind, ...] = (
    kill_everything,
    kill_some,
    kill_docker,
    kill_one_service,
    kill_during_up,
    kill_make_local_alone,
    cut_a_file,
    cut_the_history,
    cut_a_file_of_what_runs,
    cut_files_of_docker,
)


def _kill(processes: list[process.Process]) -> None:
    for one in processes:
        if process.is_alive(one):
            os.kill(one.pid, signal.SIGKILL)


def _cut(file: Path, chance: random.Random) -> str:
    length = chance.choice((0, chance.randrange(file.stat().st_size or 1)))
    os.truncate(file, length)
    return f"{file.name} was cut to {length} bytes"


def up(layout: Layout, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run `make local` once; return its exit code and what it said."""
    done = subprocess.run(
        UP,
        cwd=layout.checkout,
        env=dict(environ) if environ else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=UP_SECONDS,
    )
    with (layout.logs / "crashes.log").open("a") as log:
        log.write(done.stdout + done.stderr)
    return done.returncode, done.stdout + done.stderr


def database(layout: Layout) -> psycopg.Connection[tuple[int]]:
    """Return a session of the local stack's database."""
    command = [sys.executable, "-m", "ops.local", "database-url"]
    done = subprocess.run(command, cwd=layout.checkout, capture_output=True, text=True, check=True)
    return psycopg.connect(done.stdout.strip(), autocommit=True)


def build(layout: Layout, number: int) -> str:
    """Build and push an image whose first layer is the same for each number; return what went wrong."""
    services = load(layout)
    control = Path(services.notes["tools"]) / "buildctl"
    image = f"{services.by_name['registry'].address}/crashes:{number}"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "same").write_text("of every crash\n")
        Path(folder, "Dockerfile").write_text(f"FROM scratch\nCOPY same /\nCOPY Dockerfile /{number}\n")
        argv = [str(control), f"--addr={services.by_name['buildkit'].address}", "build", "--frontend=dockerfile.v0"]
        argv += [f"--local={name}={folder}" for name in ("context", "dockerfile")]
        argv.append(f"--output=type=image,name={image},push=true,registry.insecure=true")
        done = _run(argv)
        if "context deadline exceeded" in done.stderr:
            # buildctl's own, after everything is pushed, where a busy machine leaves it no second to end its streams.
            done = _run(argv)
    return "" if done.returncode == 0 else f"BuildKit builds no more: {done.stderr[-600:]}"


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP_SECONDS)


def crash(layout: Layout, number: int, kind: Kind | None = None) -> tuple[str, str]:
    """Make the crash of a number, and repair it; return what was done, and what is wrong then, empty for nothing.

    Args:
        layout: the local stack, which is up.
        number: the seed.
        kind: makes the crash; without it, the one of `KINDS` that the number stands for.
    """
    chance = random.Random(number)  # repeatable, protects nothing
    if wrong := build(layout, number):
        return "nothing was done yet", wrong
    with database(layout) as session:
        session.execute(MARKER)
        session.execute("INSERT INTO crashes.survived VALUES (%s) ON CONFLICT DO NOTHING", (number,))
    done = (kind or KINDS[number % len(KINDS)])(layout, chance)
    code, said = up(layout)
    if code != 0:
        return done, f"make local ended with exit code {code}: {' | '.join(said.splitlines()[-6:])}"
    if not _WARM.search(said):
        return done, f"not all agents are warm: {' | '.join(line for line in said.splitlines() if 'agents ' in line)}"
    with database(layout) as session:
        row = session.execute("SELECT count(*) FROM crashes.survived WHERE number = %s", (number,)).fetchone()
    if row != (1,):
        return done, "the database lost a row"
    if wrong := build(layout, number):
        return done, wrong
    status = subprocess.run(STATUS, cwd=layout.checkout, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done, "" if status.returncode == 0 else f"make status ends with {status.returncode}: {status.stdout[-600:]}"


def each_file_of_docker(layout: Layout, part: str) -> list[Kind]:
    """Return a crash for each kind of file of Docker and BuildKit whose path has a part, and for each length of it."""

    def cutting(name: str, to: str) -> Kind:
        def cut(layout: Layout, chance: random.Random) -> str:
            kill_everything(layout, chance)
            return f"everything was killed, {docker_files.cut(layout, name, to)}"

        return cut

    return [cutting(name, to) for name in docker_files.by_kind(layout) if part in name for to in LENGTHS]


def main(argv: list[str]) -> int:
    """Print each crash; 1 where one was not repaired by one `make local`."""
    parser = argparse.ArgumentParser(prog="make crashes", description=__doc__)
    parser.add_argument("--number", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first")
    parser.add_argument(
        "--files", help="cut each kind of Docker's own files whose path contains this, one after another"
    )
    chosen = parser.parse_args(argv)
    layout = here()
    if not layout.services.exists():
        raise ToolError("crashes", "the local stack is not up", "run: make local")
    kinds = KINDS if chosen.files is None else each_file_of_docker(layout, chosen.files)
    last = chosen.first + chosen.number if chosen.files is None else len(kinds)
    failed = 0
    for number in range(chosen.first, last):
        began = time.monotonic()
        done, wrong = crash(layout, number, kinds[number % len(kinds)])
        failed += bool(wrong)
        result = f"NOT BACK: {wrong}" if wrong else "back, data kept"
        sys.stdout.write(f"crash {number}: {done}: {result}, {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        if wrong and (code := up(layout)[0]) != 0:
            sys.stdout.write(f"crash {number}: a second make local ended with exit code {code} as well\n")
            return 1
    sys.stdout.write(f"crashes: {last - chosen.first} made, {failed} not back by one make local\n")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ToolError as error:
        sys.exit(str(error))
