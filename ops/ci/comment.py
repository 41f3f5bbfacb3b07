"""One comment a subject, updated in place: found by a marker that nobody sees, never by its heading."""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

from convos_infra.errors import InfraError
from ops.ci.github import BOT, GitHub
from ops.printable import in_code_block

LONGEST = 64_000
"""GitHub refuses comments of more than 65 536 characters; some are left for what it adds itself."""
LONGEST_DATA = 24_000
_MARKER = re.compile(r"[a-z0-9][a-z0-9:._-]*")
_DATA = re.compile(r"<!-- data:([A-Za-z0-9+/=]+) -->")
_MOST_BYTES = 4_000_000


class CutError(InfraError):
    """A text that cannot be cut to what a comment may hold."""


def marker(subject: str) -> str:
    """Return the hidden line that makes a comment the one about `subject`, such as `preview:dev`."""
    if not _MARKER.fullmatch(subject):
        raise ValueError(f"{subject!r} is no subject of a comment")
    return f"<!-- convos-infra {subject} -->"


def cut(head: str, folded: str, tail: str, longest: int = LONGEST) -> str:
    """Return `head`, `folded` as a code block, and `tail`; of `folded` as much of the beginning as there is room for.

    Args:
        head: always whole; so is `tail`.
        folded: the long text; fences in it are broken, so that it stays inside its block, and so are hidden comments.
        tail: hidden data and the like.
        longest: how many characters the comment may have.

    Raises:
        CutError: head and tail alone are longer.
    """
    text = in_code_block(folded)
    opening, closing = "\n<details><summary>The whole preview</summary>\n\n```diff\n", "\n```\n</details>\n"
    note = "\n… cut here; the whole is in the summary of the job"
    room = longest - len(head) - len(tail) - len(opening) - len(closing) - 1
    if len(text) > room:
        if room <= len(note):
            raise CutError("comment", f"{len(head) + len(tail)} characters around the preview leave no room for it")
        text = text[: room - len(note)].rpartition("\n")[0] + note
    return f"{head}{opening}{text}{closing}{tail}\n"


def hidden(data: bytes) -> str:
    """Return data as a line that nobody sees; empty where it is too long to be carried."""
    text = base64.b64encode(zlib.compress(data, 9)).decode()
    return f"<!-- data:{text} -->" if len(text) <= LONGEST_DATA else ""


def revealed(body: str) -> bytes | None:
    """Return the hidden data of a comment, None where it has none that can be read."""
    found = _DATA.findall(body)
    if not found:
        return None
    try:
        # The last one: a preview's own text stands before it, and may hold anything.
        return zlib.decompressobj().decompress(base64.b64decode(found[-1], validate=True), _MOST_BYTES)
    except (ValueError, zlib.error):
        return None


def find(github: GitHub, issue: int, subject: str, author: str = BOT) -> dict[str, Any] | None:
    """Return our comment about a subject, or None. Others may write the marker too: only `author`'s counts."""
    wanted = marker(subject)
    for comment in github.pages(f"issues/{issue}/comments"):
        written_by = (comment.get("user") or {}).get("login")
        if written_by == author and str(comment.get("body") or "").startswith(wanted):
            return dict(comment)
    return None


def put(github: GitHub, issue: int, subject: str, body: str, author: str = BOT) -> str:
    """Write the comment about a subject, or update it in place; return its address.

    Raises:
        ForbiddenError: the token may not comment. That is never passed over in silence.
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
