"""The steps of a preview as `pulumi preview --json` prints them: kind, name, inputs before and after. Pure.

Its form is Pulumi's own (sdk/go/common/display/events.go, PreviewDigest).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.ci.reviewed import UNCHANGED, UNKNOWN

DYNAMIC = "pulumi-python:dynamic/"
"""How the types of our resources begin in a state."""
_CREATES = frozenset({"create", "create-replacement", "replace"})


@dataclass(frozen=True)
class PreviewStep:
    """One step.

    Attributes:
        urn: the resource's address in the state.
        op: Pulumi's word: create, update, delete, …
        kind: such as `railway:Service`.
        name: the resource's name in the program.
        before, after: its inputs.
        recorded: its outputs in the state.
        needs: the addresses of the resources that it depends on.
    """

    urn: str
    op: str
    kind: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    recorded: Mapping[str, Any]
    needs: frozenset[str]

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The new inputs; of what is deleted, the recorded ones."""
        return self.after or self.before

    @property
    def is_change(self) -> bool:
        """Whether something is done."""
        return self.op not in UNCHANGED

    @property
    def creates(self) -> bool:
        """Whether something is made."""
        return self.op in _CREATES

    @property
    def deletes(self) -> bool:
        """Whether something is deleted."""
        return self.op.startswith("delete")

    def text(self, name: str) -> str:
        """Return an input as text; empty if it is missing, no text, or not known yet."""
        value = self.inputs.get(name)
        return value if isinstance(value, str) and value != UNKNOWN else ""

    def called(self) -> str:
        """Return what people call it: its service's name, its own, or the program's."""
        return self.text("service") or self.text("name") or self.name


def steps(document: Mapping[str, Any]) -> Iterator[PreviewStep]:
    """Return the steps of a preview, in the engine's order."""
    for row in document.get("steps") or []:
        urn = str(row.get("urn"))
        *_, kind, name = urn.split("::")
        before, after = row.get("oldState") or {}, row.get("newState") or {}
        yield PreviewStep(
            urn=urn,
            op=str(row.get("op")),
            kind=kind.rpartition("$")[2].removeprefix(DYNAMIC),
            name=name,
            before=mapping(before.get("inputs")),
            after={} if str(row.get("op")).startswith("delete") else mapping(after.get("inputs")),
            recorded=mapping(before.get("outputs")),
            needs=frozenset(str(one) for one in (after or before).get("dependencies") or ()),
        )


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value if it is an object, otherwise an empty one: a secret is shown as a text."""
    return value if isinstance(value, Mapping) else {}
