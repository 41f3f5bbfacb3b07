"""What callers send: the bearer token and JSON bodies, checked before anything happens."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from .database import TICK
from .errors import BadRequestError, TooLargeError, UnauthorizedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from starlette.requests import Request

    from pool_contract.requests import Body

MAX_BODY_BYTES = 256 * 1024
"""As much as the runtime takes."""
LONGEST_SHOWN = 60
_Body = TypeVar("_Body", bound="Body")


def has_key(request: Request, api_key: str) -> bool:
    """Say whether a request has the bearer token; the time taken says nothing of it.

    Raises:
        BadRequestError: there are two, of which a proxy and we might read different ones.
    """
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise BadRequestError("authorization: the header is there twice")
    scheme, _, token = (given[0] if given else "").partition(" ")
    # Digests have one length, so that not even the token's length shows.
    digests = [hashlib.sha256(text.strip().encode()).digest() for text in (token, api_key)]
    return scheme.lower() == "bearer" and hmac.compare_digest(digests[0], digests[1])


def authorize(request: Request, api_key: str) -> None:
    """Raise UnauthorizedError unless the request has the bearer token."""
    if not has_key(request, api_key):
        raise UnauthorizedError("authorization: a valid bearer token is required")


async def read(request: Request) -> dict[str, Any]:
    """Return a request's JSON object; an empty body is an empty object.

    Raises:
        TooLargeError, BadRequestError: it is none that can be used.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise TooLargeError(f"body: larger than {MAX_BODY_BYTES} bytes")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise TooLargeError(f"body: larger than {MAX_BODY_BYTES} bytes")
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("body: it is not JSON") from None
    if not isinstance(found, dict):
        raise BadRequestError("body: it must be a JSON object")
    return found


def agent_id(request: Request) -> str:
    """Return the agent's id in a request's path; empty where its path has none.

    Raises:
        BadRequestError: no pool manager has ever given such an id to an agent.
    """
    found = request.path_params.get("id")
    if found is None:
        return ""
    # The id becomes the name of a lock, of which one is the tick's.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", found) or found == TICK:
        raise BadRequestError("id: is not an agent's id")
    return str(found)


def parsed(model: type[_Body], given: dict[str, Any]) -> _Body:
    """Return a body as its model.

    Raises:
        BadRequestError: the first thing that is wrong with it, by the field's name.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadRequestError(_told(error.errors(include_url=False, include_input=False)[0])) from None


def _told(problem: ErrorDetails) -> str:
    field = ".".join(str(part) for part in problem["loc"])[:LONGEST_SHOWN] or "body"
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return f"{field}: missing"
    if kind == "value_error":
        return f"{field}: {limits.get('error')}"
    if kind in {"string_too_long", "too_long"}:
        return f"{field}: longer than {limits.get('max_length')} characters"
    if kind in {"string_too_short", "too_short"}:
        return f"{field}: missing"
    if kind in {"int_type", "greater_than_equal", "less_than_equal"}:
        return f"{field}: must be a whole number from 1 to 1000"
    return f"{field}: {_KINDS.get(kind, 'is malformed')}"


_KINDS = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "dict_type": "must be an object of names and values",
    "list_type": "must be a list",
}
