"""Removes secrets from a text before it reaches a person, a log or a state file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "[secret]"
_SHORTEST_SECRET = 4
# The password of `scheme://user:password@host`; greedy to the last `@`, since a raw password may contain one.
_URL_PASSWORD = re.compile(r"(?P<head>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)(?P<password>[^\s/]+)(?=@)")


def redact_urls(text: str) -> str:
    """Return `text` with the password of every URL in it masked."""
    return _URL_PASSWORD.sub(lambda match: match["head"] + MASK, text)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without any of `secrets` and without passwords in URLs.

    Values shorter than 4 characters are left alone: masking `1` or `dev` would hide the text, not the secret.
    The longest are taken first, so that a secret that contains another leaves no tail behind.
    """
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return redact_urls(text)
