"""The sources of the stack's images, a registry or this checkout, determined before anything changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pulumi

from components.runtime_image import Build, Found, ImageSource
from convos_infra.checkout import SHORT, Revision, UnknownRevisionError, commits_between, is_older, revision
from convos_infra.errors import InfraError
from convos_infra.registry import pin
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import resolve
from convos_infra.registry.token import RegistryCredentials
from convos_infra.schema import image as schema_image
from convos_infra.schema.migration import parse as parse_migrations
from convos_infra.schema.migration import read_folder
from pool_contract.agent_settings import DEFAULT_USERNAME

if TYPE_CHECKING:
    from pathlib import Path

    from convos_infra.registry.resolve import ResolvedImage
    from stack.settings import Settings

BRANCH_TAG_OF_A_BUILD = "local"
NODE_BASE, PYTHON_BASE = "node:22-bookworm-slim", "python:3.11-slim-bookworm"


def runtime(settings: Settings, checkout: Path) -> ImageSource | None:
    """Return the runtime image; None if it is deployed as written.

    Raises:
        InfraError: the registry has no such image, or cannot be asked.
    """
    if not settings.improvements.pin and not settings.image.build:
        return None
    build = found = None
    if settings.image.build:
        build = _build(settings, settings.image.repository, checkout, ".", "runtime", {NODE_BASE: "node"})
    if settings.image.is_pinned:
        pinned = resolve(settings.image.reference, credentials=_credentials(settings), subject="imageTag")
        _tell(settings, checkout, pinned, _branch(settings, build))
        found = _found(settings.image.reference, pinned, is_pinned=True)
    elif not settings.image.build:
        followed = resolve(settings.image.reference, credentials=_credentials(settings), subject="imageBranchTag")
        found = _found(settings.image.reference, followed, is_pinned=False)
    return ImageSource(build, found)


def pool(settings: Settings, checkout: Path) -> ImageSource | None:
    """Return the pool manager's image; None if Railway builds it from a repository, or if it is deployed as written."""
    if settings.pool.build:
        named = {PYTHON_BASE: "python", "dependencies": "pool-dependencies"}
        return ImageSource(build=_build(settings, settings.pool.repository, checkout, "pool", "pool", named))
    if settings.pool.image and settings.improvements.pin:
        image = resolve(settings.pool.reference, credentials=_credentials(settings), subject="poolImage")
        return ImageSource(found=_found(settings.pool.reference, image, is_pinned=False))
    return None


def check_schema(settings: Settings, checkout: Path, source: ImageSource) -> None:
    """Refuse a pinned image that is older than a migration requires; warn if the followed image is older.

    Raises:
        InfraError: the pin is too old, or a migration cannot be read.
    """
    if source.found is None:
        return

    def older(revision: str, than: str) -> bool:
        return is_older(checkout, revision, than)

    subject = "imageTag" if source.found.is_pinned else "imageBranchTag"
    deployed = f"sha-{source.found.revision[:SHORT]}" if source.found.revision else source.found.tag
    migrations = parse_migrations(read_folder())
    try:
        refusal = schema_image.refusal(migrations, deployed, older, settings.migrations.target, subject)
    except UnknownRevisionError as error:
        refusal = error
    if refusal is None:
        return
    if source.found.is_pinned:
        raise refusal
    # A branch may deploy a migration some minutes before its image is built.
    pulumi.log.warn(str(refusal))


def _found(reference: str, image: ResolvedImage, *, is_pinned: bool) -> Found:
    return Found(
        repository=parse(reference).location,
        tag=image.tag,
        digest=image.digest,
        revision=image.revision,
        created=image.created.isoformat() if image.created else "",
        is_pinned=is_pinned,
    )


def _credentials(settings: Settings) -> RegistryCredentials | None:
    if not settings.registry_password:
        return None
    return RegistryCredentials(settings.registry_username or DEFAULT_USERNAME, settings.registry_password)


def _branch(settings: Settings, build: Build | None) -> pin.Branch:
    """Return the image that would be followed without the pin. A missing branch tag must not stop a rollback."""
    if build is not None:
        return pin.Branch(build.tags[0], revision=build.revision)
    try:
        image = resolve(settings.image.branch_reference, credentials=_credentials(settings), subject="imageBranchTag")
    except RegistryError as error:
        pulumi.log.info(f"whether the branch is ahead of the pin is not known: {error}")
        return pin.Branch(parse(settings.image.branch_reference).tag)
    return pin.Branch(image.tag, image.digest, image.revision)


def _tell(settings: Settings, checkout: Path, pinned: ResolvedImage, branch: pin.Branch) -> None:
    ahead = commits_between(checkout, pinned.revision, branch.revision)
    old_after = timedelta(days=settings.image.old_after_days)
    told = pin.describe(pinned, branch, ahead, datetime.now(UTC), old_after, "imageTag")
    pulumi.log.info(told.line)
    for warning in told.warnings:
        pulumi.log.warn(warning)


def _build(
    settings: Settings, repository: str, checkout: Path, context: str, folder: str, named: dict[str, str]
) -> Build:
    at: Revision = revision(checkout, folder)
    if not parse(repository).registry:
        raise InfraError("imageBuild", f"{repository} does not name a registry to push to", "set imageRepository")
    login = None
    if settings.registry_password:
        password = pulumi.Output.secret(settings.registry_password)
        login = (parse(repository).registry, settings.registry_username or DEFAULT_USERNAME, password)
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
            # Without it, builds of the same files have different digests, and a rollback would deploy something new.
            "SOURCE_DATE_EPOCH": at.committed_at,
        },
        builder=settings.builder,
        revision=at.commit,
        created=datetime.fromtimestamp(int(at.committed_at), UTC).isoformat() if at.commit else "",
        registry_login=login,
    )
