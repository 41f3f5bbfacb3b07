"""Stacks of pull requests: made for a label, taken away with it, and never forgotten.

python -m ops pr_stack up|down --pull-request N    one stack, pr-N
python -m ops pr_stack sweep                       every one whose time is over; proves that nothing is left
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse, parse_version
from convos_infra.registry.resolve import current_digest
from ops import pulumi_cli, stacks
from ops.ci import comment, github, workflow
from ops.ci.image_tags import sha_tag
from ops.ci.registry_login import credentials
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view
from railway_api.failure import Failure

LABEL = "pr-stack"
TEMPLATE = "dev"
"""Whose config a pull request's stack is made from: never one with the secrets of production."""
HOURS = 72
_NAME = re.compile(r"pr-(?P<number>[1-9]\d*)")


@dataclass(frozen=True)
class Left:
    """A pull request's stack that is there.

    Attributes:
        name: pr-N.
        updated: its last update; None where it had none.
    """

    name: str
    updated: datetime | None

    @property
    def number(self) -> int:
        """The pull request's."""
        return number_of(self.name)


def number_of(name: str) -> int:
    """Return the pull request that a stack or environment belongs to; 0 for all others."""
    found = _NAME.fullmatch(name)
    return int(found["number"]) if found else 0


def there(rows: Sequence[Mapping[str, Any]]) -> list[Left]:
    """Return the pull requests' stacks among those that `pulumi stack ls --json` lists."""
    found = []
    for row in rows:
        if number_of(str(row.get("name"))):
            when = str(row.get("lastUpdate") or "")
            found.append(Left(str(row["name"]), datetime.fromisoformat(when) if when else None))
    return found


def why_over(left: Left, pull: Mapping[str, Any] | None, now: datetime, hours: int) -> str:
    """Return why a stack's time is over, or the empty string.

    Args:
        left: the stack.
        pull: its pull request; None where there is none of that number.
        now: with a time zone.
        hours: how long a stack lives after its last update.
    """
    if pull is None:
        return "there is no such pull request"
    if pull.get("state") != "open":
        return "its pull request is closed"
    if LABEL not in {str(label.get("name")) for label in pull.get("labels") or []}:
        return f"its pull request has no label {LABEL}"
    if left.updated is None:
        return "it was never updated to the end"
    if now - left.updated > timedelta(hours=hours):
        return f"its last update is more than {hours} hours ago"
    return ""


def settings_of(number: int, image: str, pool_image: str = "") -> dict[str, str]:
    """Return what the config of a pull request's stack has instead of its template's.

    Args:
        number: the pull request's.
        image: the tag of its runtime image; empty for the template's.
        pool_image: its pool manager's image; empty for the template's.
    """
    name = f"pr-{number}"
    return {
        "environment": name,
        **({"imageTag": image} if image else {}),
        **({"poolImage": pool_image} if pool_image else {}),
        "poolEnvironment": "dev",
        "poolMinIdle": "1",
        # Nobody answers a question when a label or a pull request goes.
        "agentsOnDestroy": "delete",
        "dataOnDestroy": "delete",
        "protect": "false",
    }


def image_tag(template: Mapping[str, Any], number: int, revision: str) -> str:
    """Return the tag of the pull request's own runtime image, pr-N, or empty where it has built none.

    Raises:
        InfraError: the registry cannot be asked, or the image is not the head's.
    """
    return _own_tag(stacks.followed(template, TEMPLATE).location, number, revision, "imageTag", "build-runtime")


def pool_image(template: Mapping[str, Any], number: int, revision: str) -> str:
    """Return the pull request's own image of the pool manager, or empty where it has built none.

    Raises:
        InfraError: as for `image_tag`.
    """
    text = str(template.get("poolImage") or "")
    location = parse(text, "poolImage").location if text else ""
    tag = _own_tag(location, number, revision, "poolImage", "build-pool") if location else ""
    return f"{location}:{tag}" if tag else ""


def _own_tag(repository: str, number: int, revision: str, thing: str, build: str) -> str:
    """Return pr-N, or empty where there is none.

    It must be the image of the pull request's head, which its `sha-` tag is: a build that runs still has not moved it,
    and last week's image would be shown as today's.
    """

    def digest(tag: str) -> str:
        return current_digest(parse_version(repository, tag, thing), credentials=credentials(), thing=thing)

    own = digest(f"pr-{number}")
    if own and own != digest(sha_tag(revision)):
        problem = f"pr-{number} is not the image of {revision[:7]}"
        raise InfraError(thing, problem, f"wait for {build} to end, and run this job again")
    return f"pr-{number}" if own else ""


