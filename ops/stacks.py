"""Which stack belongs to which branch, and what the stacks' config files say. Pure but for reading the files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from convos_infra.errors import InfraError
from convos_infra.registry.reference import ImageReference, parse_version
from ops.ci.image_tags import BRANCH_TAGS
from stack.settings import DEFAULT_REPOSITORY

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = "convos-infra"
LOCAL = "local"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PIN = re.compile(rf"^  {PROJECT}:imageTag:.*\n", re.MULTILINE)


def of_branch(branch: str) -> str:
    """Return the stack that a branch deploys; it is called as the branch's image tag is.

    Raises:
        InfraError: the branch deploys none.
    """
    if branch not in BRANCH_TAGS:
        raise InfraError(branch, "this branch deploys no stack", f"those that do: {', '.join(BRANCH_TAGS)}")
    return BRANCH_TAGS[branch]


def checked(stack: str) -> str:
    """Return a stack's name.

    Raises:
        InfraError: no stack may have that name; it becomes part of a path.
    """
    if not stack:
        raise InfraError("stack", "STACK= is missing", f"one of {', '.join([LOCAL, *configured(CHECKOUT)])}")
    if not _NAME.fullmatch(stack):
        raise InfraError("stack", f"{stack!r} is no stack's name")
    return stack


def configured(folder: Path) -> list[str]:
    """Return the stacks whose config is in the repository, the one of `make local` left out."""
    names = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in sorted(folder.glob("Pulumi.*.yaml"))]
    return [name for name in names if name != LOCAL]


def config(folder: Path, stack: str) -> dict[str, Any]:
    """Return a stack's config by key, without the project's prefix; secrets stay as they are stored.

    Raises:
        InfraError: there is no such stack, or its file cannot be read.
    """
    file = folder / f"Pulumi.{checked(stack)}.yaml"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        listed = ", ".join(configured(folder))
        raise InfraError("stack", f"there is no {file.name}", f"the stacks are {listed}") from None
    except (OSError, yaml.YAMLError) as error:
        raise InfraError(file.name, f"cannot be read: {type(error).__name__}") from None
    prefix = f"{PROJECT}:"
    values: Mapping[str, Any] = document.get("config") or {}
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def followed(values: Mapping[str, Any], stack: str) -> ImageReference:
    """Return the tag that a stack follows."""
    repository = str(values.get("imageRepository") or DEFAULT_REPOSITORY)
    return parse_version(repository, str(values.get("imageBranchTag") or stack), "imageBranchTag")


def pinned(values: Mapping[str, Any]) -> str:
    """Return what a stack pins, or the empty string."""
    return str(values.get("imageTag") or "")


def with_pin(text: str, tag: str) -> str:
    """Return a stack's config file with a pin, one line changed; with an empty tag, without one.

    Raises:
        InfraError: the file has no config to put it into.
    """
    line = f"  {PROJECT}:imageTag: {tag}\n" if tag else ""
    if _PIN.search(text):
        return _PIN.sub(line, text, count=1)
    if not line:
        return text
    head, config_line, rest = text.partition("config:\n")
    if not config_line or (head and not head.endswith("\n")):
        raise InfraError("config", "the stack's file has no line `config:`", "set it once by pulumi config set")
    return f"{head}{config_line}{line}{rest}"
