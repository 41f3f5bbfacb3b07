"""`RuntimeImage`: an image built from this checkout, or one from a registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pulumi
import pulumi_docker_build as docker_build
from pulumi.output import UNKNOWN

from convos_infra.registry.resource import Image, ImageArgs

REPRODUCIBLE = "type=image,push=true,rewrite-timestamp=true"
"""BuildKit's exporter. It gives builds of the same files the same digest; otherwise a rebuild of a commit would deploy
again. SOURCE_DATE_EPOCH alone dates the image, but not the files in its layers. Docker's default driver does not
support rewrite-timestamp; a builder does."""


@dataclass(frozen=True)
class Build:
    """How an image is built.

    Attributes:
        repository: the repository that it is pushed to.
        tags: its tags; the first one is shown to people.
        context: the folder of the build context; `dockerfile` is the path of its Dockerfile.
        named_contexts: name -> folder, for bases that cannot be pulled.
        build_args: as BuildKit takes them.
        builder: the buildx builder; if empty, Docker's default.
        revision: the commit.
        created: RFC 3339.
        registry_login: (address, user, password), or None.
    """

    repository: str
    tags: Sequence[str]
    context: str
    dockerfile: str
    named_contexts: Mapping[str, str]
    build_args: Mapping[str, str]
    builder: str
    revision: str
    created: str
    registry_login: tuple[str, str, pulumi.Input[str]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Found:
    """An image in a registry, as it was resolved before anything changes.

    Attributes:
        repository: with its registry.
        tag: the tag; empty for an image that is named by its digest alone.
        digest: the digest of the manifest.
        revision: the commit that it was built from; empty if its labels do not say.
        created: when it was built, RFC 3339; empty if it is not known.
        is_pinned: whether `imageTag` chose it.
    """

    repository: str
    tag: str
    digest: str
    revision: str
    created: str
    is_pinned: bool


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from: a build, a registry, or a registry instead of the build while the image is pinned.

    The build stays declared while another image is pinned, so that a rollback shows only what it redeploys.
    """

    build: Build | None = None
    found: Found | None = None


class RuntimeImage(pulumi.ComponentResource):
    """One image, built and pushed or found in a registry. `pinned` is the reference that is deployed.

    Args:
        name: the resource's name.
        source: where it comes from.
    """

    pinned: pulumi.Output[str]
    digest: pulumi.Output[str]
    tag: pulumi.Output[str]
    revision: pulumi.Output[str]
    created: pulumi.Output[str]
    chosen_by: pulumi.Output[str]
    """`follow`, `pin` or `build`."""

    def __init__(self, name: str, source: ImageSource, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("convos:index:RuntimeImage", name, None, opts)
        built = self._build(name, source.build) if source.build is not None else None
        args = _recorded(source.found) if source.found is not None else _built(source.build, built)
        image = Image(name, args, pulumi.ResourceOptions(parent=self))
        self.pinned, self.digest, self.tag, self.revision = image.pinned, image.digest, image.tag, image.revision
        self.created, self.chosen_by = image.created, image.pinned_by
        self.register_outputs(
            {
                "pinned": self.pinned,
                "tag": self.tag,
                "digest": self.digest,
                "revision": self.revision,
                "created": self.created,
                "chosenBy": self.chosen_by,
            }
        )

    def _build(self, name: str, build: Build) -> docker_build.Image:
        return docker_build.Image(
            f"{name}-build",
            context=docker_build.BuildContextArgs(
                location=build.context,
                named={key: docker_build.ContextArgs(location=path) for key, path in build.named_contexts.items()}
                or None,
            ),
            dockerfile=docker_build.DockerfileArgs(location=build.dockerfile),
            tags=[f"{build.repository}:{tag}" for tag in build.tags],
            build_args=dict(build.build_args),
            # The Dockerfile's own labels give revision, version and source; the time of the commit is known only here.
            labels={"org.opencontainers.image.created": build.created} if build.created else None,
            platforms=[docker_build.Platform.LINUX_AMD64],
            builder=docker_build.BuilderConfigArgs(name=build.builder) if build.builder else None,
            registries=_registries(build),
            push=not build.builder,
            exports=[docker_build.ExportArgs(raw=REPRODUCIBLE)] if build.builder else None,
            build_on_preview=False,
            # Somebody may still run an image or roll back to it: only retention deletes images, never a stack.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )


def _recorded(found: Found) -> ImageArgs:
    at = f"{found.repository}:{found.tag}" if found.tag else found.repository
    return ImageArgs(
        repository=found.repository,
        tag=found.tag,
        digest=found.digest,
        pinned=f"{at}@{found.digest}",
        revision=found.revision,
        created=found.created,
        pinned_by="pin" if found.is_pinned else "follow",
    )


def _built(build: Build | None, built: docker_build.Image | None) -> ImageArgs:
    if build is None or built is None:
        raise ValueError("an image is built or found")
    digest = brought_by_the_update(built.digest)
    return ImageArgs(
        repository=build.repository,
        tag=build.tags[0],
        digest=digest,
        pinned=pulumi.Output.concat(build.repository, ":", build.tags[0], "@", digest),
        revision=build.revision,
        created=build.created,
        pinned_by="build",
    )


def brought_by_the_update(output: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return a plugin's output as unknown before the update, even if the plugin says that it is empty.

    In the preview of an update, docker-build returns an empty digest. If an update ends with one, the code that
    checks the value reports it.
    """
    if not pulumi.runtime.is_dry_run():
        return output
    return output.apply(lambda value: value or cast("str", UNKNOWN))


def _registries(build: Build) -> list[docker_build.RegistryArgs] | None:
    if build.registry_login is None:
        return None
    address, user, password = build.registry_login
    return [docker_build.RegistryArgs(address=address, username=user, password=password)]
