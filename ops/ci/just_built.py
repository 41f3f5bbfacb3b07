"""Which images a deploy takes as just built, and whether it leaves the deploy to another build.

A push may build two images, each in a workflow of its own, and each build deploys when it is done. The stack is
deployed once, with both: by the build that finds the other one's image in the registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convos_infra.registry.reference import ImageReference, parse, short_digest
from ops import stacks
from ops.ci.deploy_decision import UNKNOWN

DIGEST_VARIABLES = {"runtime": "IMAGE_DIGEST", "pool": "POOL_IMAGE_DIGEST"}
"""Image -> the variable with which the program deploys exactly that digest of the tag that it follows."""
_COMMIT_TAG = re.compile(r"sha-[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Followed:
    """An image of a stack.

    Attributes:
        name: `runtime` or `pool`.
        location: its repository with its registry; empty where the stack builds it.
        tag: the tag that it follows; None where it follows none.
        pin: what it has instead.
    """

    name: str
    location: str
    tag: ImageReference | None
    pin: str = ""


@dataclass(frozen=True)
class There:
    """What a tag names in the registry: the digest, and the commit that the image says it was built from."""

    digest: str
    revision: str


@dataclass(frozen=True)
class Built:
    """What a deploy takes as just built.

    Attributes:
        digests: image -> digest.
        leave: why this deploy does nothing; empty where it goes on.
        notes: what people should know.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    leave: str = ""
    notes: Sequence[str] = ()

    @property
    def variables(self) -> dict[str, str]:
        """What the program is told."""
        return {variable: self.digests.get(name, "") for name, variable in DIGEST_VARIABLES.items()}


def followed(values: Mapping[str, Any], stack: str) -> tuple[Followed, ...]:
    """Return the images of a stack.

    Raises:
        InfraError: a reference in its config is not one.
    """
    runtime = stacks.followed(values, stack)
    pin = stacks.pinned(values)
    return Followed("runtime", runtime.location, None if pin else runtime, pin), _pool(values)


def just_built(
    images: Sequence[Followed],
    name: str,
    digest: str,
    *,
    packages: str,
    builds: Sequence[str],
    commit: str,
    ask: Callable[[ImageReference], There | None],
) -> Built:
    """Decide.

    Args:
        images: the images of the stack.
        name: the image just built, `runtime` or `pool`; empty where none was.
        digest: its digest.
        packages: where this repository's images are pushed, `ghcr.io/owner`. An image from elsewhere is not waited for.
        builds: the images that the push builds, or `UNKNOWN`.
        commit: the commit that was pushed.
        ask: what a tag names in the registry; None where it names nothing.
    """
    digests: dict[str, str] = {}
    notes: list[str] = []
    for image in images:
        is_ours = image.location == f"{packages}/convos-{image.name}".lower()
        if image.name == name and not (is_ours and image.tag):
            what = f"is pinned to {image.pin}" if is_ours else f"is not {packages}/convos-{name} in this stack".lower()
            notes.append(f"{name} {what}: the image just built is not deployed")
        if image.tag is None or not is_ours or not (image.name in (name, *builds) or builds == UNKNOWN):
            continue
        found = ask(image.tag)
        if image.name == name:
            if found is None or found.digest != digest:
                now = short_digest(found.digest) if found else "gone"
                return Built(leave=f"tag {image.tag.tag} is {now} now: the build that moved it deploys it")
            digests[name] = digest
        elif found is not None and found.revision == commit:
            digests[image.name] = found.digest
        elif found is None or builds != UNKNOWN:
            has = f"is of {found.revision[:7] or 'an unknown commit'}" if found else "is not there yet"
            return Built(leave=f"{image.tag} {has}: build-{image.name} deploys when it is done")
    return Built(digests, notes=tuple(notes))


def _pool(values: Mapping[str, Any]) -> Followed:
    text = str(values.get("poolImage") or "")
    if not text:
        return Followed("pool", "", None, "poolRepo" if values.get("poolRepo") else "poolBuild")
    image = parse(text, "poolImage")
    if image.digest or _COMMIT_TAG.fullmatch(image.tag):
        return Followed("pool", image.location, None, image.version)
    return Followed("pool", image.location, image)
