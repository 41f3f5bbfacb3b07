"""Progress lines of a provider."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a progress line: Pulumi shows what a provider writes to stderr under the running update."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
