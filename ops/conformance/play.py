"""Runs scenarios: makes the project, runs each scenario in it, and deletes it whatever happens."""

from __future__ import annotations

import functools
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.conformance import documents
from ops.conformance.caller import (
    Caller,
    Fence,
    LiveCaller,
    PatientCaller,
    Refusal,
    ReplayedCaller,
    Send,
    sender,
    without_token,
)
from ops.conformance.marked import marked, sweep
from ops.conformance.recording import Recording
from ops.conformance.report import ConformanceReport, ScenarioResult, Verdict, in_order, is_of_the_plan
from ops.conformance.sandbox import Callers, ProjectIds, Sandbox
from railway_api import documents as sent
from railway_api.client import Client
from railway_api.failure import Failure
from railway_api.token import reach

if TYPE_CHECKING:
    from ops.conformance.scenario import Scenario

# Railway's published prices (railway.com/pricing) for what one deployment may use, see sandbox.LIMITS.
_DOLLARS_PER_SECOND = 1 * 0.00000772 + 0.5 * 0.00000386
_NO_TOKEN = "00000000-0000-4000-8000-000000000000"  # noqa: S105  # nobody has it
MOST_SECONDS = 3600.0
"""After this time no further scenario begins: everything that runs costs money until the project is deleted."""


@dataclass(frozen=True)
class RunPace:
    """How patient a run is.

    Attributes:
        patience_seconds: how long to wait for what lags behind.
        seconds_between: the pause between two calls.
        most_seconds: the time after which no further scenario begins.
    """

    patience_seconds: float = 90.0
    seconds_between: float = 0.2
    most_seconds: float = MOST_SECONDS


def most_dollars(scenarios: Iterable[Scenario], seconds: float = MOST_SECONDS) -> float:
    """Return what a run costs at most: every deployment runs from the beginning to the end, at its limits."""
    return sum(one.deployments for one in scenarios) * seconds * _DOLLARS_PER_SECOND


def play(client: Client, scenarios: Sequence[Scenario], pace: RunPace) -> ConformanceReport:
    """Play scenarios at the client's address, and delete what they made.

    Args:
        client: with an account or workspace token.
        scenarios: which.
        pace: how patiently.

    Raises:
        Failure: a project with the mark is still there afterwards.
        RailwayError: the project could not be made.
    """
    at, began = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    findings: list[ScenarioResult] = []
    try:
        stage, token = _made(client, pace)
        for scenario in sorted(scenarios, key=lambda one: one.ends_project):
            if time.monotonic() - began > pace.most_seconds:
                findings.append(_finding(scenario, "failed", why="the run had no time left for it"))
                continue
            recording = Recording()
            callers = _callers(client, stage.fence, recording, pace, token)
            findings.append(_played(scenario, replace(stage, callers=callers, recording=recording), recording))
    finally:
        sweep(client)
    host = urlsplit(client.endpoint).netloc
    return ConformanceReport(address=host, at=at, place=asdict(stage.place), findings=in_order(findings))


def replayed(report: ConformanceReport, scenarios: Sequence[Scenario]) -> ConformanceReport:
    """Return what today's scenarios make of the answers of a run."""
    by_name = {one.name: one for one in scenarios}
    findings = []
    for old in report.findings:
        scenario = by_name.get(old.scenario)
        if scenario is None or old.verdict in ("failed", "not allowed"):
            findings.append(old)
            continue
        recording = Recording(old.calls)
        caller = ReplayedCaller(recording)
        stage = Sandbox(
            callers=Callers(caller, caller, caller, caller, caller),
            place=ProjectIds(**report.place),
            patience_seconds=0.0,
            fence=Fence(),
            tells_limit=functools.partial(bool, old.observed),
        )
        findings.append(_played(scenario, stage, recording))
    return ConformanceReport(address=report.address, at=report.at, place=report.place, findings=in_order(findings))


