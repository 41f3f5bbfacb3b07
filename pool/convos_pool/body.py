"""What callers send: the bearer token and JSON bodies, checked before anything happens."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any

from .errors import BadRequestError, TooLargeError, UnauthorizedError
from .pool import Wish
from .settings import IMAGE

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES = 256 * 1024
"""As much as the runtime takes."""
MAX_NAME = 200
MAX_INSTRUCTIONS = 200_000
MAX_URL = 2000
MAX_COUNT = 100


def authorize(request: Request, api_key: str) -> None:
    """Raise UnauthorizedError unless the request has the bearer token; the time taken says nothing of it."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Digests have one length, so that not even the token's length shows.
    digests = [hashlib.sha256(text.strip().encode()).digest() for text in (given, api_key)]
    if scheme.lower() != "bearer" or not hmac.compare_digest(digests[0], digests[1]):
        raise UnauthorizedError("authorization: a valid bearer token is required")


async def read(request: Request) -> dict[str, Any]:
    """Return a request's JSON object; an empty body is an empty object.

    Raises:
        TooLargeError, BadRequestError: it is none that can be used.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise TooLargeError(f"body: larger than {MAX_BODY_BYTES} bytes")
    chunks: list[bytes] = []
    async for chunk in request.stream():
        chunks.append(chunk)
        if sum(map(len, chunks)) > MAX_BODY_BYTES:
            raise TooLargeError(f"body: larger than {MAX_BODY_BYTES} bytes")
    data = b"".join(chunks)
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("body: it is not JSON") from None
    if not isinstance(found, dict):
        raise BadRequestError("body: it must be a JSON object")
    return found


def wish(body: dict[str, Any]) -> Wish:
    """Return the claim that a body asks for."""
    name = _text(body, "agentName", MAX_NAME)
    if not name.strip():
        raise BadRequestError("agentName: missing")
    join_url = _text(body, "joinUrl", MAX_URL)
    if join_url and not re.match(r"https?://\S+$|[a-z][a-z0-9+.-]*://\S+$", join_url):
        raise BadRequestError("joinUrl: must be a URL")
    return Wish(name.strip(), _text(body, "instructions", MAX_INSTRUCTIONS), join_url)


def count(body: dict[str, Any], default: int | None) -> int:
    """Return the `count` of a body; `default` None means that it is required."""
    value = body.get("count", default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        raise BadRequestError(f"count: must be a whole number from 1 to {MAX_COUNT}")
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    """Return a flag of a body; one that is not given is off."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f"{name}: must be true or false")
    return value


def variables(body: dict[str, Any]) -> dict[str, str]:
    """Return the variables that a plan is asked for: those of RAILWAY_RUNTIME_IMAGE and of the rollout's policy."""
    given = body.get("variables", {})
    if not isinstance(given, dict):
        raise BadRequestError("variables: must be an object of names and values")
    strangers = sorted(name for name in given if name != IMAGE and not name.startswith("POOL_ROLLOUT_"))
    if strangers:
        raise BadRequestError(f"variables: {strangers[0][:60]} has no part in a rollout")
    return {name: _text(given, name, MAX_URL) for name in given}


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if value is None:
        return ""
    # PostgreSQL's text holds no NUL, and a lone surrogate is no text at all.
    if not isinstance(value, str) or "\x00" in value or not _is_text(value):
        raise BadRequestError(f"{name}: must be text")
    if len(value) > longest:
        raise BadRequestError(f"{name}: longer than {longest} characters")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
