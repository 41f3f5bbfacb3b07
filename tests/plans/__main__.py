"""Plays five typical changes on a local stack: what `make preview` announces is what `pulumi up` then does.

    make plans [RECORD=folder]

A stack of its own is brought up by `make local` in a copy of this checkout, changed five times, and taken down: some
minutes. RECORD keeps what each preview printed; docs/preview.md counts its lines. The exit code is 0 only if the
deployments and mutations of each change are those of its plan, and no value of a secret was printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.stack.fix_stack import ROOT, LocalStack, local_stack

SECRET = "pLaNtEd-sEcReT"
MIGRATION = (
    "ALTER TABLE agent_metadata ADD COLUMN seen_at timestamptz;\nCREATE INDEX agent_seen ON agent_metadata (seen_at);\n"
)
DATABASE_IMAGE = "ghcr.io/railwayapp-templates/postgres-ssl:17"
PREVIEW = ("python", "-m", "ops", "preview", "--stack", "local")


@dataclass(frozen=True)
class Change:
    """A change of a stack.

    Attributes:
        name: what it is called in docs/preview.md.
        make: makes it in the stack's config or files; nothing on Railway.
    """

    name: str
    make: Callable[[LocalStack], None]


def new_image(stack: LocalStack) -> None:
    """Pin the image of this checkout's newest commit."""
    stack.set("imageTag", stack.push_image(revision("HEAD")))


def rollback(stack: LocalStack) -> None:
    """Pin the image of an older commit."""
    stack.set("imageTag", stack.push_image(revision("HEAD~3")))


def new_key(stack: LocalStack) -> None:
    """Set a secret key of agents and canary."""
    stack.set("keys.BANKR_API_KEY", SECRET, "--path", "--secret")


def new_migration(stack: LocalStack) -> None:
    """Add a file to the migrations."""
    folder = stack.checkout / "convos_infra" / "schema" / "migrations"
    number = max(int(file.name[:4]) for file in folder.glob("*.sql")) + 1
    (folder / f"{number:04}_agent_seen.sql").write_text(MIGRATION)


def new_service(stack: LocalStack) -> None:
    """Put another database with a volume beside the stack's own."""
    stack.set("databases.cache.image", DATABASE_IMAGE, "--path")
    stack.set("databases.cache.mountPath", "/var/lib/postgresql/data", "--path")
    stack.set("databases.cache.variables.POSTGRES_PASSWORD", SECRET, "--path", "--secret")


CHANGES = (
    Change("new image", new_image),
    Change("rollback", rollback),
    Change("new key", new_key),
    Change("new migration", new_migration),
    Change("new service", new_service),
)


def revision(name: str) -> str:
    """Return a commit of this checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def played(stack: LocalStack, change: Change, record: Path | None) -> list[str]:
    """Make a change, preview it, update, and return what of the plan was not kept."""
    change.make(stack)
    stack.cost()
    told = stack.plan()
    plan, diff = stack.shell(*PREVIEW).text, stack.preview().text
    wrong = [f"the preview itself sent {sent}" for sent in stack.cost()]
    done = stack.up()
    if done.code != 0:
        return [*wrong, f"the update failed: {done.text[-2000:]}"]
    cost = stack.cost()
    deployed = sorted(name for _, names in cost for name in names.split(",") if name)
    announced = sorted(one["name"] for one in told["services"] for _ in range(one["deployments"]))
    sys.stdout.write(f"\n== {change.name}\n{plan}update: {len(deployed)} deployments, {len(cost)} mutations: {cost}\n")
    sys.stdout.write(f"lines: plan {len(plan.splitlines())}, pulumi preview --diff {len(diff.splitlines())}\n")
    sys.stdout.flush()
    if deployed != announced or len(deployed) != told["deployments"]:
        wrong.append(f"deployments: announced {announced}, made {deployed}")
    if len(cost) != told["mutations"]:
        wrong.append(f"mutations: announced {told['mutations']}, sent {cost}")
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)
        (record / f"{change.name.replace(' ', '-')}.plan.txt").write_text(plan)
        (record / f"{change.name.replace(' ', '-')}.diff.txt").write_text(diff)
    return wrong


def main() -> int:
    """Play all changes."""
    record = Path(os.environ["RECORD"]) if os.environ.get("RECORD") else None
    wrong = []
    with tempfile.TemporaryDirectory(prefix="plans-") as folder, local_stack(Path(folder)) as stack:
        for change in CHANGES:
            wrong += [f"{change.name}: {one}" for one in played(stack, change, record)]
        values = [SECRET, stack.outputs()["poolManager"]["apiKey"]]
        wrong += [
            f"a secret was printed: {text[:80]!r}" for text in stack.printed if any(one in text for one in values)
        ]
    for one in wrong:
        sys.stdout.write(f"not kept: {one}\n")
    sys.stdout.write(f"\n{len(CHANGES)} changes, {len(wrong)} differences between plan and update\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
