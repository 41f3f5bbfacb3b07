"""Which images the stack of a pull request runs: those of its head, once they are built, or its template's."""

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
"""Whose config a pull request's stack is made from: never one with the secrets of production."""
BUILD_SECONDS = 1500.0
"""As long as the builds may take together, less what the update needs of the job's time. They run at the same time."""
POLL_SECONDS = 20.0


@dataclass(frozen=True)
class OwnImage:
    """An image that a pull request may build for its stack.

    Attributes:
        folder: what it is built from; a pull request that changes nothing in it builds none.
        key: where the stack's config has it.
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
        """What to do while it is not there."""
        return f"wait for {self.build} to end, and run this job again"

    def repository(self, template: Mapping[str, Any]) -> str:
        """Return where the template's image is; empty where it has none."""
        if self == RUNTIME:
            return stacks.followed(template, TEMPLATE).location
        text = str(template.get(self.key) or "")
        return parse(text, self.key).location if text else ""

    def value(self, repository: str, tag: str) -> str:
        """Return what the config says for a tag: `imageTag` names the tag alone, `poolImage` the whole reference."""
        return tag if self == RUNTIME else f"{repository}:{tag}"


RUNTIME, POOL = OwnImage("runtime", "imageTag"), OwnImage("pool", "poolImage")
OWN_IMAGES = (RUNTIME, POOL)


class NotBuiltError(InfraError):
    """The image of the pull request's head is not in the registry, or not yet."""


def own_image(image: OwnImage, template: Mapping[str, Any], number: int, revision: str) -> str:
    """Return what the stack's config says for the pull request's own image, pr-N; empty where its template has none.

    `pr-N` must be the image of the pull request's head, by its label: a build that runs still has not moved it, and
    last week's image would be shown as today's. (Its `sha-` tag does not tell: a build of the branch writes it, too.)

    Raises:
        NotBuiltError: the head's image is not there yet.
        RegistryError: the registry cannot be asked.
    """
    repository = image.repository(template)
    if not repository:
        return ""
    tag = f"pr-{number}"
    try:
        found = resolve(parse_version(repository, tag, image.key), credentials=credentials(), thing=image.key)
    except (NoSuchTagError, NoSuchRepositoryError):
        raise NotBuiltError(image.key, f"{tag} is not there yet", image.wait) from None
    if not revision or found.revision != revision:
        problem = f"{tag} is the image of {escaped(found.revision[:SHORT]) or 'no commit'}, not of {revision[:SHORT]}"
        raise NotBuiltError(image.key, problem, image.wait)
    return image.value(repository, tag)


def builds_image(image: OwnImage, door: GitHub, number: int) -> bool:
    """Tell whether an image is built for a pull request: whether it changes what the image is built from."""
    names = [
        str(entry.get(key) or "")
        for entry in door.pages(f"pulls/{number}/files")
        for key in ("filename", "previous_filename")
    ]
    return any(name == image.folder or name.startswith(f"{image.folder}/") for name in names)


def wait_for_images(
    door: GitHub, template: Mapping[str, Any], number: int, revision: str, pace: Pace | None = None
) -> dict[str, str]:
    """Return what the stack's config says for each image by its key, once all are built; empty for the template's.

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
    """Return one image, once it is built; a stack is never made from another image because a build still runs.

    A pull request that changes nothing of it, or no longer, runs the template's, though a `pr-N` may be there.

    Raises:
        InfraError: the build failed, or does not end.
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
                raise InfraError(image.key, problem, "mend the build; its next run makes the image") from None
            if pace.monotonic() >= deadline:
                raise InfraError(image.key, f"{error.problem} after {BUILD_SECONDS:.0f} s", image.wait) from None
        pace.sleep(POLL_SECONDS)


def conclusion_of(door: GitHub, file: str, revision: str) -> str | None:
    """Return how the newest run of a workflow for a commit ended; empty while one runs, None where there is none."""
    answer = door.send("GET", f"actions/workflows/{file}/runs", None, head_sha=revision, per_page=20)
    runs = list((answer or {}).get("workflow_runs") or [])
    if any(run.get("status") != "completed" for run in runs):
        return ""
    return str(runs[0].get("conclusion") or "") if runs else None
