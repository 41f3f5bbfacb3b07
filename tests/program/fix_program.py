"""Records what a program declares, with Pulumi's mocks: no provider runs, neither its check nor its create."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks

PROJECT, STACK = "convos", "dev"
Made = TypeVar("Made")
_MARK, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How Pulumi marks a secret in its messages: sdk/python/lib/pulumi/runtime/rpc.py."""


@dataclass(frozen=True)
class Declared:
    """A resource, as it was registered.

    Attributes:
        kind, name: the last part of its type, and its name.
        inputs: its inputs, with secrets decrypted.
        secrets: the paths of the secret inputs, such as `variables.A`.
        urn, parent: its URN, and its parent's.
        protect: whether Pulumi refuses to delete it.
        depends_on: the URNs of its dependencies.
        secret_outputs: the outputs that are secret whatever the provider returns.
    """

    kind: str
    name: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    urn: str
    parent: str
    protect: bool
    depends_on: frozenset[str]
    secret_outputs: frozenset[str]

    @property
    def types(self) -> list[str]:
        """The types in its URN: its parents' and its own."""
        return self.urn.split("::")[2].split("$")

    def is_secret(self, path: str) -> bool:
        """Tell whether Pulumi encrypts an input, itself or as a part of a secret object."""
        return any(path == one or path.startswith(f"{one}.") for one in self.secrets)


class Engine(mocks.MockMonitor):
    """Answers every registration with its inputs and made-up outputs, and records what was declared."""

    def __init__(self) -> None:
        super().__init__(Outputs())
        self.rows: list[Declared] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        answer = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            # A resource may name a secret output that it does not have.
            for name in set(request.additionalSecretOutputs) & set(answer.object):
                marked = {_MARK: _SECRET, "value": json_format.MessageToDict(answer.object)[name]}
                answer.object.update({name: marked})
            raw = json_format.MessageToDict(request.object)
            row = Declared(
                request.type.rpartition(":")[2].rpartition("/")[2],
                request.name,
                opened(raw),
                frozenset(secrets_in(raw)),
                answer.urn,
                request.parent,
                request.protect,
                frozenset(request.dependencies),
                frozenset(request.additionalSecretOutputs),
            )
            self.rows.append(row)
        return answer

    def one(self, kind: str, name: str = "") -> Declared:
        """Return the only resource of a kind, or of a kind and a name."""
        (found,) = [row for row in self.rows if row.kind == kind and name in ("", row.name)]
        return found

    def declared(self) -> set[tuple[str, str]]:
        """Return the kind and the name of every resource."""
        return {(row.kind, row.name) for row in self.rows}


class Outputs(mocks.Mocks):
    """The outputs that providers would return."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        made = {key: value for key, value in args.inputs.items() if value is not None}
        return f"{args.name}-id", {**made, **_OUTPUTS.get(args.typ.rpartition(":")[2], {})}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {}


def opened(value: Any) -> Any:
    """Return a value of a message with its secrets decrypted."""
    if isinstance(value, dict):
        if value.get(_MARK) == _SECRET:
            return opened(value["value"])
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def secrets_in(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the values that are marked as secrets."""
    if isinstance(value, dict):
        if value.get(_MARK) == _SECRET:
            yield path
            return
        for key, item in value.items():
            yield from secrets_in(item, f"{path}.{key}" if path else key)


_OUTPUTS: dict[str, dict[str, Any]] = {
    "Service": {"serviceId": "service-id", "owned": True},
    "Volume": {"volumeId": "volume-id"},
    "ServiceDomain": {"domain": "web.up.railway.app", "url": "https://web.up.railway.app"},
    "TcpProxy": {"host": "proxy.rlwy.net", "proxyPort": 12345.0},
    "ServiceInstance": {"deploymentId": "deployment-id"},
    "Deployment": {"deployed": {}},
    "RandomSecret": {"value": "made-up"},
    "ProjectToken": {"value": "token"},
    "OpenRouterKey": {"value": "own-key"},
    "AgentMailInbox": {"inbox": "own-inbox"},
    "DatabaseSchema": {"version": "1", "host": "h", "owned": True},
    "AgentRollout": {"state": "done", "text": ""},
    "Project": {"projectId": "p", "baseEnvironmentId": "b"},
    "Environment": {"environmentId": "e", "owned": True},
}


def declared(program: Callable[[], object], *, preview: bool = False) -> Engine:
    """Run a program until its last registration has ended, and return what it declared.

    Assert on what this returns: an assertion in an `apply`, or before everything is registered, may never run.
    """

    def run() -> Engine:
        made = mocked(preview=preview)

        @pulumi.runtime.test
        def whole() -> None:
            program()

        whole()
        return made

    return apart(run)


def apart(run: Callable[[], Made]) -> Made:
    """Call a function that sets Pulumi's mocks in a context of its own, and return its result.

    Pulumi keeps its engine and its root resource in context variables. Without a context of its own, the next test of
    the process would log to this engine, or wait for ever for a root that was never registered.
    """
    loop()
    return contextvars.copy_context().run(run)


def mocked(*, preview: bool = False) -> Engine:
    """Set Pulumi's mocks, wait until their root resource is registered, and return the engine that records."""
    made = Engine()
    mocks.set_mocks(made.mocks, project=PROJECT, stack=STACK, preview=preview, monitor=made)
    root = pulumi.runtime.get_root_resource()
    assert root is not None
    loop().run_until_complete(root.urn.future())
    return made


def loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that Pulumi uses; a new one after a test with `asyncio.run`, which leaves none."""
    try:
        return asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
        return asyncio.get_event_loop_policy().get_event_loop()


def left_behind() -> int:
    """Cancel the registrations for which nobody has waited, and return how many there were."""
    left = [task for task in asyncio.all_tasks(loop()) if not task.done()]
    for task in left:
        task.cancel()
    if left:
        loop().run_until_complete(asyncio.gather(*left, return_exceptions=True))
    return len(left)
