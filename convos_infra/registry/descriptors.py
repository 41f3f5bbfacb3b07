"""Finds every manifest that a stored document of any kind references. Pure.

Retention must not delete the parts of a document only because its kind is unknown: an index in an index, an OCI
artifact, an entry with a sha512 digest, a future media type.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{32,}")
_BLOBS = frozenset({"config", "layers", "fslayers"})
"""Keys whose digests name blobs, which are never manifests."""
_SHORT_TAG_HEX = 64


class UnreadableError(ValueError):
    """The content has no references that can be followed; the message says what it is."""


@dataclass(frozen=True)
class Named:
    """The references of a document.

    Attributes:
        children: the digests of all other manifests that it lists, in order.
        subject: the digest of the manifest that it is attached to; empty if there is none.
        aliases: other names of the document itself: its sha512 digest, and that digest as the tag of a referrer
            (distribution-spec, "Referrers Tag Schema": at most 64 characters of the digest).
    """

    children: tuple[str, ...]
    subject: str
    aliases: tuple[str, ...]


def named_by(content: bytes) -> Named:
    """Return the references of a manifest's content.

    Raises:
        UnreadableError: it is not a JSON object, or has an invalid digest, so what it needs is unknown.
    """
    try:
        document = json.loads(content, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        raise UnreadableError("is not JSON") from None
    if not isinstance(document, _Object):
        raise UnreadableError("is not a JSON object")
    about = next(_digests([value for key, value in document.entries() if key == "subject"]), "")
    rest = [value for key, value in document.entries() if key != "subject" and key not in _BLOBS]
    long = hashlib.sha512(content).hexdigest()
    children = tuple(dict.fromkeys(_digests(rest)))
    return Named(children, about, (f"sha512:{long}", f"sha512:{long[:_SHORT_TAG_HEX]}"))


class _Object:
    """A JSON object with all of its entries, even those with the same key.

    Go's encoding/json, which the clients use, ignores the case of keys, and a client may use either of two equal ones.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self._pairs = pairs

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield the entries, with their keys in lower case."""
        return ((key.lower(), value) for key, value in self._pairs)


def is_any_digest(text: str) -> bool:
    """Tell whether a text is a digest of any algorithm, in the format of OCI's image-spec."""
    return bool(_DIGEST.fullmatch(text))


def _digests(value: Any) -> Iterator[str]:
    """Yield the value of every key `digest`, at any depth. It is iterative because a document may be nested deeply."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, _Object):
            for digest in [entry for key, entry in item.entries() if key == "digest"]:
                if not isinstance(digest, str) or not is_any_digest(digest):
                    raise UnreadableError(f"names {str(digest)[:80]!r} where a digest belongs")
                yield digest
            waiting += reversed([entry for key, entry in item.entries() if key not in {"annotations", "platform"}])
