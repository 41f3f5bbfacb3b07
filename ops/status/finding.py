"""The differences between the present and what the last update left, with their texts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any


class Severity(IntEnum):
    """How bad a finding is."""

    INFORMATION = 1
    """It belongs to others, and does not affect the stack."""
    DRIFT = 2
    DEAD = 3
    """Something does not run, or data is about to be deleted."""


class FindingKind(StrEnum):
    """What was found."""

    ENVIRONMENT_GONE = "environmentGone"
    SERVICE_GONE = "serviceGone"
    NOT_SERVING = "notServing"
    NEWEST_FAILED = "newestFailed"
    UNDER_WAY = "underWay"
    UNKNOWN_STATUS = "unknownStatus"
    RENAMED = "renamed"
    CHANGED = "changed"
    NOT_RUNNING = "notRunning"
    NOT_COMPARED = "notCompared"
    DEAD_REFERENCE = "deadReference"
    VOLUME_PENDING = "volumePendingDeletion"
    VOLUME_GONE = "volumeGone"
    VOLUME_MOVED = "volumeMoved"
    PROXY_GONE = "proxyGone"
    DOMAIN_GONE = "domainGone"
    TOKEN_GONE = "tokenGone"  # noqa: S105 - a kind of finding
    REFRESHED = "refreshed"
    UNMANAGED = "unmanaged"
    OTHERS_STORED = "storedByOthers"
    STRANGER_SERVICE = "serviceOfOthers"
    STRANGER_VOLUME = "volumeOfOthers"
    STRANGER_BUCKET = "bucketOfOthers"
    STRANGER_PENDING = "otherVolumePendingDeletion"


_DEAD = {FindingKind.ENVIRONMENT_GONE, FindingKind.SERVICE_GONE, FindingKind.NOT_SERVING, FindingKind.VOLUME_PENDING}
_INFORMATION = {
    FindingKind.UNMANAGED,
    FindingKind.OTHERS_STORED,
    FindingKind.STRANGER_SERVICE,
    FindingKind.STRANGER_VOLUME,
    FindingKind.STRANGER_BUCKET,
    FindingKind.STRANGER_PENDING,
}
_TOLD = {
    FindingKind.ENVIRONMENT_GONE: "the environment is gone from Railway",
    FindingKind.SERVICE_GONE: "gone from the environment",
    FindingKind.NOT_SERVING: "nothing runs: the newest deployment is {}",
    FindingKind.NEWEST_FAILED: "the newest deployment failed, an older one runs",
    FindingKind.UNDER_WAY: "a deployment is under way: {}",
    FindingKind.UNKNOWN_STATUS: "the newest deployment has a status that this program does not know: {}",
    FindingKind.RENAMED: "renamed by others: {}",
    FindingKind.CHANGED: "changed by others: {}",
    FindingKind.NOT_RUNNING: "stored, but does not run: {}",
    FindingKind.NOT_COMPARED: "not compared, as Railway does not show what it has: {}",
    FindingKind.DEAD_REFERENCE: "{}, so that its next deployment gets an empty text",
    FindingKind.VOLUME_PENDING: "its volume was deleted: {}",
    FindingKind.VOLUME_GONE: "its volume is gone, with its data",
    FindingKind.VOLUME_MOVED: "its volume is mounted elsewhere: {}",
    FindingKind.PROXY_GONE: "its TCP proxy is gone: port {}",
    FindingKind.DOMAIN_GONE: "its domain is gone: {}",
    FindingKind.TOKEN_GONE: "its project token is gone from Railway",
    FindingKind.REFRESHED: "recorded {} since the last update",
    FindingKind.UNMANAGED: "set by others: {}",
    FindingKind.OTHERS_STORED: "stored by others, and goes live with the next deployment: {}",
    FindingKind.STRANGER_SERVICE: "a service that this stack does not manage ({})",
    FindingKind.STRANGER_VOLUME: "a volume that this stack does not manage",
    FindingKind.STRANGER_BUCKET: "a bucket that this stack does not manage",
    FindingKind.STRANGER_PENDING: "a deleted volume that can still be restored {}",
}


@dataclass(frozen=True)
class Finding:
    """One thing that differs.

    Attributes:
        subject: where it was found, by the stack's own name.
        kind: the kind of difference.
        names: of fields, variables, paths: never a variable's value.
    """

    subject: str
    kind: FindingKind
    names: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        if self.kind in _DEAD:
            return Severity.DEAD
        return Severity.INFORMATION if self.kind in _INFORMATION else Severity.DRIFT

    def text(self) -> str:
        """Return it as text."""
        return _TOLD[self.kind].format(", ".join(self.names))

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "subject": self.subject,
            "kind": str(self.kind),
            "severity": self.severity.name.lower(),
            "names": list(self.names),
        }
