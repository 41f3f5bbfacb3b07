"""The door to Pulumi's config: everything that is in the stack, and every key that stack/settings.py declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime.config import get_config_env, is_config_secret

from stack import settings


def read(environ: Mapping[str, str]) -> settings.Settings:
    """Return the stack's settings.

    Args:
        environ: the process's environment.

    Raises:
        Problems: everything that is wrong with them.
    """
    project = pulumi.get_project()
    prefix = f"{project}:"
    names = [key.removeprefix(prefix) for key in get_config_env() if key.startswith(prefix)]
    config = pulumi.Config()
    values: dict[str, Any] = {}
    for name in names:
        is_object = name in settings.KEYS and settings.KEYS[name].type == "object"
        values[name] = config.get_object(name) if is_object else config.get(name)
    return settings.read(
        pulumi.get_stack(),
        values,
        environ,
        is_secret=lambda name: is_config_secret(f"{prefix}{name}"),
    )
