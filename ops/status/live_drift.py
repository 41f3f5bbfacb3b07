"""What is on Railway otherwise than a stack's last update left it: names of fields and variables, no values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.environment_config import VARIABLES, changed_fields, live_variables
from convos_infra.railway.running import not_running
from convos_infra.railway.running_references import gives
from convos_infra.railway.snapshot import Gone, Snapshots
from ops.status import railway_view

if TYPE_CHECKING:
    from convos_infra.railway.references import Resolved
    from convos_infra.railway.snapshot import Snapshot

INSTANCE = "pulumi-python:dynamic/railway:ServiceInstance"
_SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's own mark of a value that is encrypted
Drift = dict[str, dict[str, list[str]]]


def instances(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the recorded properties of every ServiceInstance, from `pulumi stack export --show-secrets`."""
    for resource in (state.get("deployment") or {}).get("resources") or []:
        if resource.get("type") == INSTANCE and not resource.get("delete"):
            yield _opened(resource.get("outputs") or {})


def read(state: Mapping[str, Any]) -> Drift:
    """Return what differs, by service: three calls to Railway, however many services there are.

    Raises:
        InfraError: Railway cannot be asked.
    """
    found: Drift = {}
    snapshots = Snapshots(railway_view.client())
    for props in instances(state):
        service = str(props["service"])
        try:
            snapshot = snapshots.read(props["projectId"], props["environmentId"], thing=service)
        except Gone:
            found[service] = {"changed": ["its environment is gone"]}
            continue
        details = snapshots.details(snapshot)
        now = gives(snapshot, props["serviceId"], details.tcp_proxies)
        if names := of_service(props, snapshot, details.variables.get(props["serviceId"]), now):
            found[service] = names
    return found


def of_service(
    props: Mapping[str, Any],
    snapshot: Snapshot,
    running: Mapping[str, Any] | None,
    now: Mapping[str, Resolved] | None = None,
) -> dict[str, list[str]]:
    """Compare three states of a service: what was recorded, what is stored on Railway, what runs.

    Args:
        props: what the last update recorded.
        snapshot: what is stored.
        running: the variables of the newest deployment; None where they could not be read.
        now: what variables with references would give in a deployment now.

    Returns:
        `changed`, stored otherwise than recorded; `unmanaged`, variables that nobody here set; `notRunning`, stored but
        not deployed. Those without a name are left out.
    """
    live = snapshot.service(props["serviceId"])
    if live is None:
        return {"changed": ["it is gone"]}
    values, managed = live_variables(live), props.get(VARIABLES) or {}
    changed = changed_fields(props, live)
    # The value of a sealed variable is told to nobody, so it cannot be compared.
    changed += sorted(name for name in managed if name not in values or values[name] not in (None, managed[name]))
    found = {
        "changed": changed,
        "unmanaged": sorted(set(values) - set(managed)),
        "notRunning": not_running(props, live, snapshot.latest_deployment(props["serviceId"]), running, now),
    }
    return {what: names for what, names in found.items() if names}


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _SECRET_MARK in value:
            return json.loads(value["plaintext"]) if "plaintext" in value else value
        return {key: _opened(item) for key, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, list) else value
