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


def _stale(stage: Sandbox) -> str:
    id_ = stage.service("stale")
    etag = stage.ask(documents.ETAG, id=stage.environment_id)["environment"]["configEtag"]
    stage.configure(id_, {"variables": {"A": {"value": "1"}}}, skip=True)
    given = {"environmentId": stage.environment_id, "input": _input(), "etag": etag}
    return "refused" if stage.refused(documents.APPLY, **given) != "accepted" else "accepted"


def _preview(stage: Sandbox) -> int:
    id_ = stage.service("previewed")
    stage.configure(id_, {"deploy": {"startCommand": "serve"}}, skip=True)
    stage.lately(lambda: id_ in stage.config()["services"], expected=True)
    same, other = ({"startCommand": command} for command in ("serve", "other"))
    given = _input(_change("previewed", "deploy", same), _change("previewed", "deploy", other))
    answer = stage.ask(documents.PREVIEW, environmentId=stage.environment_id, input=given)
    return len(answer["environmentPreviewChangeSet"]["changeSet"]["changes"])


def _keeps_volume(stage: Sandbox) -> bool:
    id_ = stage.service("keeps-volume")
    volume_id = stage.volume(id_)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    change = {**_change("x", "", None), "kind": "resource.delete", "address": "volume.keeps-volume-volume"}
    stage.refused(documents.APPLY, environmentId=stage.environment_id, input=_input(change), etag=None)
    left = [row for row in stage.volume_instances(volume_id) if not row["isPendingDeletion"]]
    stage.ask(documents.VOLUME_UPDATE, volumeId=volume_id, input={"name": "kept-by-apply"})
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
