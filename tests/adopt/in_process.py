"""The whole program in this process: Pulumi's mocks carry every resource to its real provider, and keep a state.

Nothing of Pulumi's CLI runs, so a stack goes up in a fraction of a second. What the engine does beyond that, such as
previews and protection, the tests with the real CLI show.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.dynamic import ResourceProvider
from pulumi.runtime import mocks

from components.runtime_image import Found, ImageSource
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.registry.reference import parse
from stack import resources
from stack.settings import Settings
from tests.colleague.inside import ADDRESS, Inside
from tests.program.fix_program import apart, left_behind

MARK, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
PROJECT, STACK = "convos-infra", "taken"


@dataclass
class Resource:
    """A resource in the state."""

    kind: str
    name: str
    provider: ResourceProvider
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass
class Stack:
    """A stack and its state.

    Attributes:
        emulator: where Railway is.
        name: the stack's.
        config: what providers ask the stack's config for.
        state: in the order in which it was made.
    """

    emulator: Inside
    name: str = STACK
    config: dict[str, str] = field(default_factory=dict)
    state: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def up(self, settings: Settings) -> None:
        """Carry an update out; the first failure ends it."""
        run = _Update(self, self.emulator.session(lambda _: None))
        sources = image_source(settings, settings.image.reference), image_source(settings, settings.pool.image)

        def declared() -> None:
            mocks.set_mocks(run, project=PROJECT, stack=self.name, preview=False)
            pulumi.runtime.test(lambda: resources.declare(settings, *sources))()

        try:
            apart(declared)
        finally:
            # Where a resource fails, nobody waits for the others any more.
            left_behind()
        gone = [key for key in self.state if key not in run.seen]
        self._delete(run.provider, gone)

    def refresh(self) -> list[str]:
        """Read every resource; returns the names of those that differ."""
        configured = self._configured(self.emulator.session(lambda _: None))
        changed = []
        for (kind, name), one in self.state.items():
            provider = configured(one.provider)
            found = provider.read(one.id, copy.deepcopy(one.outputs))
            if not found.id or (found.outs or {}) != one.outputs:
                changed.append(f"{kind} {name}")
            one.outputs = dict(found.outs or {})
        return changed

    def destroy(self) -> None:
        """Delete everything, the newest first."""
        self._delete(self._configured(self.emulator.session(lambda _: None)), list(self.state))

    def _delete(self, configured: Callable[[ResourceProvider], ResourceProvider], keys: list[tuple[str, str]]) -> None:
        for key in reversed(keys):
            one = self.state[key]
            configured(one.provider).delete(one.id, copy.deepcopy(one.outputs))
            del self.state[key]

    def _configured(self, session: Session) -> Callable[[ResourceProvider], ResourceProvider]:
        def configured(provider: ResourceProvider) -> ResourceProvider:
            made = type(provider)()
            made._config = {**self.config, "railwayEndpoint": ADDRESS, "railwayToken": "given"}  # type: ignore[attr-defined]
            if isinstance(made, RailwayProvider):
                made.session = lambda: session  # type: ignore[method-assign]
            return made

        return configured


class _Update(mocks.Mocks):
    """Carries each registration to its provider."""

    def __init__(self, stack: Stack, session: Session) -> None:
        self.stack = stack
        self.provider = stack._configured(session)
        self.seen: set[tuple[str, str]] = set()

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = {key: opened(value) for key, value in args.inputs.items() if value is not None}
        if "__provider" not in inputs:
            return f"{args.name}-component", {}
        kind = args.typ.rpartition(":")[2]
        provider = self.provider(_named(opened(inputs.pop("__provider"))))
        key = (kind, args.name)
        self.seen.add(key)
        old = self.stack.state.get(key)
        checked = provider.check(copy.deepcopy(old.inputs) if old else {}, copy.deepcopy(inputs))
        assert not checked.failures, [f"{args.name} {row.property}: {row.reason}" for row in checked.failures]
        news = {name: value for name, value in checked.inputs.items() if value is not None}
        if old is None:
            made = provider.create(copy.deepcopy(news))
            self.stack.state[key] = Resource(kind, args.name, provider, made.id, news, dict(made.outs or {}))
        else:
            found = provider.diff(old.id, copy.deepcopy(old.outputs), copy.deepcopy(news))
            assert not found.replaces, f"{kind} {args.name} would be replaced: {found.replaces}"
            if found.changes:
                outs = provider.update(old.id, copy.deepcopy(old.outputs), copy.deepcopy(news)).outs
                old.outputs = dict(outs or {})
            old.inputs = news
        one = self.stack.state[key]
        return one.id, {name: value for name, value in one.outputs.items() if value is not None}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {}


def _named(serialised: str) -> ResourceProvider:
    """Return what Pulumi pickled: `base64 of module.ClassName`."""
    import base64
    import pickle

    found = pickle.loads(base64.b64decode(serialised))
    return found() if isinstance(found, type) else found


def opened(value: Any) -> Any:
    """Return a value of the wire with its secrets opened."""
    if isinstance(value, dict):
        if value.get(MARK) == SECRET:
            return opened(value["value"])
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def image_source(settings: Settings, reference: str) -> ImageSource | None:
    """Return what a registry would say of an image that it has: every digest is known."""
    if not settings.improvements.pin or not reference:
        return None
    found = parse(reference)
    digest = found.digest or digest_of(f"{found.location}:{found.tag}")
    return ImageSource(found=Found(found.location, found.tag, digest, "", "", is_pinned=bool(found.digest)))


def digest_of(_: str) -> str:
    return "sha256:" + "1" * 64
