"""The runtime image that a stack deploys."""

from __future__ import annotations

from collections.abc import Iterator

from convos_infra.registry.errors import RegistryError
from convos_infra.registry.reference import parse, parse_version
from stack.problem import Problem
from stack.section import Flag, Section, Text, Whole, key

DEFAULT_REPOSITORY = "ghcr.io/xmtplabs/convos-runtime"


class ImageSettings(Section):
    """The keys that choose the runtime image.

    Attributes:
        digest: the digest that CI has just built, which is deployed even if the branch's tag has moved on.
    """

    repository: Text = key(
        "imageRepository", f"Where the runtime image is, with its registry; empty is {DEFAULT_REPOSITORY}."
    )
    branch_tag: Text = key("imageBranchTag", "The tag that this stack follows; empty takes the stack's name.")
    tag: Text = key(
        "imageTag",
        "A pinned tag (sha-1a2b3c4) or digest of the runtime image; set it to roll back, remove it to follow the branch"
        " again.",
    )
    old_after_days: Whole = key(
        "imagePinWarnDays",
        "The age in days from which an update warns of a pinned image.",
        14,
        lowest=1,
        highest=3650,
    )
    build: Flag = key(
        "imageBuild",
        "Build the runtime image from this checkout and push it, if imageTag is empty.",
        default=False,
    )
    digest: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether the stack deploys a chosen image instead of its branch's."""
        return bool(self.tag)

    @property
    def reference(self) -> str:
        """The full reference of the pinned or followed image."""
        return self._full(self.tag) if self.tag else self.branch_reference

    @property
    def branch_reference(self) -> str:
        """The full reference of the image that is followed if none is pinned."""
        return self._full(self._followed)

    def problems(self) -> Iterator[Problem]:
        """Yield values that are not a repository, tag or digest."""
        repository = reference_problem("imageRepository", self.repository)
        if repository is not None:
            yield repository
            return
        followed = "IMAGE_DIGEST" if self.digest else "imageBranchTag"
        for name, version in ((followed, self._followed), ("imageTag", self.tag)):
            try:
                if version:
                    parse_version(self.repository, version, name)
            except RegistryError as error:
                yield Problem(name, error.problem, error.next_step)

    @property
    def _followed(self) -> str:
        return f"{self.branch_tag}@{self.digest}" if self.digest else self.branch_tag

    def _full(self, version: str) -> str:
        return parse_version(self.repository, version, "imageTag").name


def reference_problem(name: str, reference: str) -> Problem | None:
    """Return why the value of the key `name` is not an image reference."""
    try:
        parse(reference)
    except RegistryError as error:
        return Problem(name, error.problem, error.next_step)
    return None
