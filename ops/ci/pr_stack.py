"""Creates the stack of a labelled pull request, and destroys it when the label goes or the stack expires.

python -m ops pr_stack up|down --pull-request N    one stack, pr-N
python -m ops pr_stack sweep                       destroy all expired stacks, and check that nothing is left
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from ops import pulumi_cli, stacks
from ops.ci import comment, github, left_over, workflow
from ops.ci.pr_image import POOL, RUNTIME, TEMPLATE, conclusion_of, wait_for_images
from ops.ci.pr_lifetime import HOURS, Left, announcement, number_of, there, why_over
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view, recorded
from railway_api.failure import Failure

if TYPE_CHECKING:
    from ops.ci.left_over import Place

THIS = "pr-stack.yml"
"""The workflow that updates these stacks."""


def settings_of(number: int, image: str, pool_image: str = "") -> dict[str, str]:
    """Return the config of a pull request's stack that differs from its template's.

    Args:
        number: the number of the pull request.
        image: the tag of its runtime image; empty for the template's.
        pool_image: the image of its pool manager; empty for the template's.
    """
    name = f"pr-{number}"
    return {
        "environment": name,
        **({"imageTag": image} if image else {}),
        **({"poolImage": pool_image} if pool_image else {}),
        "poolEnvironment": "dev",
        "poolMinIdle": "1",
        # Nobody can confirm a destroy that runs because a label was removed or a pull request was closed.
        "agentsOnDestroy": "delete",
        "dataOnDestroy": "delete",
        "protect": "false",
    }


def up(number: int, revision: str, hours: int) -> None:
    """Create or update the stack of a pull request, and comment on its addresses.

    Args:
        number: the number of the pull request.
        revision: its head.
        hours: the lifetime of the stack after its last update.

    Raises:
        InfraError: its images were not built, or Pulumi or GitHub refused.
    """
    name, template = f"pr-{number}", Pulumi(TEMPLATE)
    door = github.from_environment()
    own = wait_for_images(door, stacks.config(CHECKOUT, TEMPLATE), number, revision)
    chosen = settings_of(number, own[RUNTIME.key], own[POOL.key])
    stack = Pulumi(name)
    pulumi_cli.select(name)
    template.do("config", "cp", "--dest", name)
    stack.do("config", "set-all", *_plain(chosen))
    stack.do("up", "--yes", "--skip-preview")
    urls = {key: (stack.read("stack", "output").get(key) or {}).get("url", "") for key in ("canary", "poolManager")}
    text = announcement(name, urls, hours)
    workflow.summary(text)
    comment.put(door, number, f"stack:{name}", text)


def down(name: str) -> Place | None:
    """Destroy a stack and remove it from the backend; does nothing if the backend does not have it.

    The state is removed only when Railway shows nothing of the stack: without it, left-over resources cannot be found.

    Returns:
        Where it was; None if it had nothing on Railway.

    Raises:
        InfraError: something of it is left.
        Failure: Railway did not answer.
    """
    if all(row["name"] != name for row in pulumi_cli.stacks()):
        return None
    # The config of the last update, which a destroy uses, may not have these keys.
    stack = Pulumi(name, extra={"AGENTS_ON_DESTROY": "delete", "DATA_ON_DESTROY": "delete"})
    # Its config was never committed; a destroy needs only what the template has.
    Pulumi(TEMPLATE).do("config", "cp", "--dest", name)
    stack.do("config", "set-all", *_plain(settings_of(number_of(name), "")))
    place = left_over.place_of(name, recorded.parsed(stack.exported()))
    stack.do("destroy", "--yes", "--skip-preview")
    if place is not None:
        refuse_left(left_over.left(railway_view.client(), place))
    stack.do("stack", "rm", "--yes")
    return place


def check_gone(names: Sequence[str], places: Iterable[Place], project: str) -> str:
    """Check in the backend and on Railway that nothing is left of destroyed stacks.

    Args:
        names: the stacks that must be gone.
        places: where they were, and where the stacks of pull requests are created.
        project: the name of the project that they are created in, used if no place is known.

    Returns:
        One line about what could not be checked; empty if everything was.

    Raises:
        InfraError: something is left, or it could not be checked.
        Failure: Railway did not answer.
    """
    listed = {str(row["name"]) for row in pulumi_cli.stacks()}
    railway = railway_view.client()
    ids = {place.project_id for place in places} or {railway_view.project_id(railway, project)} - {""}
    left = [f"stack {name}" for name in names if name in listed]
    for id_ in sorted(ids):
        for name in left_over.environments(railway, id_).values():
            if name in names:
                left.append(f"environment {name}")
            elif number_of(name) and name not in listed:
                left.append(f"environment {name}, which belongs to no stack")
    refuse_left(left)
    unseen = "" if ids else f"the token cannot see project {project!r}, so Railway was not checked"
    if unseen and names:
        raise InfraError("pr-stack", unseen, "use a token of the project's workspace")
    return unseen


def refuse_left(left: Sequence[str]) -> None:
    """Raise an error that lists what is left, if anything.

    Raises:
        InfraError: something is left.
    """
    if left:
        raise InfraError("pr-stack", f"still there: {', '.join(left)}", "run this again, or delete it on Railway")


def template_place() -> list[Place]:
    """Return where the template's stack is; empty if it was never deployed."""
    if all(row["name"] != TEMPLATE for row in pulumi_cli.stacks()):
        return []
    place = left_over.place_of(TEMPLATE, recorded.parsed(Pulumi(TEMPLATE).exported()))
    return [place] if place is not None else []


