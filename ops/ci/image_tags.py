"""Decides from a GitHub event which tags an image gets and whether it is pushed.

`python3 ops/ci/image_tags.py EVENT_NAME EVENT_FILE [IMAGE FOLDER]` prints `name=value` lines, as GITHUB_OUTPUT takes
them. FOLDER is what the image is built from: if the branch has a newer commit that changes it, the branch's tag stays.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

BRANCH_TAGS = {"scaling": "scaling", "dev": "dev", "staging": "staging", "main": "production"}
"""Branch -> tag. Other branches are not built."""
SHORT = 7
"""Characters of the commit in a `sha-` tag."""


@dataclass(frozen=True)
class TagDecision:
    """What to do for an event.

    Args:
        revision: the commit to check out, build and name, 40 hex digits; empty if nothing is built.
        tags: the tags of the image, the branch's first; empty if nothing is pushed.
        reason: why nothing is pushed, or why the branch's tag stays; empty otherwise.
        branch: the branch that the first tag belongs to; empty if there is none.
    """

    revision: str
    tags: tuple[str, ...]
    reason: str = ""
    branch: str = ""

    @property
    def push(self) -> bool:
        """Whether the image is pushed to the registry."""
        return bool(self.tags)


def decide(event_name: str, event: Mapping[str, Any]) -> TagDecision:
    """Return which tags the image of an event gets, and whether it is pushed.

    Args:
        event_name: `push` or `pull_request`, from GITHUB_EVENT_NAME; other events push nothing.
        event: the webhook's payload, the file at GITHUB_EVENT_PATH.

    Raises:
        ValueError: the payload lacks a field that every event of that name has.
    """
    if event_name == "push":
        return _push(event)
    if event_name == "pull_request":
        return _pull_request(event)
    return TagDecision("", (), f"{event_name} events build no image")


def _push(event: Mapping[str, Any]) -> TagDecision:
    ref = str(event.get("ref", ""))
    if event.get("deleted"):
        return TagDecision("", (), f"{ref} was deleted")
    revision = _commit(event.get("after"))
    if not ref.startswith("refs/heads/"):
        return TagDecision(revision, (), f"{ref} is not a branch")
    branch = ref.removeprefix("refs/heads/")
    if branch not in BRANCH_TAGS:
        return TagDecision(revision, (), f"no stack is deployed from branch {branch}")
    return TagDecision(revision, (BRANCH_TAGS[branch], sha_tag(revision)), branch=branch)


def _pull_request(event: Mapping[str, Any]) -> TagDecision:
    pull = event.get("pull_request") or {}
    head = pull.get("head") or {}
    # The head's commit. GITHUB_SHA is that of the merge commit here, which is on no branch, and GITHUB_REF_NAME is
    # `N/merge`, whose slash is not allowed in a tag.
    revision = _commit(head.get("sha"))
    number = pull.get("number")
    if type(number) is not int:
        raise ValueError("the pull request has no number")
    # `repo` is null when the fork was deleted.
    source = (head.get("repo") or {}).get("full_name")
    target = ((pull.get("base") or {}).get("repo") or {}).get("full_name")
    if source is None or source != target:
        return TagDecision(revision, (), "a pull request from a fork: its token cannot write packages")
    if (event.get("sender") or {}).get("login") == "dependabot[bot]":
        return TagDecision(revision, (), "a pull request by Dependabot: its token cannot write packages")
    return TagDecision(revision, (f"pr-{number}", sha_tag(revision)))


def settled(decision: TagDecision, checkout: Path, folder: str) -> TagDecision:
    """Return the decision without the branch's tag if another build has to move it.

    A re-run build has an old commit: it would move the branch's tag back, and the stacks that follow it. The branch is
    compared as it is now, so that a forced push to an older or another history does not move the tag back either.

    Args:
        decision: the decision for the event.
        checkout: a clone with the whole history and the branch as it is now.
        folder: what the image is built from.

    Raises:
        ValueError: git cannot tell.
    """
    if not decision.branch:
        return decision
    branch, revision = decision.branch, decision.revision[:SHORT]
    now = _git(checkout, "rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{decision.branch}^{{commit}}")
    if now is None:
        why = f"branch {branch} is gone"
    elif _git(checkout, "merge-base", "--is-ancestor", decision.revision, now) is None:
        why = f"{revision} is no longer on branch {branch}"
    else:
        newer = _git(checkout, "rev-list", "--full-history", f"{decision.revision}..{now}", "--", folder)
        if not newer:
            return decision
        why = f"branch {branch} has the newer {newer.split()[0][:SHORT]}, which changes {folder}/ as well"
    return replace(decision, tags=decision.tags[1:], reason=f"tag {decision.tags[0]} stays as it is: {why}")


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return the output of git; None if it exits with 1, which means "no".

    Raises:
        ValueError: git failed, for example in a shallow clone or in one that another user owns.
    """
    command = ["git", "-C", str(checkout)]
    shallow = subprocess.run([*command, "rev-parse", "--is-shallow-repository"], capture_output=True, text=True)
    if shallow.stdout.strip() != "false":
        why = shallow.stderr.strip().partition("\n")[0] or "the clone is shallow: fetch-depth must be 0"
        raise ValueError(f"git cannot tell which build is the newest: {why}")
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    if done.returncode not in (0, 1):  # a signal that ended it is negative
        raise ValueError(f"git cannot tell which build is the newest: {done.stderr.strip().partition(chr(10))[0]}")
    return None if done.returncode else done.stdout.strip()


def sha_tag(revision: str) -> str:
    """Return the tag that pins a commit."""
    return f"sha-{revision[:SHORT]}"


def shown(text: str) -> str:
    """Return a text from outside as one printable line: a branch's name may turn around the line that it is in."""
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)


def _commit(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{40}", value) or set(value) == {"0"}:
        raise ValueError(f"the event has {value!r} in place of a commit")
    return value


def output(decision: TagDecision, image: str) -> str:
    """Return the lines for GITHUB_OUTPUT; lists are separated by commas, as docker/metadata-action reads them.

    Args:
        decision: the decision for the event.
        image: the image's repository in lower case, which registries require; owners on GitHub may have capitals.
    """
    lines = {
        "revision": decision.revision,
        "image": image,
        "push": str(decision.push).lower(),
        "tags": ",".join(decision.tags),
        "references": ",".join(f"{image}:{tag}" for tag in decision.tags) if image else "",
        "reason": shown(decision.reason),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def main(argv: list[str]) -> int:
    """Run the command line, and return its exit code."""
    if len(argv) not in (2, 3, 4):
        sys.stderr.write("usage: image_tags.py EVENT_NAME EVENT_FILE [IMAGE [FOLDER]]\n")
        return 2
    try:
        decision = decide(argv[0], json.loads(Path(argv[1]).read_text(encoding="utf-8")))
        if len(argv) > 3:
            decision = settled(decision, Path.cwd(), argv[3])
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:  # or not a webhook's payload
        sys.stderr.write(f"image_tags: {argv[1]}: {error}\n")
        return 1
    if decision.reason:
        # The runner decodes %0A in a command to a line break.
        sys.stderr.write(f"::notice title=image tags::{shown(decision.reason).replace('%', '%25')}\n")
    sys.stdout.write(output(decision, argv[2].lower() if len(argv) > 2 else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
