"""Change sets, which are experimental on Railway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _change(name: str, field: str, after: Any) -> dict[str, Any]:
    return {
        "kind": "resource.update",
        "address": f"service.{name}",
        "path": f"resources.service.{name}.{field}",
        "summary": f"{field} of {name}",
        "severity": "safe",
        "deployEffect": "deploy",
        "field": field,
        "before": None,
        "after": after,
    }


def _input(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "changes": list(changes), "diagnostics": []}


def _stale(sandbox: Sandbox) -> str:
    id_ = sandbox.service("stale")
    etag = sandbox.ask(documents.ETAG, id=sandbox.environment_id)["environment"]["configEtag"]
    sandbox.configure(id_, {"variables": {"A": {"value": "1"}}}, skip=True)
    given = {"environmentId": sandbox.environment_id, "input": _input(), "etag": etag}
    return "refused" if sandbox.refused(documents.APPLY, **given) != "accepted" else "accepted"


def _preview(sandbox: Sandbox) -> int:
    id_ = sandbox.service("previewed")
    sandbox.configure(id_, {"deploy": {"startCommand": "serve"}}, skip=True)
    sandbox.lately(lambda: id_ in sandbox.config()["services"], expected=True)
    same, other = ({"startCommand": command} for command in ("serve", "other"))
    given = _input(_change("previewed", "deploy", same), _change("previewed", "deploy", other))
    answer = sandbox.ask(documents.PREVIEW, environmentId=sandbox.environment_id, input=given)
    return len(answer["environmentPreviewChangeSet"]["changeSet"]["changes"])


def _keeps_volume(sandbox: Sandbox) -> bool:
    id_ = sandbox.service("keeps-volume")
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    change = {**_change("x", "", None), "kind": "resource.delete", "address": "volume.keeps-volume-volume"}
    sandbox.refused(documents.APPLY, environmentId=sandbox.environment_id, input=_input(change), etag=None)
    left = [row for row in sandbox.volume_instances(volume_id) if not row["isPendingDeletion"]]
    sandbox.ask(documents.VOLUME_UPDATE, volumeId=volume_id, input={"name": "kept-by-apply"})
    return bool(left)


SCENARIOS = (
    Scenario(
        "change-set-without-a-version",
        ("change-set-version",),
        lambda s: s.refused(documents.PREVIEW, environmentId=s.environment_id, input={"changes": []}),
        "Unsupported RailwayChangeSet version: undefined",
    ),
    Scenario("stale-change-set", ("stale-etag",), _stale, "refused"),
    Scenario("preview-of-what-is-there", ("preview-drops-no-ops", "change-set-addresses"), _preview, 1),
    Scenario("apply-keeps-a-volume", ("apply-keeps-volumes",), _keeps_volume, expected=True),
)