def pull_request(door: github.GitHub, number: int) -> Mapping[str, Any] | None:
    """Return a pull request; None if it is certain that no pull request has that number.

    GitHub also answers 404 for what a token cannot see, so a 404 counts only if the token can see other pull requests.

    Raises:
        InfraError: the token cannot see any pull request.
        GitHubError: GitHub refused or did not answer.
    """
    try:
        found: Mapping[str, Any] = door.send("GET", f"pulls/{number}")
    except github.NotFoundError:
        if next(door.pages("pulls", state="all"), None) is None:
            raise InfraError(
                f"pull request {number}", "the token cannot see any pull request of this repository"
            ) from None
        return None
    return found


def sweep(door: github.GitHub, hours: int, project: str) -> list[str]:
    """Destroy every expired stack and return one line per stack; a failure does not stop the others.

    Raises:
        InfraError: some stacks could not be destroyed, or something is left.
    """
    said, gone, failed = list[str](), list[str](), list[str]()
    places = template_place()
    for row in there(pulumi_cli.stacks()):
        try:
            reason = _why_over_now(door, row, hours)
            if not reason:
                said.append(f"{row.name} stays")
                continue
            place = down(row.name)
        except Failure as error:
            failed.append(f"{row.name}: {error}")
        else:
            gone.append(row.name)
            places += [place] if place is not None else []
            said.append(f"{row.name} is gone: {reason}")
    if failed:
        raise InfraError("pr-stack", "; ".join(failed))
    unseen = check_gone(gone, places, project)
    return [*said, *([unseen] if unseen else [])]


def _why_over_now(door: github.GitHub, row: Left, hours: int) -> str:
    pull = pull_request(door, row.number)
    # Some backends do not show a running update, but GitHub shows the job that runs it.
    head = str(((pull or {}).get("head") or {}).get("sha") or "")
    left = replace(row, is_updating=row.is_updating or (bool(head) and conclusion_of(door, THIS, head) == ""))
    return why_over(left, pull, datetime.now(UTC), hours)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    environ = os.environ
    parser = argparse.ArgumentParser(prog="ops pr_stack", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "sweep"])
    parser.add_argument("--pull-request", type=int, default=environ.get("PULL_REQUEST"), metavar="N")
    parser.add_argument("--revision", default=environ.get("REVISION", ""), help="the pull request's head")
    parser.add_argument("--hours", type=int, default=environ.get("PR_STACK_HOURS") or HOURS)
    chosen = parser.parse_args(argv)
    project = str(stacks.config(CHECKOUT, TEMPLATE).get("project") or "convos")
    if chosen.command == "sweep":
        lines = sweep(github.from_environment(), chosen.hours, project)
        workflow.summary("\n".join(["### Stacks of pull requests", "", *(f"- {line}" for line in lines or ["none"])]))
        return 0
    if not chosen.pull_request or not number_of(f"pr-{chosen.pull_request}"):
        parser.error("--pull-request N or PULL_REQUEST is required")
    if chosen.command == "up":
        up(chosen.pull_request, chosen.revision, chosen.hours)
    else:
        name = f"pr-{chosen.pull_request}"
        place = down(name)
        check_gone([name], [place] if place is not None else template_place(), project)
    return 0


def _plain(values: Mapping[str, str]) -> list[str]:
    return [argument for key, value in values.items() for argument in ("--plaintext", f"{key}={value}")]


if __name__ == "__main__":
    sys.exit(workflow.run(main))
