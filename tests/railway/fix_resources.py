"""Railway's resources without Pulumi around them: each operation as one run of Pulumi would do it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from convos_infra.railway import session as session_module
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshots import Snapshots
from railway_api.client import Client, Timing
from railway_api.errors import NotAuthorized
from railway_api.retry import Budget
from tests.emulator.fix_emulator import Emulator

IMAGE = "ghcr.io/example/web:1@sha256:" + "a" * 64
OTHER_IMAGE = "ghcr.io/example/web:2@sha256:" + "b" * 64
Props = dict[str, Any]
QUICK = Timing(
    settle_seconds=0.3,
    stick_seconds=1.0,
    just_created_seconds=0.0,
    read_seconds=3.0,
    budget=Budget(attempts=3, seconds=2.0, base_delay=0.01),
)


class KeepingTokens(Client):
    """Railway as it is to somebody who may not see the tokens of the project."""

    refused = 0

    def query(self, document: str, variables: Any, *, subject: str) -> Any:
        if "projectTokens(" in document:
            self.refused += 1
            raise NotAuthorized(subject, 'Railway says "Not Authorized" to projectTokens', message="Not Authorized")
        return super().query(document, variables, subject=subject)


@dataclass
class Made:
    """A resource in a state: its id, its outputs, and the inputs that it was made of."""

    provider: type[RailwayProvider]
    id: str
    outputs: Props
    inputs: Props


@dataclass
class Runs:
    """Runs of Pulumi, one operation each, against one emulator.

    Attributes:
        said: the progress lines so far.
        config: what the stack says beyond endpoint and token.
    """

    emulator: Emulator
    monkeypatch: pytest.MonkeyPatch
    token: str = ""
    project_token: bool = False
    said: list[str] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=lambda: {"dataOnDestroy": "delete"})

    def provider(self, kind: type[RailwayProvider]) -> RailwayProvider:
        """Return a configured provider in a process of its own, as far as it can tell."""
        client = Client(
            self.emulator.endpoint,
            self.token or self.emulator.token,
            project_token=self.project_token,
            timing=QUICK,
            progress=self.said.append,
        )
        session = Session(client, Snapshots(client))
        self.monkeypatch.setattr(session_module, "_session", lambda *_: session)
        made = kind()
        made._config = {"railwayEndpoint": self.emulator.endpoint, "railwayToken": "given", **self.config}  # type: ignore[assignment]
        return made

    def checked(self, kind: type[RailwayProvider], news: Props, olds: Props | None = None) -> Props:
        """Check inputs and return them with what the check adds."""
        inputs, failures = self.provider(kind).checked(olds or {}, copy.deepcopy(news))
        assert failures == [], [(failure.property, failure.reason) for failure in failures]
        return inputs

    def create(self, kind: type[RailwayProvider], news: Props) -> Made:
        """Check and create."""
        inputs = self.checked(kind, news)
        result = self.provider(kind).created(copy.deepcopy(inputs))
        return Made(kind, result.id, dict(result.outs or {}), inputs)

    def update(self, made: Made, news: Props) -> Made:
        """Check, diff and update where the diff says so."""
        inputs = self.checked(made.provider, news, made.inputs)
        diff = self.provider(made.provider).changed(made.id, made.outputs, inputs)
        assert not diff.replaces, diff.replaces
        if not diff.changes:
            return Made(made.provider, made.id, made.outputs, inputs)
        result = self.provider(made.provider).updated(made.id, copy.deepcopy(made.outputs), copy.deepcopy(inputs))
        return Made(made.provider, made.id, dict(result.outs or {}), inputs)

    def refresh(self, made: Made) -> Made | None:
        """Read; None if it is gone."""
        result = self.provider(made.provider).current(made.id, copy.deepcopy(made.outputs))
        if not result.id:
            return None
        return Made(made.provider, result.id, dict(result.outs or {}), dict(result.inputs or {}))

    def differs(self, made: Made, news: Props | None = None) -> bool:
        """Tell whether a preview would show a change."""
        inputs = self.checked(made.provider, news if news is not None else made.inputs, made.inputs)
        return bool(self.provider(made.provider).changed(made.id, made.outputs, inputs).changes)

    def drift(self, made: Made, read: Made) -> bool:
        """Tell whether Pulumi shows what a refresh has read: it asks `diff` of that and the inputs in the state."""
        return bool(self.provider(made.provider).changed(made.id, read.outputs, made.inputs).changes)

    def delete(self, made: Made) -> None:
        """Delete."""
        self.provider(made.provider).deleted(made.id, copy.deepcopy(made.outputs))

    def mutations(self) -> list[str]:
        """Return the mutations since the last look, and forget them."""
        calls = self.emulator.calls()
        self.emulator.forget_calls()
        return [call["operation"] for call in calls if call["type"] == "mutation"]

    def deployments(self) -> int:
        """Return how many deployments were made since the last look, and forget them."""
        calls = self.emulator.calls()
        self.emulator.forget_calls()
        return sum(len(call["deployments"]) for call in calls)


@dataclass
class Place:
    """A project with a fork of its base environment and one empty service."""

    runs: Runs
    project: Made
    environment: Made
    service: Made

    @property
    def ids(self) -> Props:
        """What everything that belongs to the environment is told."""
        return {"projectId": self.project.id, "environmentId": self.environment.id}

    @property
    def at(self) -> Props:
        """What everything that belongs to the service is told."""
        return {**self.ids, "serviceId": self.service.id, "service": self.service.inputs["name"]}


def place(runs: Runs, name: str) -> Place:
    """Make a project, an environment and a service."""
    project = runs.create(ProjectProvider, {"name": name})
    ids = {"projectId": project.id}
    base = project.outputs["baseEnvironmentId"]
    environment = runs.create(EnvironmentProvider, {**ids, "name": "local", "baseEnvironmentId": base})
    service = runs.create(ServiceProvider, {**ids, "environmentId": environment.id, "name": "web"})
    return Place(runs, project, environment, service)


def refreshed(at: Place, made: Made) -> Made:
    """Refresh what must still be there."""
    read = at.runs.refresh(made)
    assert read is not None
    return read


def patch(at: Place, value: Any) -> None:
    """Commit a patch as somebody else would."""
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    at.runs.emulator.run(document, e=at.environment.id, p=value)
