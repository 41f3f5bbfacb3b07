"""Describes a live environment as a stack's config, and changes nothing there: `make adopt`.

python -m ops adopt --project NAME --environment NAME --stack STACK [--force]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects
from convos_infra.railway.snapshot import Gone, Snapshots
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import current_digest
from ops import pulumi_cli, stacks
from ops.adopt.config import AdoptionInputs, Described, Live, described
from ops.adopt.report import receipt
from ops.ci import workflow
from ops.ci.registry_login import credentials
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view
from stack import settings

if TYPE_CHECKING:
    from railway_api.client import Client

RECEIPTS = CHECKOUT / ".adopted"
_KEPT = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""How a stack's secrets are encrypted: with another salt the backend's own state could not be opened any more."""


def read(railway: Client, project: str, environment: str) -> Live:
    """Return an environment as it is now.

    Args:
        railway: with an account or workspace token.
        project: its name or id.
        environment: its name or id.

    Raises:
        InfraError: there is none of that name, or it cannot be read.
    """
    rows = [row for row in list_projects(railway, thing="PROJECT") if not row.get("deletedAt")]
    found = _chosen("PROJECT", project, {str(row["id"]): str(row["name"]) for row in rows})
    names = {id_: name for name, id_ in railway_view.environments(railway, found[0]).items()}
    chosen = _chosen("ENVIRONMENT", environment, names)
    try:
        snapshot = Snapshots(railway).read(found[0], chosen[0], thing=f"environment {chosen[1]}")
    except Gone:
        raise InfraError("ENVIRONMENT", f"{chosen[1]} was deleted just now") from None
    return Live(found[1], chosen[1], snapshot)


def _chosen(key: str, wanted: str, names: Mapping[str, str]) -> tuple[str, str]:
    found = [(id_, name) for id_, name in names.items() if wanted in (id_, name)]
    if not found:
        listed = ", ".join(sorted(names.values())) or "none"
        raise InfraError(key, f"the token sees none that is called {wanted!r}", f"it sees: {listed}")
    if len(found) > 1:
        raise InfraError(key, f"{len(found)} are called {wanted}", f"give the id: {', '.join(row[0] for row in found)}")
    return found[0]


def digests() -> Callable[[str], str]:
    """Return what says the digest of a `repository:tag`; empty where the registry does not tell."""
    known: dict[str, str] = {}

    def digest_of(reference: str) -> str:
        if reference not in known:
            try:
                known[reference] = current_digest(parse(reference), credentials=credentials(), thing="image")
            except RegistryError as error:
                sys.stderr.write(f"not asked further: {error}\n")
                known[reference] = ""
        return known[reference]

    return digest_of


def write(stack: str, found: Described, *, force: bool) -> None:
    """Write the stack's file, secrets by Pulumi's own hand; after a failure it is as it was.

    Raises:
        InfraError: there is such a file; or Pulumi refuses.
    """
    file = CHECKOUT / f"Pulumi.{stack}.yaml"
    before = file.read_text(encoding="utf-8") if file.exists() else None
    if before is not None and not force:
        raise InfraError("STACK", f"there is a {file.name}", "choose another name, or overwrite it with FORCE=1")
    kept = {key: value for key, value in (yaml.safe_load(before or "") or {}).items() if key in _KEPT}
    config = {f"{stacks.PROJECT}:{key}": value for key, value in found.plain.items()}
    try:
        text = yaml.safe_dump({**kept, "config": config}, sort_keys=False, allow_unicode=True, width=1000)
        file.write_text(text, encoding="utf-8")
        pulumi_cli.ensure(stack)
        for path, value in found.secrets.items():
            Pulumi(stack).encrypt(path, value)
    except BaseException:
        if before is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(before, encoding="utf-8")
        raise


def checked(stack: str, found: Described, environ: Mapping[str, str]) -> settings.Settings:
    """Read the config as the program will.

    Raises:
        InfraError: Railway has what the program does not take, such as a name in capitals.
    """
    try:
        return settings.read(stack, found.values(), environ, is_secret=found.is_secret)
    except settings.Problems as error:
        problem = "; ".join(error.lines)
        raise InfraError(stack, f"this program cannot take the environment as it is: {problem}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Read, write, and say what was compared."""
    parser = argparse.ArgumentParser(prog="ops adopt", description=__doc__)
    for name in ("project", "environment", "stack"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--force", action="store_true")
    chosen = parser.parse_args(argv)
    for name in ("project", "environment"):
        if not getattr(chosen, name):
            raise InfraError(name.upper(), "is not given", "make adopt PROJECT=… ENVIRONMENT=… STACK=…")
    stack = stacks.checked(chosen.stack)
    if (CHECKOUT / f"Pulumi.{stack}.yaml").exists() and not chosen.force:
        problem = f"there is a Pulumi.{stack}.yaml"
        raise InfraError("STACK", problem, "choose another name, or overwrite it with FORCE=1")
    live = read(railway_view.client(), chosen.project, chosen.environment)
    given = AdoptionInputs(os.environ.get("POOL_API_KEY", "").strip(), os.environ.get("DATABASE_URL", "").strip())
    digest_of = digests()
    found = described(stack, live, given, digest_of)
    told = receipt(checked(stack, found, os.environ), live, found, digest_of)
    write(stack, found, force=chosen.force)
    _keep(stack, told.lines(), told.document())
    sys.stdout.write("\n".join(told.lines()) + "\n")
    sys.stdout.write(f"\n  receipt: {RECEIPTS.name}/{stack}.txt and .json\n")
    sys.stdout.write(f"  next: pulumi preview --stack {stack} --diff\n")
    return 0


def _keep(stack: str, lines: Any, document: Mapping[str, Any]) -> None:
    RECEIPTS.mkdir(exist_ok=True)
    (RECEIPTS / f"{stack}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (RECEIPTS / f"{stack}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
