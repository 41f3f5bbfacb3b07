"""`RandomSecret`: a secret that is generated once, or given by the config, and kept encrypted in the state.

A secret that Railway stores already is adopted, never replaced: a database keeps the password that it was initialised
with, whatever value its service's variable gets afterwards.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS
from convos_infra.provider import has_unknown, is_unknown
from convos_infra.railway.session import RailwayProvider
from convos_infra.railway.stored_secret import SecretState, StoredSecret, of_value, stored_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convos_infra.provider import Props
    from convos_infra.railway.resources.service_at import ServiceAt

_BYTES = 24
_VALUE = "value"
_PLACE = ("projectId", "environmentId", "serviceId")


@dataclass(frozen=True)
class SecretPlace:
    """Where a secret is stored on Railway.

    Attributes:
        at: the service.
        variable: the variable that contains it there.
        config_key: the key of the stack's config that can give the secret instead; empty if there is none.
        stack: the stack's name, for the command that sets this key.
        url_part: whether it becomes part of a URL without encoding.
        kept_elsewhere: whether a new value of the variable would not change it, as a database stores its own password.
        shown_by: the command that shows the value that the last update was given; empty if there is none.
    """

    at: ServiceAt
    variable: str
    config_key: str
    stack: str
    url_part: bool = False
    kept_elsewhere: bool = False
    shown_by: str = ""

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        return {
            **self.at.properties(),
            "variable": self.variable,
            "configKey": self.config_key,
            "stack": self.stack,
            "urlPart": self.url_part,
            "keptElsewhere": self.kept_elsewhere,
            "shownBy": self.shown_by or None,
        }


@dataclass(frozen=True)
class HexForm:
    """The form of a generated secret: `prefix`, then `size` bytes in hex."""

    prefix: str
    size: int

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        return {"prefix": self.prefix, "hexBytes": self.size}


class RandomSecretProvider(RailwayProvider):
    """Uses the given value, adopts the stored one, or generates one at creation; it is never generated again."""

    def first_checked(self, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Adopt the stored secret as an input, so that the first preview shows no change.

        Raises:
            InfraError: it is stored, but cannot be read.
        """
        if news.get(_VALUE):
            return news, []
        news = {key: value for key, value in news.items() if key != _VALUE}
        if not news.get("variable") or has_unknown([news.get(key) for key in _PLACE]):
            return news, []
        stored = self._stored(news)
        if stored.finding is SecretState.READABLE:
            return {**news, _VALUE: stored.value, ADOPTS: f"{news['service']} {news['variable']}"}, []
        if stored.finding is not SecretState.ABSENT:
            raise _unusable(stored.finding, news)
        return news, []

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Keep the value that was adopted or given earlier; if it is in the state, Railway is not read."""
        if news.get(_VALUE):
            return news, []
        kept = {key: olds[key] for key in (_VALUE, ADOPTS) if olds.get(key)}
        return {**{key: value for key, value in news.items() if key != _VALUE}, **kept}, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """It changes only if the config gives another value (docs/runbook.md)."""
        del id_
        given = news.get(_VALUE)
        differs = is_unknown(given) or bool(given and given != olds.get(_VALUE))
        return DiffResult(changes=differs, replaces=[], stables=[], delete_before_replace=False)

    def created(self, props: Props) -> CreateResult:
        """Record the adopted value, or generate one; it is URL-safe, because it may become part of a URL."""
        return CreateResult("random", {**props, _VALUE: props.get(_VALUE) or _made(props)})

    def current(self, id_: str, props: Props) -> ReadResult:
        """Return what is in the state; the inputs are kept as they are, secrets included."""
        return ReadResult(id_, props)

    def updated(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Keep the value, or use the one that is given now."""
        del id_
        return UpdateResult({**olds, _VALUE: news[_VALUE]} if news.get(_VALUE) else olds)

    def deleted(self, id_: str, props: Props) -> None:
        """Do nothing: the secret exists only in the state."""
        del id_, props

    def _stored(self, props: Props) -> StoredSecret:
        session = self.session()
        variable, url_part = str(props["variable"]), bool(props.get("urlPart"))
        snapshot = session.living(props, subject=str(props["service"]))
        service = snapshot.service(props["serviceId"])
        found = stored_secret(service, variable, url_part=url_part)
        if found.finding is not SecretState.ABSENT or snapshot.latest_deployment(props["serviceId"]) is None:
            return found
        # Somebody removed the variable, but the running deployment may still have it.
        running = session.snapshots.details(snapshot).variables.get(props["serviceId"]) or {}
        return of_value(running[variable], url_part=url_part) if variable in running else found


def _made(props: Props) -> str:
    size = props.get("hexBytes")
    # Pulumi's numbers are doubles.
    return f"{props.get('prefix') or ''}{secrets.token_hex(int(size))}" if size else secrets.token_urlsafe(_BYTES)


_REASONS: Mapping[SecretState, str] = {
    SecretState.SEALED: "is sealed on Railway, where it cannot be read, and this stack's state does not have it",
    SecretState.REFERENCE: "is a reference to another variable, which this stack cannot adopt as its own secret",
    SecretState.NOT_FOR_URLS: "contains characters that need percent-encoding in a URL",
}


def _unusable(finding: SecretState, props: Props) -> InfraError:
    if not props.get("configKey"):
        step = "remove the variable from the service on Railway; pulumi up then makes another secret"
        return InfraError(str(props["service"]), f"{props['variable']} {_REASONS[finding]}", step)
    command = f"pulumi config set --secret {props['configKey']} --stack {props['stack']}"
    shown = f" ({props['shownBy']} shows the one that the last update was given)" if props.get("shownBy") else ""
    step = f"run {command} with the value that the service uses now{shown}"
    if finding is SecretState.NOT_FOR_URLS:
        step = f"change the password in the database (ALTER USER … PASSWORD '…'), then run {command} with the new one"
    elif not props.get("keptElsewhere"):
        step = f"{step}; or remove the variable from the service on Railway: pulumi up then makes another secret"
    return InfraError(str(props["service"]), f"{props['variable']} {_REASONS[finding]}", step)


class RandomSecret(Resource, module="secret", name="RandomSecret"):
    """A random secret; `value` is generated, adopted from Railway, or given by the config.

    Args:
        name: the resource's name.
        place: where Railway stores the value; None if only the state has it.
        form: the form of a generated value; None for 32 URL-safe characters.
        given: the value from the config; it is kept if the config stops giving one.
    """

    value: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        place: SecretPlace | None = None,
        opts: pulumi.ResourceOptions | None = None,
        form: HexForm | None = None,
        given: pulumi.Input[str] = "",
    ) -> None:
        # A value that a provider makes is plain in the state unless it is named here. A value that a check adds to the
        # inputs is plain unless the program gave a secret input of that name.
        marked = pulumi.ResourceOptions(additional_secret_outputs=[_VALUE])
        inputs = {**(place.properties() if place is not None else {}), _VALUE: pulumi.Output.secret(given)}
        inputs |= form.properties() if form is not None else {}
        super().__init__(RandomSecretProvider(), name, inputs, pulumi.ResourceOptions.merge(opts, marked))
