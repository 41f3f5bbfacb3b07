"""Writes a stack's config that describes a live environment, without changing the environment: `make adopt`.

python -m ops adopt --project NAME --environment NAME --stack STACK [--with seal,canary] [--force]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.railway import takeover
from convos_infra.railway.listing import list_projects
from convos_infra.railway.snapshot import Gone
from convos_infra.railway.snapshots import Snapshots
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import current_digest
from ops import pulumi_cli, stacks
from ops.adopt import file
from ops.adopt.before import Before, differences, merged, opened
from ops.adopt.config import AdoptionInputs, Described, drafted
from ops.adopt.fit import Fitting, fitted, offers
from ops.adopt.improvement import IMPROVEMENTS
from ops.adopt.live import Live, Roles, roles
from ops.adopt.report import adoption_report
from ops.ci import workflow
from ops.ci.registry_login import credentials
from ops.printable import log_line
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.stack_command import agrees
from ops.status import railway_view
from railway_api import documents
from stack.database import NONE
from stack.databases import KEY as DATABASES
from stack.names import listed

if TYPE_CHECKING:
    from ops.adopt.report import AdoptionReport
    from railway_api.client import Client

REPORTS = CHECKOUT / ".adopted"


def read(railway: Client, project: str, environment: str) -> Live:
    """Read an environment.

    Args:
        railway: with an account or workspace token.
        project: its name or id.
        environment: its name or id.

    Raises:
        InfraError: there is none with that name, or it cannot be read.
    """
    rows = [row for row in list_projects(railway, subject="PROJECT") if not row.get("deletedAt")]
    found = _chosen("PROJECT", project, {str(row["id"]): str(row["name"]) for row in rows})
    chosen = _chosen("ENVIRONMENT", environment, railway_view.environments(railway, found[0]))
    try:
        snapshot = Snapshots(railway).read(found[0], chosen[0], subject=f"environment {chosen[1]}")
    except Gone:
        raise InfraError("ENVIRONMENT", f"{chosen[1]} was deleted just now") from None
    answer = railway.query(documents.STAGED_CHANGES, {"environmentId": chosen[0]}, subject=f"environment {chosen[1]}")
    # The query always answers; if nothing is staged, the patch is empty.
    staged = (answer.get("environmentStagedChanges") or {}).get("patch")
    return Live(found[1], chosen[1], snapshot, staged if isinstance(staged, Mapping) else {})


def _chosen(key: str, wanted: str, names: Mapping[str, str]) -> tuple[str, str]:
    found = [(id_, name) for id_, name in names.items() if wanted in (id_, name)]
    if not found:
        listed_ = ", ".join(sorted(names.values())) or "none"
        raise InfraError(key, f"the token shows none with the name {wanted!r}", f"it shows: {listed_}")
    if len(found) > 1:
        raise InfraError(
            key, f"{len(found)} have the name {wanted}", f"use an id: {', '.join(row[0] for row in found)}"
        )
    return found[0]


def digests() -> Callable[[str], str]:
    """Return a function that resolves `repository:tag` to its digest; empty if the registry does not tell."""
    known: dict[str, str] = {}

    def digest_of(reference: str) -> str:
        if reference not in known:
            try:
                known[reference] = current_digest(parse(reference), credentials=credentials(), subject="image")
            except RegistryError as error:
                sys.stderr.write(f"no further requests to that registry: {error}\n")
                known[reference] = ""
        return known[reference]

    return digest_of


def main(argv: Sequence[str] | None = None) -> int:
    """Read the environment, print the comparison and the changes to the file, and write the file."""
    chosen = _arguments(argv)
    stack = stacks.checked(chosen.stack)
    target = file.path_of(CHECKOUT, stack)
    if file.has_config(target) and not chosen.force and not sys.stdin.isatty():
        step = "choose another name, or adopt over it with FORCE=1"
        raise InfraError("STACK", f"{target.name} exists already", step)
    live = read(railway_view.client(), chosen.project, chosen.environment)
    if marked := takeover.problem(live.environment, stack, live.snapshot.config):
        raise InfraError("STACK", *marked)
    before = _before(stack)
    found, told = _described(chosen, stack, live, before)
    lines = [*told.lines(), *_unused(found)]
    changes = list(differences(before, found)) if file.has_config(target) else []
    told_changes = [f"  {target.name}: {line}" for line in changes]
    # Names and values of a live environment were written by others.
    sys.stdout.writelines(log_line(f"{line}\n") for line in [*lines, *told_changes])
    if changes and not chosen.force and not agrees(f"Write {target.name}?"):
        raise InfraError("STACK", f"{target.name} is unchanged", "nothing was written")
    backup = file.write(CHECKOUT, stack, found, REPORTS / "backups")
    file.keep(REPORTS, f"{stack}.txt", "\n".join(lines) + "\n")
    file.keep(REPORTS, f"{stack}.json", json.dumps(told.document(), indent=1) + "\n")
    if backup is not None:
        sys.stdout.write(f"\n  previous file: {backup.relative_to(CHECKOUT)}\n")
    sys.stdout.write(f"\n  report: {REPORTS.name}/{stack}.txt and .json\n")
    sys.stdout.write(f"  next: pulumi preview --stack {stack} --diff\n")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ops adopt", description=__doc__)
    for name in ("project", "environment", "stack", "pool-manager", "canary", "database", "databases"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--with", dest="improvements", default="", help=f"any of {', '.join(IMPROVEMENTS)}")
    parser.add_argument("--force", action="store_true")
    chosen = parser.parse_args(argv)
    for name in ("project", "environment"):
        if not getattr(chosen, name):
            raise InfraError(name.upper(), "is missing", "make adopt PROJECT=… ENVIRONMENT=… STACK=…")
    return chosen


def _described(chosen: argparse.Namespace, stack: str, live: Live, before: Before) -> tuple[Described, AdoptionReport]:
    """Return the config and the report."""
    url = os.environ.get("DATABASE_URL", "").strip()
    entries = before.plain.get(DATABASES) or {}
    key = os.environ.get("POOL_API_KEY", "").strip()
    given = AdoptionInputs(key, url, before.known, entries, before.stored)
    digest_of = digests()
    which = roles(live, Roles(chosen.pool_manager, chosen.canary, chosen.database), _databases(chosen.databases))
    asked = _improvements(chosen.improvements)
    how = Fitting(stack, live, which, digest_of, os.environ, tuple(dict.fromkeys([*asked, *before.improvements])))
    found = fitted(merged(drafted(stack, live, which, given, digest_of), before), how)
    return found, adoption_report(how.read(found), live, found, digest_of, list(offers(found, how)))


def _databases(given: str) -> list[str] | None:
    """Return the names in DATABASES, separated by commas; None if it is empty, and an empty list for `none`."""
    if not given.strip():
        return None
    return [] if given.strip() == NONE else [name for name in (one.strip() for one in given.split(",")) if name]


def _before(stack: str) -> Before:
    """Return the stack before the adoption.

    Raises:
        PulumiError: its secrets cannot be decrypted, so its keys would be lost.
        InfraError: an update of it is in progress.
    """
    target = file.path_of(CHECKOUT, stack)
    has_file = file.has_config(target)
    is_known = any(row.get("name") == stack for row in pulumi_cli.stacks(CHECKOUT))
    if not has_file and not is_known:
        return Before()
    pulumi_cli.ensure(stack)
    config = Pulumi(stack).read("config", "--show-secrets") if has_file else {}
    # Pulumi returns the defaults of Pulumi.yaml as well.
    own = file.document(target).get("config") or {}
    config = {key: row for key, row in config.items() if key in own}
    deployment = Pulumi(stack).state().get("deployment") or {}
    if deployment.get("pending_operations"):
        step = f"let it end; if it was cut off, run {pulumi_cli.forget_unfinished(stack)}, and adopt then"
        raise InfraError("STACK", f"an update of {stack} is under way, or was cut off", step)
    resources = deployment.get("resources") or ()
    return replace(opened(config, stacks.PROJECT), state=resources)


def _unused(found: Described) -> list[str]:
    """Return a line about variables of the shell that are not used."""
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url or found.secrets.get("databaseUrl") == url:
        return []
    return ["  not used: DATABASE_URL of the shell, as the environment contains the database's service itself"]


def _improvements(text: str) -> tuple[str, ...]:
    """Return the chosen improvements.

    Raises:
        InfraError: there is none with that name.
    """
    chosen = listed(text)
    for name in chosen:
        if name not in IMPROVEMENTS:
            raise InfraError("WITH", f"unknown improvement {name!r}", f"expected one of {', '.join(IMPROVEMENTS)}")
    return chosen


if __name__ == "__main__":
    sys.exit(workflow.run(main))
