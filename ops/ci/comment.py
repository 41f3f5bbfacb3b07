"""One comment per subject, updated in place and found by a hidden marker, not by its heading."""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

from convos_infra.errors import InfraError
from ops.ci.github import BOT, GitHub
from ops.printable import in_code_block

LONGEST = 64_000
"""GitHub refuses comments of more than 65,536 characters; the rest is a margin."""
LONGEST_DATA = 24_000
_MARKER = re.compile(r"[a-z0-9][a-z0-9:._-]*")
_DATA = re.compile(r"<!-- data:([A-Za-z0-9+/=]+) -->")
_MOST_BYTES = 4_000_000


class CutError(InfraError):
    """A text cannot be shortened to the length of a comment."""


def marker(subject: str) -> str:
    """Return the hidden line that marks a comment as the one about `subject`, such as `preview:dev`."""
    if not _MARKER.fullmatch(subject):
        raise ValueError(f"{subject!r} is not a valid subject of a comment")
    return f"<!-- convos-infra {subject} -->"


def cut(head: str, folded: str, tail: str, longest: int = LONGEST) -> str:
    """Return `head`, `folded` as a code block, and `tail`; only `folded` is shortened, at its end.

    Args:
        head: the text before the block.
        folded: the long text; code fences and HTML comments in it are broken up, so that it cannot leave its block.
        tail: the text after the block, such as hidden data.
        longest: the most characters that the comment may have.

    Raises:
        CutError: `head` and `tail` alone are longer.
    """
    text = in_code_block(folded)
    opening, closing = "\n<details><summary>The whole preview</summary>\n\n```diff\n", "\n```\n</details>\n"
    note = "\n… shortened; the job's summary has the whole text"
    room = longest - len(head) - len(tail) - len(opening) - len(closing) - 1
    if len(text) > room:
        if room <= len(note):
            raise CutError("comment", f"{len(head) + len(tail)} characters around the preview leave no room for it")
        text = text[: room - len(note)].rpartition("\n")[0] + note
    return f"{head}{opening}{text}{closing}{tail}\n"


def hidden(data: bytes) -> str:
    """Return data as a hidden line; empty if it is too long for a comment."""
    text = base64.b64encode(zlib.compress(data, 9)).decode()
    return f"<!-- data:{text} -->" if len(text) <= LONGEST_DATA else ""


def revealed(body: str) -> bytes | None:
    """Return the hidden data of a comment; None if it has none or if it is damaged."""
    found = _DATA.findall(body)
    if not found:
        return None
    try:
        # The last match: the text of a preview comes before it and may contain anything.
        return zlib.decompressobj().decompress(base64.b64decode(found[-1], validate=True), _MOST_BYTES)
    except (ValueError, zlib.error):
        return None


def find(github: GitHub, issue: int, subject: str, author: str = BOT) -> dict[str, Any] | None:
    """Return our comment about a subject, or None. Anybody can write the marker, so only comments of `author` count."""
    wanted = marker(subject)
    for comment in github.pages(f"issues/{issue}/comments"):
        written_by = (comment.get("user") or {}).get("login")
        if written_by == author and str(comment.get("body") or "").startswith(wanted):
            return dict(comment)
    return None


def put(github: GitHub, issue: int, subject: str, body: str, author: str = BOT) -> str:
    """Create the comment about a subject, or update it; return its URL.

    Raises:
        ForbiddenError: the token has no permission to comment. Callers must not ignore it.
    """
    text = f"{marker(subject)}\n{body}"
    known = find(github, issue, subject, author)
    if known is None:
        written = github.send("POST", f"issues/{issue}/comments", {"body": text})
    elif known.get("body") == text:
        written = known
    else:
        written = github.send("PATCH", f"issues/comments/{known['id']}", {"body": text})
    return str(written.get("html_url", ""))
