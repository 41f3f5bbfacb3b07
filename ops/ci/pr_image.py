"""Chooses the images of a pull request's stack: those built from its head, or those of the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.checkout import SHORT
from convos_infra.errors import InfraError
from convos_infra.registry.errors import NoSuchRepositoryError, NoSuchTagError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import resolve
from convos_infra.registry.transport import Pace
from ops import stacks
from ops.ci.registry_login import credentials
from ops.printable import escaped

if TYPE_CHECKING:
    from ops.ci.github import GitHub

TEMPLATE = "dev"
"""The stack whose config is copied for pull requests. It must not have the secrets of production."""
BUILD_SECONDS = 1500.0
"""How long to wait for the builds, which run at the same time. The rest of the job's time limit is for the update."""
POLL_SECONDS = 20.0


@dataclass(frozen=True)
class OwnImage:
    """An image that a pull request may build for its stack.

    Attributes:
        folder: what it is built from; a pull request that does not change this folder does not build the image.
        key: its key in the stack's config.
    """

    folder: str
    key: str

    @property
    def build(self) -> str:
        """The workflow that builds it."""
        return f"build-{self.folder}"

    @property
    def workflow_file(self) -> str:
        """The file of that workflow."""
        return f"{self.build}.yml"

    @property
    def wait(self) -> str:
        """The next step while the image does not exist."""
        return f"wait for {self.build} to finish, then run this job again"

    def repository(self, template: Mapping[str, Any]) -> str:
        """Return the repository of the template's image; empty if it has none."""
        if self == RUNTIME:
            return stacks.followed(template, TEMPLATE).location
        text = str(template.get(self.key) or "")
        return parse(text, self.key).location if text else ""

    def value(self, repository: str, tag: str) -> str:
        """Return the value of the key for a tag: `imageTag` is the tag alone, `poolImage` the whole reference."""
        return tag if self == RUNTIME else f"{repository}:{tag}"


RUNTIME, POOL = OwnImage("runtime", "imageTag"), OwnImage("pool", "poolImage")
OWN_IMAGES = (RUNTIME, POOL)


class NotBuiltError(InfraError):
    """The image of the pull request's head is not in the registry."""


def own_image(image: OwnImage, template: Mapping[str, Any], number: int, revision: str) -> str:
    """Return the config value for the pull request's own image, pr-N; empty if the template has no such image.

    By its label, `pr-N` must be built from the pull request's head: while a build runs, the tag still points to the
    previous image. The `sha-` tag proves nothing, because a build of the branch writes the same tag.

    Raises:
        NotBuiltError: the head's image does not exist yet.
        RegistryError: the registry did not answer.
    """
    repository = image.repository(template)
    if not repository:
        return ""
    tag = f"pr-{number}"
    try:
        found = resolve(parse_version(repository, tag, image.key), credentials=credentials(), subject=image.key)
    except (NoSuchTagError, NoSuchRepositoryError):
        raise NotBuiltError(image.key, f"{tag} does not exist yet", image.wait) from None
    if not revision or found.revision != revision:
        problem = (
            f"{tag} is built from {escaped(found.revision[:SHORT]) or 'an unknown commit'}, not from {revision[:SHORT]}"
        )
        raise NotBuiltError(image.key, problem, image.wait)
    return image.value(repository, tag)


def builds_image(image: OwnImage, door: GitHub, number: int) -> bool:
    """Tell whether a pull request changes the folder that an image is built from."""
    names = [
        str(entry.get(key) or "")
        for entry in door.pages(f"pulls/{number}/files")
        for key in ("filename", "previous_filename")
    ]
    return any(name == image.folder or name.startswith(f"{image.folder}/") for name in names)


def wait_for_images(
    door: GitHub, template: Mapping[str, Any], number: int, revision: str, pace: Pace | None = None
) -> dict[str, str]:
    """Wait for all builds and return the config value of each image by its key; empty to use the template's.

    Raises:
        InfraError: as for `wait_for_image`.
    """
    pace = pace or Pace()
    deadline = pace.monotonic() + BUILD_SECONDS
    return {image.key: wait_for_image(image, door, template, number, revision, pace, deadline) for image in OWN_IMAGES}


def wait_for_image(
    image: OwnImage,
    door: GitHub,
    template: Mapping[str, Any],
    number: int,
    revision: str,
    pace: Pace,
    deadline: float,
) -> str:
    """Wait for the build of one image and return its config value; empty to use the template's.

    A pull request that does not change the image's folder, or no longer does, uses the template's image, even if `pr-N`
    exists.

    Raises:
        InfraError: the build failed or did not finish in time.
    """
    if not builds_image(image, door, number):
        return ""
    while True:
        try:
            return own_image(image, template, number, revision)
        except NotBuiltError as error:
            conclusion = conclusion_of(door, image.workflow_file, revision)
            if conclusion not in {None, "", "success"}:
                problem = f"{image.workflow_file} ended with {escaped(conclusion)} for {revision[:SHORT]}"
                raise InfraError(image.key, problem, "fix the build; its next run pushes the image") from None
            if pace.monotonic() >= deadline:
                raise InfraError(image.key, f"{error.problem} after {BUILD_SECONDS:.0f} s", image.wait) from None
        pace.sleep(POLL_SECONDS)


def conclusion_of(door: GitHub, file: str, revision: str) -> str | None:
    """Return the conclusion of the newest run of a workflow for a commit; empty while one runs, None without runs."""
    answer = door.send("GET", f"actions/workflows/{file}/runs", None, head_sha=revision, per_page=20)
    runs = list((answer or {}).get("workflow_runs") or [])
    if any(run.get("status") != "completed" for run in runs):
        return ""
    return str(runs[0].get("conclusion") or "") if runs else None
