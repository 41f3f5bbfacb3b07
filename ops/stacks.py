"""Which stack belongs to which branch, and what the stacks' config files say. Pure but for reading the files."""

from __future__ import annotations

import json
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
_PIN_KEY = f"{PROJECT}:imageTag"
_PIN = re.compile(rf"^( +)([\"']?){_PIN_KEY}\2 *:[^\r\n]*(\r?\n|\Z)", re.MULTILINE)
_CONFIG = re.compile(r"^\ufeff?config:[ \t]*(?:#[^\r\n]*)?(\r?\n)", re.MULTILINE)
_FIRST_KEY = re.compile(r"^( +)[^\s#]", re.MULTILINE)


def of_branch(branch: str) -> str:
    """Return the stack that a branch deploys; it has the name of the branch's image tag.

    Raises:
        InfraError: the branch deploys none.
    """
    if branch not in BRANCH_TAGS:
        raise InfraError(branch, "this branch deploys no stack", f"those that do: {', '.join(BRANCH_TAGS)}")
    return BRANCH_TAGS[branch]


def checked(stack: str) -> str:
    """Return a stack's name if it is valid.

    Raises:
        InfraError: it is missing or invalid; the name becomes part of a path.
    """
    if not stack:
        raise InfraError("stack", "STACK= is missing", f"one of {', '.join([LOCAL, *configured(CHECKOUT)])}")
    if not _NAME.fullmatch(stack):
        raise InfraError("stack", f"{stack[:80]!r} is not a stack's name", "lower-case letters, digits and hyphens")
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
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InfraError(file.name, f"cannot be read: {type(error).__name__}") from None
    values = (document.get("config") or {}) if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise InfraError(file.name, "is not a stack's config: `config:` and its keys, one a line", "repair it")
    prefix = f"{PROJECT}:"
    return {str(key).removeprefix(prefix): value for key, value in values.items() if str(key).startswith(prefix)}


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
        InfraError: the file has no line `config:`, or changing one line is not enough.
    """
    changed = _with_line(text, tag)
    before, after = _document(text), _document(changed)
    wanted = {key: value for key, value in (before.get("config") or {}).items() if key != _PIN_KEY}
    wanted |= {_PIN_KEY: tag} if tag else {}
    if {**before, "config": wanted} != {**after, "config": after.get("config") or {}}:
        step = "write the key imageTag once, on a line of its own"
        raise InfraError("config", "the stack's file does not take a pin as one line", step)
    return changed


def _with_line(text: str, tag: str) -> str:
    # Without quotes, YAML reads 0123456 as a number and null as no value.
    value = tag if yaml.safe_load(tag or '""') == tag else json.dumps(tag)
    found, config_line = _PIN.search(text), _CONFIG.search(text)
    if found:
        line = f"{found[1]}{_PIN_KEY}: {value}{found[3]}" if tag else ""
        return text[: found.start()] + line + text[found.end() :]
    if not tag:
        return text
    if not config_line:
        raise InfraError("config", "the stack's file has no line `config:`", "set it once by pulumi config set")
    at = config_line.end()
    first = _FIRST_KEY.match(text, at) or _FIRST_KEY.search(text, at)
    return f"{text[:at]}{first[1] if first else '  '}{_PIN_KEY}: {value}{config_line[1]}{text[at:]}"


def _document(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("config") or {}, dict):
        raise InfraError("config", "the stack's file cannot be read as YAML", "repair it")
    return found
