"""The base of every dynamic provider: stateless, configured by Pulumi, and the only place that formats exceptions.

Only `module.ClassName` is pickled into the state: the program never configures an instance, and an unconfigured
instance has no attributes. (An instance with attributes is pickled with them, a token included:
docs/decisions/0002-stateless-providers.md.) `configure()` runs in the provider process alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.engine_watch import install_engine_watch
from convos_infra.explanations import explanations
from convos_infra.waiting_threads import install_wait_pool
from railway_api.failure import Failure

Props = dict[str, Any]
_Result = TypeVar("_Result")

TRACEBACK_VARIABLE = "CONVOS_INFRA_TRACEBACK"
_READS = frozenset({"check", "diff", "read"})


def is_unknown(value: object) -> bool:
    """Tell whether `value` is not known yet in this preview.

    SDK 3.272 hands a provider the sentinel text in some places and an `Unknown` object in others.
    """
    return isinstance(value, Unknown) or bool(value == UNKNOWN)


def has_unknown(value: object) -> bool:
    """Tell whether `value`, or anything inside it, is not known yet in this preview."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return is_unknown(value)


class Provider(ResourceProvider):
    """The common part of all providers. Subclasses implement the six `…d` methods, never Pulumi's own.

    They raise `InfraError` for everything that a user must know. `checked` returns its problems instead: Pulumi prints
    them in the preview, one line each, with the property.
    """

    # The serialised provider is `module.ClassName` and not a secret; as a secret it would be noise in every diff.
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the stack's configuration (secrets opened) for this process.

        Called once per provider class and process, under a lock that blocks all other providers
        (pulumi/sdk/python/lib/pulumi/dynamic/__main__.py): no network in here.
        """
        self._config = req.config
        install_wait_pool()
        install_engine_watch()
        if not os.environ.get(TRACEBACK_VARIABLE):
            # SDK 3.272 answers an exception with `traceback.format_exc()` (pulumi/pulumi#24465); with this limit, only
            # the exception's own line is left of that.
            sys.tracebacklimit = 0

    def setting(self, key: str) -> str:
        """Return the stack's config value of `key` as text, or the empty string if there is none."""
        value = self._config.get(key)
        return "" if value is None else str(value)

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Return the inputs, normalised or with computed ones added, and their problems."""
        del olds
        return news, []

    def first_checked(self, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Check the inputs of a resource that is not in the state; by default, `checked` without old inputs."""
        return self.checked({}, news)

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the state's properties with the new inputs; the result must be True or False, never None."""
        raise NotImplementedError

    def created(self, props: Props) -> CreateResult:
        """Find the thing, or create it by one mutation whose result a second run can find."""
        raise NotImplementedError

    def current(self, id_: str, props: Props) -> ReadResult:
        """Read the thing; an empty id means that it is provably gone. A failed read raises an error."""
        raise NotImplementedError

    def recorded_now(self, id_: str, props: Props) -> ReadResult:
        """Return what a refresh records: what `current` reads."""
        return self.current(id_, props)

    def removed(self, id_: str, props: Props) -> None:
        """Delete a resource, by default as `deleted` does."""
        self.deleted(id_, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Change the thing and return *all* outputs: missing ones would vanish from the state."""
        raise NotImplementedError

    def deleted(self, id_: str, props: Props) -> None:
        """Remove what this stack owns of the thing; do nothing if it is gone already."""
        raise NotImplementedError

    def under_way(self) -> AbstractContextManager[None]:
        """Return the context in which something is created, changed or deleted; it raises nothing."""
        return nullcontext()

    def check(self, olds: Props, news: Props) -> CheckResult:  # noqa: D102
        def run() -> CheckResult:
            # In the state, the inputs always include the provider, even if there is no other input.
            inputs, failures = self.checked(_own(olds), _own(news)) if olds else self.first_checked(_own(news))
            return CheckResult(inputs, failures)

        return _shaped("check", run)

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:  # noqa: D102
        return _shaped("diff", lambda: self.changed(id_, _own(olds), _own(news)))

    def create(self, props: Props) -> CreateResult:  # noqa: D102
        with self.under_way():
            return _shaped("create", lambda: self.created(_own(props)))

    def read(self, id_: str, props: Props) -> ReadResult:  # noqa: D102
        return _shaped("read", lambda: self.recorded_now(id_, _own(props)))

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:  # noqa: D102
        with self.under_way():
            return _shaped("update", lambda: self.updated(id_, _own(olds), _own(news)))

    def delete(self, id_: str, props: Props) -> None:  # noqa: D102
        with self.under_way():
            _shaped("delete", lambda: self.removed(id_, _own(props)))


def _own(props: Props) -> Props:
    return {key: value for key, value in (props or {}).items() if key != "__provider"}


def _shaped(operation: str, run: Callable[[], _Result]) -> _Result:
    """Run one provider method; turn any exception into one line.

    SDK 3.259 shows `Exception calling application: <message>`; SDK 3.272 shows `<qualified class name>: <message>`.
    The class made here reads well as that name: `create failed: <message>`.
    """
    if os.environ.get(TRACEBACK_VARIABLE):
        return run()
    try:
        return run()
    except Failure as error:
        message = explanations().line(error, is_read=operation in _READS)
    except Exception as error:  # noqa: BLE001  # the door: a bug must reach the user as one line as well
        message = f"{type(error).__name__}: {' '.join(str(error).split())}; set {TRACEBACK_VARIABLE}=1 for its trace"
    failure = type("Failure", (Exception,), {"__module__": "builtins", "__qualname__": f"{operation} failed"})
    raise failure(message)
