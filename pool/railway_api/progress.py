"""Progress lines of a provider."""

from __future__ import annotations

import sys

from railway_api.printable import escaped


def say(text: str) -> None:
    """Print a progress line: Pulumi shows what a provider writes to stderr under the running update."""
    print("\n".join(map(escaped, text.split("\n"))), file=sys.stderr, flush=True)  # noqa: T201
