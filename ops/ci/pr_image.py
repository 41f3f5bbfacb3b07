"""Which image the stack of a pull request runs: the one of its head, once that is built, or its template's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.checkout import SHORT
from convos_infra.errors import InfraError
from convos_infra.registry.errors import NoSuchRepositoryError, NoSuchTagError
from convos_infra.registry.reference import parse_version
from convos_infra.registry.resolve import resolve
from convos_infra.registry.transport import Pace
from ops import stacks
from ops.ci.deploy_decision import IMAGE_FILES
from ops.ci.registry_login import credentials
from ops.printable import escaped

if TYPE_CHECKING:
    from ops.ci.github import GitHub

TEMPLATE = "dev"
"""Whose config a pull request's stack is made from: never one with the secrets of production."""
BUILD = "build-runtime.yml"
BUILD_SECONDS = 1500.0
"""As long as a build may take, less what the update needs of the job's time."""
POLL_SECONDS = 20.0
_WAIT = "wait for build-runtime to end, and run this job again"


class NotBuiltError(InfraError):
    """The image of the pull request's head is not in the registry, or not yet."""


def image_tag(template: Mapping[str, Any], number: int, revision: str, *, builds_image: bool) -> str:
    """Return the tag of the pull request's own image, pr-N; empty where it changes nothing of it: then the template's.

    `pr-N` must be the image of the pull request's head, by its label: a build that runs still has not moved it, and
    last week's image would be shown as today's. (Its `sha-` tag does not tell: a build of the branch writes it, too.)

    Raises:
        NotBuiltError: the head's image is not there yet.
        RegistryError: the registry cannot be asked.
    """
    if not builds_image:
        return ""
    repository = stacks.followed(template, TEMPLATE).location
    tag = f"pr-{number}"
    try:
        image = resolve(parse_version(repository, tag, "imageTag"), credentials=credentials(), thing="imageTag")
    except (NoSuchTagError, NoSuchRepositoryError):
        raise NotBuiltError("imageTag", f"{tag} is not there yet", _WAIT) from None
    if not revision or image.revision != revision:
        problem = f"{tag} is the image of {escaped(image.revision[:SHORT]) or 'no commit'}, not of {revision[:SHORT]}"
        raise NotBuiltError("imageTag", problem, _WAIT)
    return tag


def builds_image(door: GitHub, number: int) -> bool:
    """Tell whether build-runtime builds an image for a pull request: whether it changes what one is built from."""
    names = [
        str(entry.get(key) or "")
        for entry in door.pages(f"pulls/{number}/files")
        for key in ("filename", "previous_filename")
    ]
    return any(name == folder or name.startswith(f"{folder}/") for name in names for folder in IMAGE_FILES)


def wait_for_image(
    door: GitHub, template: Mapping[str, Any], number: int, revision: str, pace: Pace | None = None
) -> str:
    """Return the tag to pin, once it is built; a stack is never made from another image because a build still runs.

    Raises:
        InfraError: the build failed, or does not end.
    """
    pace = pace or Pace()
    if not builds_image(door, number):
        return ""
    deadline = pace.monotonic() + BUILD_SECONDS
    while True:
        try:
            return image_tag(template, number, revision, builds_image=True)
        except NotBuiltError as error:
            conclusion = conclusion_of(door, BUILD, revision)
            if conclusion not in {None, "", "success"}:
                problem = f"{BUILD} ended with {escaped(conclusion)} for {revision[:SHORT]}"
                raise InfraError("imageTag", problem, "mend the build; its next run makes the image") from None
            if pace.monotonic() >= deadline:
                raise InfraError("imageTag", f"{error.problem} after {BUILD_SECONDS:.0f} s", _WAIT) from None
        pace.sleep(POLL_SECONDS)


def conclusion_of(door: GitHub, file: str, revision: str) -> str | None:
    """Return how the newest run of a workflow for a commit ended; empty while one runs, None where there is none."""
    answer = door.send("GET", f"actions/workflows/{file}/runs", None, head_sha=revision, per_page=20)
    runs = list((answer or {}).get("workflow_runs") or [])
    if any(run.get("status") != "completed" for run in runs):
        return ""
    return str(runs[0].get("conclusion") or "") if runs else None
