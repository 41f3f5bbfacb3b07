"""`make pool-client`: copies the Railway client to pool/convos_client, because Railway builds pool/ by itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
SOURCE, COPY = "convos_infra", "convos_client"
TARGET = CHECKOUT / "pool" / COPY
MODULES = (
    "errors.py",
    "progress.py",
    "redact.py",
    "railway/client.py",
    "railway/errors.py",
    "railway/retry.py",
    "railway/transport.py",
)
"""The client and all that it imports."""


def files() -> dict[str, str]:
    """Return what the copy must be: file below pool/convos_client -> text."""
    head = f"# Written by `make pool-client` from {SOURCE}/{{}}; change it there.\n"
    found = {name: head.format(name) + (CHECKOUT / SOURCE / name).read_text() for name in MODULES}
    package = f'"""The Railway client of {SOURCE}, copied by `make pool-client`."""\n'
    found |= {"__init__.py": package, "railway/__init__.py": package}
    # Its own name, so that a process that sees both never mixes them.
    return {name: text.replace(f"from {SOURCE}.", f"from {COPY}.") for name, text in found.items()}


def main() -> int:
    """Write the copy anew."""
    shutil.rmtree(TARGET, ignore_errors=True)
    for name, text in files().items():
        file = TARGET / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    sys.stdout.write(f"pool-client: {TARGET.relative_to(CHECKOUT)} is {SOURCE}'s client\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
