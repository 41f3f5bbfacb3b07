"""Parses image references, by the grammar of distribution/reference with Docker's defaults. Pure.

    [registry/]repository[:tag][@sha256:<64 hex>]

In a reference with both a tag and a digest, the digest decides; the tag is kept for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from convos_infra.registry.errors import InvalidReferenceError

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
LONGEST_TAG = 128
LONGEST_REPOSITORY = 255
SHORT_DIGEST = len("sha256:") + 8

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BARE_DIGEST = re.compile(r"(?:sha256-)?[0-9a-f]{64}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_HOST = re.compile(
    r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)"
)
_NOT_IN_TAG = re.compile(r"[^A-Za-z0-9_.-]")
_NOT_IN_REPOSITORY = re.compile(r"[^a-z0-9._/-]")
_NOT_HEX = re.compile(r"[^0-9a-f]")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_HTTPS_PORT = ":443"
_OTHER_NAMES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
"""Hosts that serve what is on docker.io."""
_HEX_DIGITS = 64
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class ImageReference:
    """A reference to an image, or to a name that can move.

    Attributes:
        registry: `host[:port]`.
        repository: the path below it, without the registry.
        tag: the name for people; empty if only a digest was given.
        digest: `sha256:…`, or empty.
        typed: the text that a person wrote; not part of the identity.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""
    typed: str = field(default="", compare=False)

    @property
    def location(self) -> str:
        """The repository with its registry: `ghcr.io/xmtplabs/convos-runtime`."""
        return f"{self.registry}/{self.repository}"

    @property
    def name(self) -> str:
        """The canonical form, without defaults."""
        return self.location + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def version(self) -> str:
        """The part after `/manifests/` of a request: the digest if there is one, else the tag."""
        return self.digest or self.tag

    @property
    def canonical(self) -> ImageReference:
        """The same reference with the one spelling of its registry: `GHCR.IO:443` is `ghcr.io`."""
        host = self.registry.lower().removesuffix(_HTTPS_PORT)
        return replace(self, registry=DEFAULT_REGISTRY if host in _OTHER_NAMES else host)

    def pinned(self, digest: str) -> str:
        """Return `repository:tag@sha256:…`, which pulls exactly this digest and still shows the tag."""
        return replace(self, digest=digest).name

    def __str__(self) -> str:
        return self.typed or self.name


def parse(text: str, subject: str = "image") -> ImageReference:
    """Parse a reference.

    Args:
        text: the reference, as a person wrote it.
        subject: the subject of errors.

    Raises:
        InvalidReferenceError: names the broken rule, and the character or length that breaks it.
    """
    try:
        return _parse(text)
    except ValueError as error:
        raise InvalidReferenceError(subject, f"{_quoted(text)} is not an image reference: {error}") from None


def parse_version(location: str, text: str, subject: str = "image") -> ImageReference:
    """Parse the value of a pin: a tag, `sha256:…`, or `tag@sha256:…` of a repository.

    Raises:
        InvalidReferenceError: it is neither. A truncated or malformed digest is never read as a tag.
    """
    base = parse(location, subject)
    try:
        tag, digest = _split_version(text)
    except ValueError as error:
        raise InvalidReferenceError(subject, f"{_quoted(text)} is neither a tag nor a digest: {error}") from None
    return replace(base, tag=tag, digest=digest, typed="")


def short_digest(digest: str) -> str:
    """Return the digest in its short form: `sha256:` and 8 characters."""
    return digest[:SHORT_DIGEST]


def is_digest(text: str) -> bool:
    """Tell whether `text` is a whole sha256 digest."""
    return bool(_DIGEST.fullmatch(text))


def _parse(text: str) -> ImageReference:
    if not text:
        raise ValueError("it is empty")
    if scheme := _SCHEME.match(text):
        raise ValueError(f"it begins with {scheme[0]!r}; leave that out")
    odd = next((c for c in text if c.isspace() or not c.isprintable() or not c.isascii()), "")
    if odd:
        raise ValueError(f"character {odd!r} at position {text.index(odd) + 1} is not allowed")
    rest, at, digest = text.partition("@")
    if at:
        _check_digest(digest)
    registry, path = _split_registry(rest)
    path, colon, tag = path.partition(":")
    if colon:
        _check_tag(tag)
    if registry == DEFAULT_REGISTRY and path and "/" not in path:
        path = f"library/{path}"
    _check_repository(path)
    return ImageReference(registry, path, tag or ("" if digest else DEFAULT_TAG), digest, text)


