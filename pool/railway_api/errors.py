"""Railway's refusals as typed errors.

RailwayError (Failure)
├── NotAuthorized     bad token, no access, deleted resource or wrong kind of id: Railway's message is the same
├── NotFound
├── AlreadyExists
├── Throttled         creation throttles: one project or environment per 30 s, volumes "too quickly"; not applied
├── RateLimited       HTTP 429; not applied
├── Invalid           validation of the document or of a value; not applied
├── TryAgain          Railway asks for another try, or is busy with the same resource; may have happened
├── Refused           any other resolver error with a message
├── Opaque            "Problem processing request" with a traceId: it may have been applied
├── ServerFailed      HTTP 5xx, or an answer that is not a GraphQL answer: it may have been applied
└── Unreachable       no answer; `sent` tells whether the request may have arrived

Only the message distinguishes one error from another (fact: message-only).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from railway_api.failure import Failure


class RailwayError(Failure):
    """Railway refused or failed an operation; `may_have_happened` tells whether a mutation must be read back."""

    may_have_happened = False

    def __init__(self, subject: str, problem: str, next_step: str = "", *, message: str = "") -> None:
        self.message = message
        super().__init__(subject, problem, next_step)


class NotAuthorized(RailwayError):
    """A bad token, no access, a deleted resource or a wrong kind of id: Railway's message is the same for all."""

    # One of two mutations with this answer had taken effect (fact: refused-may-have-happened).
    may_have_happened = True


class NotFound(RailwayError):
    """The resource that the operation names does not exist."""


class AlreadyExists(RailwayError):
    """A name is taken."""


class Throttled(RailwayError):
    """A creation throttle (HTTP 200): not applied, may be sent again after about 30 seconds."""


class RateLimited(RailwayError):
    """HTTP 429: not applied. `retry_after` is in seconds, or None if Railway did not say."""

    def __init__(self, subject: str, problem: str, next_step: str = "", *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(subject, problem, next_step)


class Invalid(RailwayError):
    """The document or a value is not valid: a mistake in this program or in the stack's config."""


class TryAgain(RailwayError):
    """A message such as `Failed to create service domain, please try again` or `operation is already in progress`."""

    # It was the answer to the creation of a custom domain that then existed (fact: custom-domain-again).
    may_have_happened = True


class Refused(RailwayError):
    """A resolver error with a message of its own."""

    may_have_happened = True


class Opaque(RailwayError):
    """`Problem processing request` with a traceId."""

    may_have_happened = True


class ServerFailed(RailwayError):
    """HTTP 5xx, or something that is not a GraphQL answer."""

    may_have_happened = True


class Unreachable(RailwayError):
    """No answer."""

    def __init__(self, subject: str, problem: str, next_step: str = "", *, sent: bool) -> None:
        self.may_have_happened = sent
        super().__init__(subject, problem, next_step)


_REFUSED_STEP = (
    "the token was refused (expired, revoked, or of another workspace): RAILWAY_API_TOKEN needs an account or "
    "workspace token that sees this project (railway.com/account/tokens)"
)

_BY_MESSAGE: tuple[tuple[str, type[RailwayError], str], ...] = (
    ("not authorized", NotAuthorized, _REFUSED_STEP),
    ("unauthorized", NotAuthorized, _REFUSED_STEP),
    ("two factor authentication required", NotAuthorized, "use a token: it is not asked for a second factor"),
    ("too quickly", Throttled, "wait 30 seconds"),
    ("please try again", TryAgain, "run pulumi up again"),
    ("already in progress", TryAgain, "run pulumi up again"),
    ("please wait for the original", TryAgain, "run pulumi up again"),
    ("already exists", AlreadyExists, ""),
    ("not found", NotFound, ""),
    ("does not exist", NotFound, ""),
    ("invalid", Invalid, ""),
    ("is not a valid domain", Invalid, ""),
    ("problem processing request", Opaque, "it may have happened nevertheless: check before you repeat it"),
)

_BY_CODE: Mapping[str, tuple[type[RailwayError], str]] = {
    "GRAPHQL_PARSE_FAILED": (Invalid, "this program's query does not fit Railway's schema: report it"),
    "GRAPHQL_VALIDATION_FAILED": (Invalid, "this program's query does not fit Railway's schema: report it"),
    "UNAUTHENTICATED": (NotAuthorized, _REFUSED_STEP),
}


def error_from_answer(subject: str, operation: str, errors: list[Any]) -> RailwayError:
    """Return the typed error of a GraphQL answer's `errors`.

    Args:
        subject: what the operation was about, in the user's words.
        operation: the name of the GraphQL operation.
        errors: the list as Railway sent it; `traceId` is a sibling of `message`, not below `extensions`.
    """
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    message = str(first.get("message") or "no message")
    extensions = first.get("extensions")
    code = str(extensions.get("code", "")) if isinstance(extensions, dict) else ""
    trace = first.get("traceId")
    said = f'Railway says "{message}" to {operation}' + (f" (traceId {trace})" if trace else "")
    if code in _BY_CODE:
        kind, step = _BY_CODE[code]
        return kind(subject, said, step, message=message)
    lowered = message.lower()
    for part, kind, step in _BY_MESSAGE:
        if part in lowered:
            return kind(subject, said, step, message=message)
    return Refused(subject, said, message=message)
