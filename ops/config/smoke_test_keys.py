"""The keys of the image's smoke tests in .github/workflows/build-runtime.yml, from their declaration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool_contract.key_declaration import KeyDeclaration

_STEP = """\
        run: ops/image/qa.sh "$IMAGE@$DIGEST"
        env:
          DIGEST: ${{ needs.build.outputs.digest }}
"""


def written(workflow: str, declarations: Iterable[KeyDeclaration]) -> str:
    """Return the workflow with every key that people set and agents get; without the step, it is unchanged."""
    before, step, after = workflow.partition(_STEP)
    rest = after[after.find("\n\n") + 1 :]
    return f"{before}{step}{''.join(_lines(declarations))}{rest}" if step else workflow


def _lines(declarations: Iterable[KeyDeclaration]) -> Iterator[str]:
    for declared in declarations:
        # The image itself has the defaults for agents.
        if declared.set_by == "keys" and declared.for_agents and declared.runtime is not None and not declared.default:
            value = declared.runtime.default or f"${{{{ secrets.{declared.name} }}}}"
            yield f"          {declared.name}: {value}\n"
