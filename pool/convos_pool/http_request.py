"""Validates requests: the bearer token and JSON bodies, before anything happens."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from .database import TICK
from .errors import BadRequestError, TooLargeError, UnauthorizedError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from starlette.requests import Request

    from pool_contract.requests import Body

MAX_BODY_BYTES = 256 * 1024
"""The limit of the runtime as well (runtime/scripts/http.js)."""
LONGEST_SHOWN = 60
BODY_SECONDS = 15.0
"""How long, in seconds, a body may take to arrive."""
_Body = TypeVar("_Body", bound="Body")


def has_key(request: Request, api_key: str) -> bool:
    """Tell whether a request has the bearer token, in constant time.

    Raises:
        BadRequestError: the header was sent twice, and a proxy might have read another token than we would.
    """
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise BadRequestError("authorization: the header was sent twice")
    scheme, _, token = (given[0] if given else "").partition(" ")
    return scheme.lower() == "bearer" and is_same(token.strip(), api_key.strip())


def is_same(given: str, secret: str) -> bool:
    """Compare with a secret, in constant time."""
    # Digests have a fixed length, so that not even the secret's length is revealed.
    digests = [hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in (given, secret)]
    return hmac.compare_digest(digests[0], digests[1])


def authorize(request: Request, api_key: str) -> None:
    """Raise UnauthorizedError unless the request has the bearer token."""
    if not has_key(request, api_key):
        raise UnauthorizedError("authorization: a valid bearer token is required")


async def read(request: Request) -> dict[str, Any]:
    """Return a request's JSON object; an empty body is an empty object.

    Raises:
        TooLargeError, BadRequestError: it is not usable.
    """
    data = await read_bytes(request, MAX_BODY_BYTES)
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("body: not valid JSON") from None
    if not isinstance(found, dict):
        raise BadRequestError("body: must be a JSON object")
    return found


async def read_bytes(request: Request, most: int) -> bytes:
    """Return a request's body.

    Args:
        request: the request.
        most: the most bytes that it may have.

    Raises:
        TooLargeError: it has more.
        BadRequestError: it did not arrive.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise TooLargeError(f"body: larger than {most} bytes")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > most:
                    raise TooLargeError(f"body: larger than {most} bytes")
    except TimeoutError:
        raise BadRequestError(f"body: not received within {BODY_SECONDS:.0f} s") from None
    except ClientDisconnect:
        raise BadRequestError("body: the connection ended before it was complete") from None
    return bytes(data)


def agent_id(request: Request) -> str:
    """Return the agent's id in a request's path; empty if the path has none; see `checked_id`."""
    found = request.path_params.get("id")
    return "" if found is None else checked_id(str(found))


def checked_id(text: str) -> str:
    """Return an agent's id.

    Raises:
        BadRequestError: no pool manager generates such an id.
    """
    # The id becomes the name of a lock, and TICK is the name of the tick's.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) or text == TICK:
        raise BadRequestError("id: not an agent's id")
    return text


def parsed(model: type[_Body], given: dict[str, Any]) -> _Body:
    """Parse a body as its model.

    Raises:
        BadRequestError: the first problem, with the field's name.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadRequestError(_in_words(error.errors(include_url=False, include_input=False)[0])) from None


def _in_words(problem: ErrorDetails) -> str:
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