def _played(scenario: Scenario, stage: Sandbox, recording: Recording) -> ScenarioResult:
    began = time.monotonic()
    observed: Any = None
    verdict: Verdict = "failed"
    why = ""
    try:
        observed = json.loads(json.dumps(scenario.observe(stage)))
        verdict = "same" if observed == scenario.expected else "differs"
    except Refusal as refusal:
        observed = f"refused: {refusal.message}"
        why, verdict = str(refusal), "not allowed" if is_of_the_plan(refusal.message) else "differs"
    except (LookupError, TypeError, ValueError) as error:
        observed = f"the answer has another shape: {type(error).__name__}"
        why, verdict = f"{type(error).__name__}: {error}", "differs"
    except Failure as error:
        why = str(error)
    seconds = round(time.monotonic() - began, 2)
    finding = _finding(scenario, verdict, why=why)
    return finding.model_copy(update={"observed": observed, "seconds": seconds, "calls": tuple(recording.calls)})


def _finding(scenario: Scenario, verdict: Verdict, *, why: str = "") -> ScenarioResult:
    return ScenarioResult(
        scenario=scenario.name, beliefs=scenario.beliefs, emulator=scenario.expected, verdict=verdict, why=why
    )


def _callers(client: Client, fence: Fence, recording: Recording, pace: RunPace, token: str) -> Callers:
    def live(send: Send) -> LiveCaller:
        return LiveCaller(send, fence, recording, seconds_between=pace.seconds_between)

    project = Client(client.endpoint, token, project_token=True, timing=client.timing, progress=client.progress)
    return Callers(
        account=live(sender(client)),
        project=live(sender(project)),
        nobody=live(without_token(client.endpoint)),
        blank=live(without_token(client.endpoint, "")),
        stranger=live(without_token(client.endpoint, _NO_TOKEN)),
    )


def _made(client: Client, pace: RunPace) -> tuple[Sandbox, str]:
    """Delete what earlier runs have left, and make the project, its fork and its token."""
    for name in sweep(client):
        client.progress(f"conformance: deleted {name}, which an earlier run has left")
    fence, recording = Fence(), Recording()
    workspace = str(reach(client, subject="conformance").workspaces[0]["id"])
    fence.admit(workspace)
    account: Caller = _callers(client, fence, recording, pace, "").account
    given = {**marked(secrets.token_hex(4)), "workspaceId": workspace}
    project = str(account.ask(sent.PROJECT_CREATE, {"input": given})["projectCreate"]["id"])
    account = PatientCaller(account, pace.patience_seconds)
    rows = account.ask(sent.PROJECT, {"id": project})["project"]["environments"]["edges"]
    environment = str(rows[0]["node"]["id"])
    _make_origin(account, project, environment)
    forked = {"projectId": project, "name": "fork", "sourceEnvironmentId": environment, "skipInitialDeploys": True}
    fork = str(account.ask(sent.ENVIRONMENT_CREATE, {"input": forked})["environmentCreate"]["id"])
    asked = {"projectId": project, "environmentId": environment, "name": "conformance"}
    token = str(account.ask(sent.PROJECT_TOKEN_CREATE, {"input": asked})["projectTokenCreate"])
    stage = Sandbox(
        callers=_callers(client, fence, recording, pace, token),
        place=ProjectIds(workspace, project, environment, fork),
        patience_seconds=pace.patience_seconds,
        fence=fence,
        tells_limit=lambda: client.allowance is not None,
    )
    return stage, token


def _make_origin(account: Caller, project: str, environment: str) -> None:
    """Make the service that the fork copies: it has a variable, a sealed variable and a domain."""
    given = {"projectId": project, "name": "origin", "environmentId": environment}
    service = str(account.ask(sent.SERVICE_CREATE, {"input": given})["serviceCreate"]["id"])
    variables = {"ORIGINAL": {"value": "1"}, "SEALED": {"value": "2", "isSealed": True}}
    patch = {"services": {service: {"variables": variables}}}
    account.ask(sent.PATCH_STORE, {"environmentId": environment, "patch": patch, "message": "conformance"})
    account.ask(sent.SERVICE_DOMAIN_CREATE, {"input": {"environmentId": environment, "serviceId": service}})
    account.ask(documents.CONFIG, {"id": environment, "opened": False})
