"""Decides which freshly built images a deploy uses, and whether another build has to deploy instead.

A push may build two images, each in its own workflow, and each build deploys when it has finished. The stack is
deployed once with both images: by the build that finds the image of the other one in the registry.
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
"""Image -> the environment variable that makes the program deploy exactly that digest of the tag that it follows."""
_COMMIT_TAG = re.compile(r"sha-[0-9a-f]{7,40}")


@dataclass(frozen=True)
class Followed:
    """An image of a stack.

    Attributes:
        name: `runtime` or `pool`.
        location: its repository, including the registry; empty if the stack builds the image.
        tag: the tag that it follows; None if it does not follow one.
        pin: what it uses instead of a tag.
    """

    name: str
    location: str
    tag: ImageReference | None
    pin: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the config names one image rather than a moving tag, a build or a Git repository."""
        return self.tag is None and bool(self.location)


@dataclass(frozen=True)
class TaggedImage:
    """The image that a tag points to: its digest, and the commit of its `revision` label."""

    digest: str
    revision: str


@dataclass(frozen=True)
class Built:
    """The freshly built images of a deploy.

    Attributes:
        digests: image -> digest.
        leave: why another build deploys instead; empty if this one does.
        notes: notices for the page of the run.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    leave: str = ""
    notes: Sequence[str] = ()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for the program."""
        return {variable: self.digests.get(name, "") for name, variable in DIGEST_VARIABLES.items()}


def followed(values: Mapping[str, Any], stack: str) -> tuple[Followed, ...]:
    """Return the images of a stack.

    Raises:
        InfraError: its config has an invalid reference.
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
    ask: Callable[[ImageReference], TaggedImage | None],
) -> Built:
    """Return the images that a deploy uses, or why another build has to deploy.

    Args:
        images: the images of the stack.
        name: the image that was just built, `runtime` or `pool`; empty if none was.
        digest: its digest.
        packages: where this repository's images are pushed, such as `ghcr.io/owner`; other images are not waited for.
        builds: the images that the push builds, or `UNKNOWN`.
        commit: the commit that was pushed.
        ask: returns the image that a tag points to; None if there is no such tag.
    """
    digests: dict[str, str] = {}
    notes: list[str] = []
    for image in images:
        is_ours = image.location == f"{packages}/convos-{image.name}".lower()
        if image.name == name and not (is_ours and image.tag):
            what = f"is pinned to {image.pin}" if is_ours else f"is not {packages}/convos-{name} in this stack".lower()
            notes.append(f"{name} {what}: the new image is not deployed")
        if image.tag is None or not is_ours or not (image.name in (name, *builds) or builds == UNKNOWN):
            continue
        found = ask(image.tag)
        if image.name == name:
            if found is None or found.digest != digest:
                now = short_digest(found.digest) if found else "gone"
                return Built(leave=f"tag {image.tag.tag} now points to {now}: the build that moved it deploys it")
            digests[name] = digest
        elif found is not None and found.revision == commit:
            digests[image.name] = found.digest
        elif found is None or builds != UNKNOWN:
            has = f"is built from {found.revision[:7] or 'an unknown commit'}" if found else "does not exist yet"
            return Built(leave=f"{image.tag} {has}: build-{image.name} deploys when it has finished")
    return Built(digests, notes=tuple(notes))


def _pool(values: Mapping[str, Any]) -> Followed:
    text = str(values.get("poolImage") or "")
    if not text:
        return Followed("pool", "", None, "poolRepo" if values.get("poolRepo") else "poolBuild")
    image = parse(text, "poolImage")
    if image.digest or _COMMIT_TAG.fullmatch(image.tag):
        return Followed("pool", image.location, None, image.version)
    return Followed("pool", image.location, image)