def up(number: int, revision: str) -> None:
    """Make or update the stack of a pull request."""
    name, template = f"pr-{number}", Pulumi(TEMPLATE)
    values = stacks.config(CHECKOUT, TEMPLATE)
    chosen = settings_of(number, image_tag(values, number, revision), pool_image(values, number, revision))
    stack = Pulumi(name)
    pulumi_cli.select(name)
    template.do("config", "cp", "--dest", name)
    stack.do("config", "set-all", *_plain(chosen))
    stack.do("up", "--yes", "--skip-preview")
    urls = {key: (stack.read("stack", "output").get(key) or {}).get("url", "") for key in ("canary", "poolManager")}
    lines = [f"### Stack `{name}`", "", *(f"- {key}: {url or 'no address'}" for key, url in urls.items())]
    lines += ["", f"It goes when the label `{LABEL}` or the pull request does, or {HOURS} hours after its last update."]
    workflow.summary("\n".join(lines))
    comment.put(github.from_environment(), number, f"stack:{name}", "\n".join(lines))


def down(name: str) -> None:
    """Take away a stack with all that it made, and the stack itself; one that is not there is gone already."""
    if all(row["name"] != name for row in pulumi_cli.stacks()):
        return
    # A destroy has the config of the last update, which may not have said this yet.
    stack = Pulumi(name, extra={"AGENTS_ON_DESTROY": "delete", "DATA_ON_DESTROY": "delete"})
    # Its config was never committed; what a destroy needs of it is the template's.
    Pulumi(TEMPLATE).do("config", "cp", "--dest", name)
    stack.do("config", "set-all", *_plain(settings_of(number_of(name), "")))
    stack.do("destroy", "--yes", "--skip-preview")
    stack.do("stack", "rm", "--yes")


def check_gone(names: Sequence[str], project: str) -> None:
    """Prove that nothing is left of stacks, by the backend's list and by Railway's own.

    Raises:
        InfraError: something is, or nobody could look.
    """
    listed = {row["name"] for row in pulumi_cli.stacks()}
    railway = railway_view.client()
    found = railway_view.project_id(railway, project)
    on_railway = railway_view.environments(railway, found) if found else {}
    left = [f"stack {name}" for name in names if name in listed]
    left += [f"environment {name}" for name in on_railway if name in names]
    left += [f"environment {name}, which no stack has" for name in on_railway if _is_orphan(name, listed, names)]
    if left:
        raise InfraError("pr-stack", f"still there: {', '.join(left)}", "delete them on Railway, or run this again")


def sweep(door: github.GitHub, hours: int, project: str) -> list[str]:
    """Take away every stack whose time is over; return one line each. One that fails does not keep the others.

    Raises:
        InfraError: some could not be taken away, or something is left.
    """
    said, gone, failed = [], [], []
    for left in there(pulumi_cli.stacks()):
        try:
            pull = door.send("GET", f"pulls/{left.number}")
        except github.NotFoundError:
            pull = None
        if not (reason := why_over(left, pull, datetime.now(UTC), hours)):
            said.append(f"{left.name} stays")
            continue
        try:
            down(left.name)
        except Failure as error:
            failed.append(f"{left.name}: {error}")
        else:
            gone.append(left.name)
            said.append(f"{left.name} is gone: {reason}")
    if failed:
        raise InfraError("pr-stack", "; ".join(failed))
    check_gone(gone, project)
    return said


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
        parser.error("which pull request? --pull-request N, or PULL_REQUEST")
    if chosen.command == "up":
        up(chosen.pull_request, chosen.revision)
    else:
        down(f"pr-{chosen.pull_request}")
        check_gone([f"pr-{chosen.pull_request}"], project)
    return 0


def _plain(values: Mapping[str, str]) -> list[str]:
    return [argument for key, value in values.items() for argument in ("--plaintext", f"{key}={value}")]


def _is_orphan(name: str, listed: set[Any], names: Sequence[str]) -> bool:
    return number_of(name) > 0 and name not in listed and name not in names


if __name__ == "__main__":
    sys.exit(workflow.run(main))
