"""`BuiltImage` and `RuntimeImage`: an image made from this checkout, or one that a registry has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pulumi
import pulumi_docker_build as docker_build
from pulumi.output import UNKNOWN

from convos_infra.registry.resource import Image, ImageArgs

REPRODUCIBLE = "type=image,push=true,rewrite-timestamp=true"
"""SOURCE_DATE_EPOCH dates the image, not the files in its layers: without this each build has a digest of its own, and
a rebuilt image would not be the one that was rolled back from. Docker's own driver does not know it; a builder does."""


@dataclass(frozen=True)
class Build:
    """How an image is built.

    Attributes:
        repository: where it is pushed.
        tags: every tag it gets; the first is the one people see.
        context: the folder of the build context, `dockerfile` the path of its Dockerfile.
        named_contexts: name -> folder, for bases that cannot be pulled.
        build_args: as BuildKit takes them.
        builder: the buildx builder; empty takes Docker's default.
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
    """An image that a registry has; the registry was asked before anything changes."""

    repository: str
    tag: str
    digest: str
    revision: str
    created: str
    is_pinned: bool


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from: a build, a find, or a find that takes a build's place for as long as it is pinned.

    The build stays declared while something else is pinned, so that a roll back shows what it redeploys and no more.
    """

    build: Build | None = None
    found: Found | None = None


class RuntimeImage(pulumi.ComponentResource):
    """One image: built and pushed, or found; `pinned` is what is deployed.

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
            # The Dockerfile's own labels say revision, version and source; when it was committed, only we know.
            labels={"org.opencontainers.image.created": build.created} if build.created else None,
            platforms=[docker_build.Platform.LINUX_AMD64],
            builder=docker_build.BuilderConfigArgs(name=build.builder) if build.builder else None,
            registries=_registries(build),
            push=not build.builder,
            exports=[docker_build.ExportArgs(raw=REPRODUCIBLE)] if build.builder else None,
            build_on_preview=False,
            # An image that somebody still runs, or rolls back to, is deleted by retention, never by a stack.
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
    """Return a plugin's output that is not known before the update, also where the plugin says that it is empty.

    In the preview of an update docker-build answers an empty digest, which is the digest of nothing. An update that
    ends with one is left to whoever checks the value.
    """
    if not pulumi.runtime.is_dry_run():
        return output
    return output.apply(lambda value: value or cast("str", UNKNOWN))


def _registries(build: Build) -> list[docker_build.RegistryArgs] | None:
    if build.registry_login is None:
        return None
    address, user, password = build.registry_login
    return [docker_build.RegistryArgs(address=address, username=user, password=password)]
