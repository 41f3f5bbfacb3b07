"""An emulator that is another Railway than the one believed in: `python -m` this, with OTHER_WAYS in the environment.

It is the Railway of the rehearsal. Each difference is one of the emulator's settings, or a change of this process that
no setting has.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emulator import config, errors, patch_rules
from emulator.__main__ import main
from emulator.api import access, services, variables, volumes

WAYS = "OTHER_WAYS"
"""The environment variable with the names of the differences, separated by commas."""


@dataclass(frozen=True)
class Difference:
    """One way in which this Railway is another one.

    Attributes:
        scenarios: those that see it.
        setting: the emulator's setting with its value; empty where it is a change of the process.
        change: makes the change.
    """

    scenarios: frozenset[str]
    setting: tuple[str, str] = ("", "")
    change: Callable[[], None] = lambda: None


def _set(name: str, value: str, *scenarios: str) -> Difference:
    return Difference(frozenset(scenarios), setting=(name, value))


def _says(words: str, *scenarios: str) -> Difference:
    """Return a Railway that refuses in other words."""

    def change() -> None:
        before = errors.Refusal.__init__

        def refuse(refusal: errors.Refusal, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
            before(refusal, message.replace(words, "Something else"), code)

        errors.Refusal.__init__ = refuse  # type: ignore[method-assign]

    return Difference(frozenset(scenarios), change=change)


def _with(change: Callable[[], None], *scenarios: str) -> Difference:
    return Difference(frozenset(scenarios), change=change)


def _lists_of_commands() -> None:
    rules = {**patch_rules._RULES["deploy"], "preDeployCommand": lambda value: isinstance(value, list)}
    patch_rules._RULES = {**patch_rules._RULES, "deploy": rules}


def _scaling_deploys() -> None:
    config.SCALING = ()  # type: ignore[assignment]


def _nothing_staged() -> None:
    variables.NOTHING_STAGED = "none"


def _longer_names() -> None:
    services._LONGEST_NAME = 100


def _volume_names() -> None:
    volumes.Refusal = lambda message: errors.Refusal(message.replace("Volume name", "A volume of that name"))  # type: ignore[misc,assignment]


def _closed(operation: str) -> Callable[[], None]:
    """Return what takes an operation away from those without a token."""

    def change() -> None:
        access.PUBLIC = access.PUBLIC - {operation}
        access.ANY_TOKEN = access.ANY_TOKEN | {operation}

    return change


DIFFERENCES: Mapping[str, Difference] = {
    "project_token": _set("project_token", "strict", "project-token-writes-its-environment"),
    "deleted_answer": _set(
        "deleted_answer",
        "not_authorized",
        "delete-a-service",
        "deleted-project-by-its-id",
        "project-that-never-was",
        "service-that-never-was",
    ),
    "domain_rename": _set("domain_rename", "ignored", "rename-a-domain"),
    "update_source_deploys": _set("update_source_deploys", "true", "update-the-source"),
    "volume_create_deploys": _set("volume_create_deploys", "true", "volume-for-a-running-service"),
    "lists of commands": _with(
        _lists_of_commands, "patch-with-two-pre-deploy-commands", "update-with-two-pre-deploy-commands"
    ),
    "scaling deploys": _with(_scaling_deploys, "scaling-deploys-nothing"),
    "nothing staged": _with(_nothing_staged, "nothing-staged"),
    "longer names": _with(_longer_names, "service-of-33-letters"),
    "volume names": _with(_volume_names, "volume-of-a-taken-name"),
    "scoped_delete": _set("scoped_delete", "deletes_service", "delete-a-service-in-its-last-environment"),
    "template": _with(_closed("template"), "template-without-a-token"),
    "introspection": _with(_closed("__schema"), "introspection-without-a-token"),
    "no patch": _says("No patch to apply", "nothing-to-commit"),
    "taken names": _says("already exists in", "service-of-a-taken-name", "environment-of-a-taken-name"),
    "no snapshot": _says("Cannot redeploy without a snapshot", "redeploy-what-never-ran"),
    "redeploy under way": _says("Cannot redeploy yet", "redeploy-under-way"),
    "change sets": _says("Unsupported RailwayChangeSet", "change-set-without-a-version"),
    "empty ids": _says("Environment not found", "environment-of-an-empty-source"),
    "instances": _says("ServiceInstance not found", "instance-that-never-was", "refusal-is-told-by-its-message"),
}
FIRST_TEN = tuple(DIFFERENCES)[:10]


def ten(seed: int) -> tuple[str, ...]:
    """Return the names of ten differences, the first ten for 0."""
    return tuple(random.Random(seed).sample(sorted(DIFFERENCES), 10)) if seed else FIRST_TEN


def settings_of(names: tuple[str, ...]) -> dict[str, str]:
    """Return the emulator's settings for differences."""
    return dict(DIFFERENCES[name].setting for name in names if DIFFERENCES[name].setting[0])


if __name__ == "__main__":
    for chosen in os.environ[WAYS].split(","):
        DIFFERENCES[chosen].change()
    sys.exit(main())
