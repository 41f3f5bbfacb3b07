"""The program: settings in, components, outputs out."""

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
"""pulumi-language-python's code for "the user was told": after a RunError it adds an "unhandled error" of its own."""


def main() -> None:
    """Turn the stack's config into resources; a mistake in it ends here, before anything changes."""
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
