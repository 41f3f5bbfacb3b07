"""What a stack can be pinned to: tags, digests, ages, commits, and what runs now: `make images STACK=…`.

python -m ops images --stack STACK [--most 20] [--json]; read-only.
Pin one: pulumi config set imageTag TAG --stack STACK.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from convos_infra.checkout import is_older
from convos_infra.errors import InfraError
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import ImageReference, parse
from convos_infra.registry.resolve import resolve
from convos_infra.schema import image as schema_image
from convos_infra.schema.migration import parse as parse_migrations
from convos_infra.schema.migration import read_folder
from ops import stacks
from ops.ci import workflow
from ops.ci.image_tags import BRANCH_TAGS
from ops.ci.registry_login import credentials
from ops.images.commits import title_of, titles
from ops.images.pinnable import Pinnable, chosen, lines, with_untagged
from ops.images.running_images import running_images
from ops.pulumi_cli import CHECKOUT
from ops.stack_command import add_json, number, stack_parser
from ops.status import live_stack
from ops.status.source import now

if TYPE_CHECKING:
    import argparse

    from convos_infra.registry.resolve import ResolvedImage
    from ops.status.recorded import Recorded

MOST = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tags."""
    given = _parser().parse_args(argv)
    stack = stacks.checked(given.stack)
    config, state = stacks.config(CHECKOUT, stack), live_stack.recorded(stack)
    deployed = str((state.outputs.get("image") or {}).get("reference") or "")
    if not deployed:
        raise InfraError(stack, "it has no image yet", f"pulumi up --stack {stack}")
    where = parse(deployed, "image")
    followed = str(config.get("imageBranchTag") or stack)
    runs = _runs(state, f"{where.registry}/{where.repository}")
    rows = _rows(where, {followed, *BRANCH_TAGS.values()}, runs, state, given.most)
    document = {
        "stack": stack,
        "repository": where.location,
        "pinned": stacks.pinned(config),
        "follows": followed,
        "images": [row.document() for row in rows],
    }
    pinned = f"pinned to {stacks.pinned(config)}" if stacks.pinned(config) else f"follows {followed}"
    text = [f"{stack}: {where.location}, {pinned}", *lines(rows, now())]
    sys.stdout.write(f"{json.dumps(document, indent=2) if given.json else chr(10).join(text)}\n")
    return 0


def _runs(state: Recorded, location: str) -> dict[str, tuple[str, ...]]:
    """Return who runs which image of the repository."""
    snapshot = live_stack.railway(state).snapshot
    return running_images(state, snapshot, location) if snapshot is not None else {}


def _rows(
    where: ImageReference, moving: set[str], runs: Mapping[str, tuple[str, ...]], state: Recorded, most: int
) -> list[Pinnable]:
    client = RegistryClient(where.registry, credentials=credentials(), subject="images")
    known = titles(CHECKOUT)
    target = str((state.outputs.get("database") or {}).get("schemaVersion") or "")
    rows = []
    for tag in chosen(client.tags(where.repository), list(known), moving, most):
        try:
            image = resolve(ImageReference(where.registry, where.repository, tag, ""), client=client)
        except RegistryError as error:
            rows.append(Pinnable(tag, "", note=f"cannot be pinned: {error.problem}"))
            continue
        title = title_of(image.revision, known)
        note = "moves with its branch" if tag in moving else _too_old(image, target)
        rows.append(Pinnable(tag, image.digest, image.created, image.revision, title, runs.get(image.digest, ()), note))
    return with_untagged(rows, runs)


def _too_old(image: ResolvedImage, target: str) -> str:
    """Return why the schema of the stack's database does not allow an image; empty if it does."""
    files = parse_migrations(read_folder())
    try:
        refused = schema_image.refusal(files, image.revision, partial(is_older, CHECKOUT), target)
    except InfraError as error:
        return str(error)
    return f"cannot be pinned: {refused.problem}" if refused is not None else ""


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("images", __doc__)
    parser.add_argument("--most", default=MOST, type=number(1, 1000), metavar="N", help="tags of the newest N commits")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
