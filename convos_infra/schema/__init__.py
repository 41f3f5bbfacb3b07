"""Migrations of a PostgreSQL schema: plain SQL files, planned, applied under one lock, recorded and compared."""

from convos_infra.schema.connection import check_reachable
from convos_infra.schema.migration import latest_version

__all__ = ["check_reachable", "latest_version"]