def _split_registry(text: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it contains a dot, a port or a capital letter, or is `localhost`."""
    first, slash, rest = text.partition("/")
    is_host = first == "localhost" or any(c in first for c in ".:[") or first != first.lower()
    if not (slash and is_host):
        return DEFAULT_REGISTRY, text
    _check_registry(first)
    return (DEFAULT_REGISTRY if first == "index.docker.io" else first), rest


def _split_version(text: str) -> tuple[str, str]:
    if text.startswith("sha256:"):
        _check_digest(text)
        return "", text
    if text.startswith("@"):
        _check_digest(text[1:])
        return "", text[1:]
    if _BARE_DIGEST.fullmatch(text):
        raise ValueError(f"it looks like a digest; write sha256:{text[-_HEX_DIGITS:]}")
    tag, at, digest = text.partition("@")
    _check_tag(tag)
    if at:
        _check_digest(digest)
    return tag, digest


def _check_registry(text: str) -> None:
    host = _HOST.match(text)
    rest = text[host.end() :] if host else text
    if not host or (rest and not rest.startswith(":")):
        raise ValueError(f"{text!r} is not a host name" + (f" (character {rest[0]!r})" if rest else ""))
    if rest and not (rest[1:].isdecimal() and 1 <= int(rest[1:]) <= _HIGHEST_PORT):
        raise ValueError(f"port {rest[1:]!r} is not a number from 1 to {_HIGHEST_PORT}")


def _check_repository(path: str) -> None:
    if not path:
        raise ValueError("it has no repository")
    if odd := _NOT_IN_REPOSITORY.search(path):
        hint = "; repositories are lower case" if odd[0].isupper() else ""
        raise ValueError(f"character {odd[0]!r} is not allowed in a repository{hint}")
    if len(path) > LONGEST_REPOSITORY:
        raise ValueError(f"its repository has {len(path)} characters, more than {LONGEST_REPOSITORY}")
    for component in path.split("/"):
        if not component:
            raise ValueError("its repository has an empty part between slashes")
        if not _COMPONENT.fullmatch(component):
            raise ValueError(
                f"{component!r} must begin and end with a letter or digit, with '.', '_', '__' or '-' between"
            )
    if _BARE_DIGEST.fullmatch(path.removeprefix("library/")):
        raise ValueError("64 hex digits alone are an image id, not a repository")


def _check_tag(tag: str) -> None:
    if not tag:
        raise ValueError("its tag is empty")
    if odd := _NOT_IN_TAG.search(tag):
        raise ValueError(f"character {odd[0]!r} is not allowed in a tag")
    if tag[0] in ".-":
        raise ValueError(f"a tag must not begin with {tag[0]!r}")
    if len(tag) > LONGEST_TAG:
        raise ValueError(f"its tag has {len(tag)} characters, more than {LONGEST_TAG}")


def _check_digest(digest: str) -> None:
    algorithm, colon, hexadecimal = digest.partition(":")
    if not colon or not algorithm:
        raise ValueError("a digest is written sha256:<64 hex digits>")
    if algorithm != "sha256":
        raise ValueError(f"digest algorithm {algorithm!r} is not sha256")
    if odd := _NOT_HEX.search(hexadecimal):
        raise ValueError(f"character {odd[0]!r} is not a lower-case hex digit of a digest")
    if len(hexadecimal) != _HEX_DIGITS:
        raise ValueError(f"its digest has {len(hexadecimal)} hex digits, not {_HEX_DIGITS}")


def _quoted(text: str) -> str:
    """Quote for one line; the message must not contain all of a tag of 10 000 characters."""
    longest = 80
    return repr(text if len(text) <= longest else text[:longest] + "…")
