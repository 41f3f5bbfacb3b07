"""`python -m convos_pool`: the pool manager until SIGTERM."""

from __future__ import annotations

import os
import sys

import uvicorn

from . import app, settings
from .errors import SettingsError
from .serve import Service

DRAIN_SECONDS = 20


def main() -> int:
    """Run until told to stop; return the exit code."""
    try:
        read = settings.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"pool: {error}\n")
        return 1
    sys.stdout.write(f"pool: listening on {read.port}, runtime image {read.runtime_image}\n")
    sys.stdout.flush()
    uvicorn.run(
        app.create(Service(read)),
        host="0.0.0.0",  # noqa: S104 - Railway's proxy is outside of the container
        port=read.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
