"""Reads the progress of an update: Pulumi's event log, and the records of providers that wait. Pure.

The format of the log is Pulumi's (sdk/go/common/apitype/events.go, EngineEvent).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ops.plan.preview_steps import PreviewStep, mapping, steps
from ops.status.recorded import SECRET_MARK

BUILD = "docker-build:index:Image"
_SECRET = "[secret]"  # noqa: S105 - what Pulumi prints in its place


class Moment(Enum):
    """The phase of a step of the update."""

    BEGAN = "resourcePreEvent"
    DONE = "resOutputsEvent"
    FAILED = "resOpFailedEvent"


@dataclass(frozen=True)
class StepEvent:
    """A step of the update began or ended.

    Attributes:
        moment: which of them.
        step: the resource, its inputs before and after; secrets are masked by Pulumi.
        row: the same as `pulumi preview --json` would print it.
    """

    moment: Moment
    step: PreviewStep
    row: Mapping[str, Any]


@dataclass(frozen=True)
class ErrorEvent:
    """Why a step failed.

    Attributes:
        urn: of its resource.
        why: the first line of the error.
    """

    urn: str
    why: str


@dataclass(frozen=True)
class BuildEvent:
    """A line of the build of an image.

    Attributes:
        urn: of the image.
        line: what BuildKit said.
    """

    urn: str
    line: str


@dataclass(frozen=True)
class WaitEvent:
    """A provider's report on the progress of a wait.

    Attributes:
        subject: what is waited for: a service's name, or `agents`.
        said: its progress.
    """

    subject: str
    said: str


def step_events(lines: Iterable[str]) -> Iterator[StepEvent | ErrorEvent | BuildEvent]:
    """Read whole lines of an event log; steps that change nothing and all other events are left out."""
    for line in lines:
        event = _document(line)
        said = mapping(event.get("diagnosticEvent"))
        if said.get("severity") == "error" and said.get("urn"):
            why = str(said.get("message") or "").strip().partition("\n")[0]
            yield ErrorEvent(str(said["urn"]), why)
        if said.get("severity") == "info" and BUILD in str(said.get("urn")):
            yield BuildEvent(str(said["urn"]), str(said.get("message") or ""))
        for moment in Moment:
            metadata = mapping(mapping(event.get(moment.value)).get("metadata"))
            if not metadata:
                continue
            row = {
                "op": metadata.get("op"),
                "urn": metadata.get("urn"),
                "oldState": _with_plain_secrets(metadata.get("old")),
                "newState": _with_plain_secrets(metadata.get("new")),
            }
            step = next(steps({"steps": [row]}))
            if step.is_change:
                yield StepEvent(moment, step, row)


def wait_events(lines: Iterable[str]) -> Iterator[WaitEvent]:
    """Read whole lines of records."""
    for line in lines:
        row = _document(line)
        if row.get("subject"):
            yield WaitEvent(str(row["subject"]), str(row.get("said") or ""))


def _with_plain_secrets(value: Any) -> Any:
    """Return a value with the text that a preview has for a secret; the log contains an object instead."""
    if isinstance(value, Mapping):
        return _SECRET if SECRET_MARK in value else {name: _with_plain_secrets(one) for name, one in value.items()}
    return [_with_plain_secrets(one) for one in value] if isinstance(value, list) else value


def _document(line: str) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(line))
    except ValueError:
        # Pulumi may have been killed while it wrote the line.
        return {}
