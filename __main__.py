"""The Pulumi program: reads the stack's config, checks it, and declares the stack's resources."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from convos_infra.endpoint import check_listening
from convos_infra.schema.connection import check_reachable
from railway_api.failure import Failure
from stack import config, images
from stack.resources import declare
from stack.settings import ConfigError

EXIT_AFTER_A_MESSAGE = 32
"""The exit code by which pulumi-language-python knows that the error was already reported; after a RunError it would
add an "unhandled error" of its own."""


def main() -> None:
    """Declare the stack. A mistake in its config ends the program here, before anything changes."""
    try:
        settings = config.read(os.environ)
        check_listening("railwayEndpoint", settings.endpoint)
        if settings.database_url and settings.database.schema_managed:
            check_reachable(settings.database_url)
        runtime_source = images.runtime(settings, Path(__file__).parent)
        pool_source = images.pool(settings, Path(__file__).parent)
        if runtime_source is not None:
            images.check_schema(settings, Path(__file__).parent, runtime_source)
    except (ConfigError, Failure) as error:
        pulumi.log.error(str(error))
        raise SystemExit(EXIT_AFTER_A_MESSAGE) from None
    declare(settings, runtime_source, pool_source)


main()
