"""An emulator that differs from what is believed in five ways, which no setting has: `python -m` this, as the emulator.

With five of the emulator's settings it is the Railway of the rehearsal, with ten differences.
"""

from __future__ import annotations

import sys

from emulator import config, errors, patch_rules
from emulator.__main__ import main
from emulator.api import services, variables, volumes

SETTINGS = {
    "project_token": "strict",
    "deleted_answer": "not_authorized",
    "domain_rename": "ignored",
    "update_source_deploys": "true",
    "volume_create_deploys": "true",
}
DIFFERENCES = {
    "project_token": {"project-token-writes-its-environment"},
    "deleted_answer": {
        "delete-a-service",
        "deleted-project-by-its-id",
        "project-that-never-was",
        "service-that-never-was",
    },
    "domain_rename": {"rename-a-domain"},
    "update_source_deploys": {"update-the-source"},
    "volume_create_deploys": {"volume-for-a-running-service"},
    "lists of commands": {"patch-with-two-pre-deploy-commands", "update-with-two-pre-deploy-commands"},
    "scaling deploys": {"scaling-deploys-nothing"},
    "nothing staged": {"nothing-staged"},
    "longer names": {"service-of-33-letters"},
    "volume names": {"volume-of-a-taken-name"},
}
"""Each difference, with the scenarios that see it."""


def seed() -> None:
    """Make this process's emulator another Railway."""
    rules = {**patch_rules._RULES["deploy"], "preDeployCommand": lambda value: isinstance(value, list)}
    patch_rules._RULES = {**patch_rules._RULES, "deploy": rules}
    config.SCALING = ()  # type: ignore[assignment]
    variables.NOTHING_STAGED = "none"
    services._LONGEST_NAME = 100
    volumes.Refusal = lambda message: errors.Refusal(message.replace("Volume name", "A volume of that name"))  # type: ignore[misc,assignment]


if __name__ == "__main__":
    seed()
    sys.exit(main())
