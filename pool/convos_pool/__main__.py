"""`python -m convos_pool`: the pool manager until SIGTERM."""

from __future__ import annotations

import os
import signal
import sys

import waitress

from . import app, settings
from .errors import SettingsError


def _stop(*_: object) -> None:
    raise SystemExit(0)


def main() -> int:
    """Run until told to stop; return the exit code."""
    try:
        read = settings.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"pool: {error}\n")
        return 1
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.write(f"pool: listening on {read.port}, runtime image {read.runtime_image}\n")
    sys.stdout.flush()
    waitress.serve(app.create(read), host="0.0.0.0", port=read.port, threads=8)  # noqa: S104 - Railway's proxy is outside
    return 0


if __name__ == "__main__":
    sys.exit(main())
