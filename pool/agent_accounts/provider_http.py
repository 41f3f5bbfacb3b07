"""One request to OpenRouter or AgentMail; errors name the service and never contain a key."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, TypeVar

import requests
from pydantic import BaseModel, StrictStr, ValidationError

from railway_api.explicit_credential import ExplicitCredential
from railway_api.failure import Failure

SECONDS = (5.0, 20.0)
"""The timeouts of a connection and of each read, in seconds."""
LARGEST_ANSWER = 8 * 1024 * 1024
LONGEST_REASON = 200
_Model = TypeVar("_Model", bound=BaseModel)


class ProviderError(Failure):
    """OpenRouter or AgentMail refused, or did not answer; the requested change may have happened.

    Args:
        name: the service's name.
        problem: what happened.
        status: the HTTP status of its answer; 0 without a usable one.
    """

    def __init__(self, name: str, problem: str, status: int = 0) -> None:
        self.status = status
        super().__init__(name, problem)

    @property
    def may_work_later(self) -> bool:
        """Whether the same request may succeed at another time."""
        return self.status == 0 or self.status == requests.codes.too_many_requests or self.status >= 500


class GoneError(ProviderError):
    """The requested key or inbox does not exist."""


class Provider:
    """The HTTP API of one service.

    Args:
        name: its name, for people.
        url: the base of its paths.
        key: the bearer key.
    """

    def __init__(self, name: str, url: str, key: str) -> None:
        self._name = name
        self._url = url
        self._key = key

    def ask(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> bytes:
        """Send a request and return the answer's body.

        Raises:
            GoneError: HTTP 404.
            ProviderError: any other answer, or none.
        """
        try:
            with requests.request(
                method,
                self._url + path,
                json=body,
                params=query,
                headers={"Authorization": f"Bearer {self._key}"},
                auth=ExplicitCredential(),
                timeout=SECONDS,
                allow_redirects=False,
                stream=True,
            ) as answer:
                data = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError) as error:
            raise ProviderError(self._name, f"no answer ({type(error).__name__})") from None
        if len(data) > LARGEST_ANSWER:
            raise ProviderError(self._name, f"an answer of more than {LARGEST_ANSWER} bytes")
        asked = f"{method} {path.split('/')[1]}"
        if status == requests.codes.not_found:
            raise GoneError(self._name, f"{asked}: does not exist", status)
        if not 200 <= status < 300:
            raise ProviderError(self._name, f"{asked}: HTTP {status}{self._reason(data)}", status)
        return bytes(data)

    def answer(
        self,
        model: type[_Model],
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> _Model:
        """Send a request and return the answer as a model.

        Raises:
            GoneError: HTTP 404.
            ProviderError: any other answer, or none; the requested change may have happened nevertheless.
        """
        data = self.ask(method, path, body=body, query=query)
        try:
            return model.model_validate_json(data)
        except ValidationError:
            raise ProviderError(self._name, "an answer that cannot be used") from None

    def incomplete(self, what: str) -> ProviderError:
        """Return the error of a list that could not be read completely, so that nothing is decided on a part of it."""
        return ProviderError(self._name, f"its list does not end: {what}", requests.codes.ok)

    def delete(self, path: str) -> None:
        """Delete a key or an inbox, which may be gone already.

        Raises:
            ProviderError: it may still exist.
        """
        with contextlib.suppress(GoneError):
            self.ask("DELETE", path)

    def is_there(self, path: str) -> bool:
        """Tell whether a key or an inbox exists.

        Raises:
            ProviderError: that could not be found out.
        """
        try:
            self.ask("GET", path)
        except GoneError:
            return False
        return True

    def _reason(self, data: bytes) -> str:
        try:
            found = _Refusal.model_validate_json(data).text()
        except ValidationError:
            return ""
        return f" ({found.replace(self._key, '…')[:LONGEST_REASON]})" if found else ""


class _Message(BaseModel):
    message: StrictStr = ""


class _Refusal(BaseModel):
    error: _Message | StrictStr = ""
    message: StrictStr = ""

    def text(self) -> str:
        inner = self.error.message if isinstance(self.error, _Message) else self.error
        return inner or self.message
