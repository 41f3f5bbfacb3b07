"""runtime/.env.example, from the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool_contract.key_declaration import InRuntime, KeyDeclaration

_HEAD = """\
# Copy to runtime/.env: `make run` hands that file to the container (never the .env of the repository's root).
# `sh scripts/keys.sh` shows which of these are set, without their values. Written by `make config-docs`.
"""


def env_example(declarations: Iterable[KeyDeclaration]) -> str:
    """Return the file."""
    return _HEAD + "".join(_lines(declarations))


def _lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    for declared in declarations:
        if declared.runtime is not None:
            description = declared.runtime.description or declared.description
            yield f"\n# {description}{_without(declared.runtime)}\n"
            yield f"{declared.name}={declared.runtime.example or declared.runtime.default}\n"


def _without(runtime: InRuntime) -> str:
    if runtime.generated is not None:
        return " Made at the first start where it is not set."
    return " Required." if runtime.required else ""
