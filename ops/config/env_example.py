"""runtime/.env.example and pool/.env.example, from the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ops.config.pool_page import read_by_pool

if TYPE_CHECKING:
    from pool_contract.key_declaration import InRuntime, KeyDeclaration

_HEAD = """\
# Copy to runtime/.env: `make run` hands that file to the container (never the .env of the repository's root).
# `sh scripts/keys.sh` shows which of these are set, without their values. Written by `make config-docs`.
"""
_POOL_HEAD = """\
# Copy to pool/.env and fill in the required values; docs/pool.md describes how to run the pool manager standalone.
# Do not quote values: Docker treats quotes as part of the value. An empty variable counts as not set.
# Written by `make config-docs`.
"""


def env_example(declarations: Iterable[KeyDeclaration]) -> str:
    """Return the file."""
    return _HEAD + "".join(_lines(declarations))


def pool_env_example(declarations: Iterable[KeyDeclaration]) -> str:
    """Return the pool manager's file, required variables first; the value in a commented line is the default."""
    return _POOL_HEAD + "".join(_pool_lines(read_by_pool(declarations)))


def _pool_lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    for declared in declarations:
        yield f"\n# {declared.description}{' Required.' if declared.required else ''}\n"
        yield f"{'# ' if declared.default else ''}{declared.name}={declared.default}\n"


def _lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    for declared in declarations:
        if declared.runtime is not None:
            description = declared.runtime.description or declared.description
            yield f"\n# {description}{_without(declared.runtime)}\n"
            yield f"{declared.name}={declared.runtime.example or declared.runtime.default}\n"


def _without(runtime: InRuntime) -> str:
    if runtime.generated is not None:
        return " Made at the first start by default."
    return " Required." if runtime.required else ""
