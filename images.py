"""Where the stack's images come from: a registry is asked, or this checkout is described; before anything changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi

from components.runtime_image import Build, Found, ImageSource
from convos_infra.checkout import Revision, revision
from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import age, resolve
from convos_infra.registry.token import Credentials

if TYPE_CHECKING:
    from pathlib import Path

    from settings import Settings

BRANCH_TAG_OF_A_BUILD = "local"
NODE_BASE, PYTHON_BASE = "node:22-bookworm-slim", "python:3.11-slim-bookworm"


def runtime(settings: Settings, checkout: Path) -> ImageSource:
    """Return the runtime image.

    Raises:
        InfraError: the registry has no such image, or cannot be asked.
    """
    build = found = None
    if settings.image.build:
        build = _build(settings, settings.image.repository, checkout, ".", "runtime", {NODE_BASE: "node"})
    if settings.image.is_pinned or not settings.image.build:
        thing = "imageTag" if settings.image.is_pinned else "image"
        found = _found(settings, settings.image.reference, thing, is_pinned=settings.image.is_pinned)
    return ImageSource(build, found)


def pool(settings: Settings, checkout: Path) -> ImageSource | None:
    """Return the pool manager's image, or None where Railway builds it from a repository."""
    if settings.pool.build:
        named = {PYTHON_BASE: "python", "dependencies": "pool-dependencies"}
        return ImageSource(build=_build(settings, settings.pool.repository, checkout, "pool", "pool", named))
    if settings.pool.image:
        return ImageSource(found=_found(settings, settings.pool.image, "poolImage", is_pinned=False))
    return None


def _found(settings: Settings, reference: str, thing: str, *, is_pinned: bool) -> Found:
    credentials = None
    if settings.registry_password:
        credentials = Credentials(settings.registry_username or "token", settings.registry_password)
    found = resolve(reference, credentials=credentials, thing=thing)
    if is_pinned:
        old = age(found.created)
        pulumi.log.info(f"pinned: {found.tag or found.digest} = {found.digest[:15]}{f', {old}' if old else ''}")
    return Found(
        repository=parse(reference).location,
        tag=found.tag,
        digest=found.digest,
        revision=found.revision,
        created=found.created.isoformat() if found.created else "",
        is_pinned=is_pinned,
    )


def _build(
    settings: Settings, repository: str, checkout: Path, context: str, folder: str, named: dict[str, str]
) -> Build:
    at: Revision = revision(checkout, folder)
    if not parse(repository).registry:
        raise InfraError("imageBuild", f"{repository} names no registry to push to", "set imageRepository")
    login = None
    if settings.registry_password:
        password = pulumi.Output.secret(settings.registry_password)
        login = (parse(repository).registry, settings.registry_username or "token", password)
    return Build(
        repository=repository,
        tags=[*([at.tag] if at.tag else []), BRANCH_TAG_OF_A_BUILD],
        context=context,
        dockerfile=f"{folder}/Dockerfile",
        named_contexts={key: f"{settings.base_images}/{name}" for key, name in named.items()}
        if settings.base_images
        else {},
        build_args={
            "REVISION": at.commit or "unknown",
            "VERSION": BRANCH_TAG_OF_A_BUILD,
            # Without it each build of the same files has a digest of its own, and a roll back is none.
            "SOURCE_DATE_EPOCH": at.committed_at,
        },
        builder=settings.builder,
        revision=at.commit,
        created=datetime.fromtimestamp(int(at.committed_at), UTC).isoformat() if at.commit else "",
        registry_login=login,
    )
