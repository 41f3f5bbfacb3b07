"""runtime/scripts/keys.list, which keys.sh reads, from the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool_contract.key_declaration import InRuntime, KeyDeclaration

_HEAD = """\
# Every key of the runtime, one a line: NAME, then `required`, `optional`, `default=VALUE` or `generated=PREFIX:BYTES`.
# A generated key is PREFIX and BYTES random bytes in hex. Read by keys.sh. Written by `make config-docs` from
# pool/pool_contract.
"""


def keys_list(declarations: Iterable[KeyDeclaration]) -> str:
    """Return the file."""
    return _HEAD + "".join(_lines(declarations))


def _lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    for declared in declarations:
        if declared.runtime is not None:
            yield f"{declared.name} {_kind(declared.runtime)}\n"


def _kind(runtime: InRuntime) -> str:
    if runtime.generated is not None:
        return f"generated={runtime.generated.prefix}:{runtime.generated.size}"
    if runtime.required:
        return "required"
    return f"default={runtime.default}" if runtime.default else "optional"
