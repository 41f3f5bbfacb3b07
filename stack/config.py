"""Reads a stack's config from Pulumi and from the stack's file, as `stack.settings` declares it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import get_config_env, is_config_secret

from stack import settings, written


def read(environ: Mapping[str, str]) -> settings.Settings:
    """Return the stack's settings.

    Args:
        environ: the process's environment.

    Raises:
        ConfigError: it has every problem of the config.
    """
    project = pulumi.get_project()
    prefix = f"{project}:"
    names = [key.removeprefix(prefix) for key in get_config_env() if key.startswith(prefix)]
    config = pulumi.Config()
    values: dict[str, Any] = {}
    for name in names:
        is_object = name in settings.KEYS and settings.KEYS[name].type == "object"
        values[name] = config.get_object(name) if is_object else config.get(name)
    stack = pulumi.get_stack()
    file = Path(__file__).parents[1] / f"Pulumi.{stack}.yaml"
    found = written.parse(file.read_text(encoding="utf-8") if file.is_file() else "", project, values)
    texts = {name: number for name, number in found.numbers.items() if _is_text(name)}

    def is_secret(name: str) -> bool:
        return name not in found.plain if "." in name else is_config_secret(f"{prefix}{name}")

    return settings.read(stack, {**values, **texts}, environ, is_secret=is_secret)


def _is_text(name: str) -> bool:
    return name in settings.KEYS and settings.KEYS[name].type == "string"
