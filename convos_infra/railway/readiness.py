"""Asks a deployed service with its bearer key whether it is ready: it answers `{"ready": true}`.

A runtime answers 200 with `{"ready": false}` while its gateway starts. Railway's health check looks at the status alone
and sends no key, so a successful deployment does not prove readiness.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from railway_api.progress import WaitStage

if TYPE_CHECKING:
    import pulumi
    import requests

    from convos_infra.railway.deployment import DeploymentState
    from railway_api.client import Client

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
REPEAT_SECONDS = 15.0
"""How often an unchanged answer is printed again, in seconds, as a sign of life."""
REFUSED_SECONDS = 30.0
"""How many seconds a key may be refused: the previous deployment, with another key, may still answer."""
ANSWER_SECONDS, LONGEST_SECONDS = 5.0, 10.0
"""How many seconds to wait for the next byte of an answer, and for its last one."""
LARGEST_ANSWER = 64 * 1024
_OK, _REFUSALS = 200, (401, 403)
_SIMULATED = "simulated"


@dataclass(frozen=True)
class ReadinessArgs:
    """How the readiness of a service is checked.

    Attributes:
        url: its URL on Railway, without a path; on this machine, its deployment tells the URL.
        path: the path to ask.
        bearer: the key to send.
        key: the name of the variable with this key, for people.
        seconds: how many seconds it may take, from the end of its deployment.
    """

    url: pulumi.Input[str]
    path: str
    bearer: pulumi.Input[str] = field(repr=False)
    key: str
    seconds: float

    def properties(self) -> dict[str, Any]:
        """Return them under the names that they have in the state."""
        return {"url": self.url, "path": self.path, "bearer": self.bearer, "key": self.key, "seconds": self.seconds}


class AnswerKind(Enum):
    """The meaning of an answer."""

    READY = "ready"
    NOT_READY = "not ready"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True)
class Said:
    """One answer; `text` is for people and contains nothing from the answer's body."""

    kind: AnswerKind
    text: str


def is_asked(state: DeploymentState) -> bool:
    """Tell whether the deployment can be asked; a simulated one cannot."""
    return state.mode != _SIMULATED


def wait_until_ready(client: Client, service: str, base: str, asked: Mapping[str, Any]) -> None:
    """Wait until a service says that it is ready.

    Args:
        client: for its clock and its progress lines.
        service: the service's name, for people.
        base: its current address according to Railway; empty if Railway shows none.
        asked: the properties of `ReadinessArgs`.

    Raises:
        InfraError: it was not ready in time, it refused the key, or its key would be sent to an unknown address.
    """
    if not base:
        problem = "its readiness was not checked, because Railway shows no domain of it now"
        raise InfraError(service, problem, "run pulumi refresh, then pulumi up makes another")
    url = base.rstrip("/") + str(asked["path"])
    said = _waited(client, service, lambda: ask(url, str(asked["bearer"])), float(asked["seconds"]))
    if said.kind is AnswerKind.READY:
        return
    if said.kind is AnswerKind.REFUSED:
        problem = f"GET {url} {said.text}: it wants another key than the service's {asked['key']}"
        raise InfraError(service, problem, f"make the image accept {asked['key']}, then pulumi up")
    problem = f"not ready {float(asked['seconds']):.0f} s after its deployment: GET {url} {said.text}"
    raise InfraError(service, problem, "see its log on Railway; fix the image or its settings, then pulumi up")


def _waited(client: Client, service: str, ask_once: Callable[[], Said], seconds: float) -> Said:
    """Return the answer that ends the wait."""
    began, before, told_at, refused_since = client.clock(), "", 0.0, None
    pause = FIRST_PAUSE
    while True:
        said, now = ask_once(), client.clock()
        if said.text != before or now - told_at >= REPEAT_SECONDS:
            client.progress(WaitStage(service, said.text, now - began))
            before, told_at = said.text, now
        refused_since = (now if refused_since is None else refused_since) if said.kind is AnswerKind.REFUSED else None
        is_refused = refused_since is not None and now - refused_since >= REFUSED_SECONDS
        if said.kind is AnswerKind.READY or is_refused or now - began + pause > seconds:
            return said
        client.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def ask(url: str, bearer: str) -> Said:
    """Ask once; an answer that does not end in time is abandoned."""
    found: list[Said] = []
    asking = threading.Thread(target=lambda: found.append(_asked(url, bearer)), daemon=True)
    asking.start()
    asking.join(LONGEST_SECONDS)
    return found[0] if found else Said(AnswerKind.SILENT, "does not answer in time")


def _asked(url: str, bearer: str) -> Said:
    import requests  # noqa: PLC0415  # the program, which declares only, needs no HTTP

    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    try:
        # A redirect would carry the key elsewhere.
        with requests.get(url, headers=headers, timeout=ANSWER_SECONDS, allow_redirects=False, stream=True) as answer:
            status, body = answer.status_code, _body(answer)
    except requests.RequestException as error:
        return Said(AnswerKind.SILENT, f"does not answer ({type(error).__name__})")
    if status in _REFUSALS:
        return Said(AnswerKind.REFUSED, f"answers {status}")
    ready = _ready(body) if status == _OK else None
    if ready:
        return Said(AnswerKind.READY, "is ready")
    what = "" if status != _OK else ' with {"ready": false}' if ready is False else ' without {"ready": true}'
    return Said(AnswerKind.NOT_READY, f"answers {status}{what}")


def _body(answer: requests.Response) -> bytes:
    """Return the answer's body; nothing if it is too large, because it comes from an unproven image."""
    body = b""
    for chunk in answer.iter_content(4096):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return b""
    return body


def _ready(body: bytes) -> bool | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    ready = found.get("ready") if isinstance(found, dict) else None
    return ready if isinstance(ready, bool) else None
