"""Parts of a status report: what Railway, the pool manager and the backend answered."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from convos_infra.railway.deployment import DeploymentState
from convos_infra.railway.running import Condition, Running
from ops.status.recorded import Role
from ops.status.report import Part, Report, Told, Unread
from ops.status.rows import Tone, rows
from ops.status.services import ServiceNow
from ops.status.source import Asked, Whom
from ops.status.terminal import lines

OLD, NEW = (f"registry.example/convos-runtime:scaling@sha256:{digit * 64}" for digit in "12")
OUTPUTS = {
    "image": {
        "reference": NEW,
        "tag": "scaling",
        "digest": NEW.partition("@")[2],
        "revision": "9f8e7d6" + "0" * 33,
        "created": "2026-03-01T10:00:00+00:00",
        "chosenBy": "follow",
        "registryPassword": "S3CRET",
    },
    "poolManager": {"service": "pool", "url": "https://stale.example", "apiKey": "S3CRET"},
    "database": {"url": "postgresql://u:S3CRET@h/x", "schemaVersion": "0002"},
}
MOMENT = datetime(2026, 3, 1, 18, 40, 2, tzinfo=UTC)
RAILWAY = Asked(Whom.RAILWAY, MOMENT)


def agent(state: str, image: str, *, latest: bool) -> dict[str, Any]:
    return {"id": "a" * 12, "state": state, "image": image, "latest": latest}


STATUS = {
    "image": NEW,
    "minIdle": 2,
    "database": "connected",
    "counts": {"latest": 2, "behind": 3},
    "agents": [
        agent("claimed", OLD, latest=False),
        agent("claimed", OLD, latest=False),
        agent("idle", OLD, latest=False),
        agent("idle", NEW, latest=True),
        agent("a-state-of-tomorrow", NEW, latest=True),
    ],
    "rollout": {"state": "waiting", "text": "2 agents are claimed and keep their image"},
}
CLEAR = {"locks": [], "locksAreShown": True, "inProgress": False, "unfinished": []}
LOCK = {"user": "ada", "host": "laptop", "processId": 7, "since": "2026-03-01T18:00:00Z", "isAlive": False}
SCHEMA = {"version": "0002", "recorded": "0002", "newest": "0002", "drift": []}
UPDATED = [{"kind": "update", "result": "succeeded", "at": "t", "by": "", "changes": {}}]
ENVIRONMENT = {"name": "scaling", "project": "convos", "projectId": "p-1", "id": "e-1", "gone": False}


def deployment(status: str, image: str = NEW, id_: str = "d-1") -> DeploymentState:
    return DeploymentState(id_, status, "2026-03-01T10:00:00Z", image)


def service(condition: Condition, status: str, serving: DeploymentState | None, url: str = "") -> ServiceNow:
    running = Running(condition, deployment(status) if status else None, serving)
    return ServiceNow("convos-runtime-canary", "s-1", Role.CANARY, running, url)


SERVES = service(Condition.SERVES, "SUCCESS", deployment("SUCCESS"), "https://canary.example")


def report(parts: dict[Part, Any], **unread: str) -> Report:
    told = {part: Told(value, RAILWAY) for part, value in parts.items()}
    return Report("scaling", told, {Part(name): Unread(why) for name, why in unread.items()})


def table(parts: dict[Part, Any], **unread: str) -> list[str]:
    made = rows(report(parts, **unread))
    return lines([dataclasses.replace(row, source="") for row in made])[1:]


def red(parts: dict[Part, Any]) -> list[str]:
    return [row.text for row in rows(report(parts)) if row.tone is Tone.RED]
