"""Allowances of released migrations by newer rules: the text of a released file cannot change any more. Data."""

from __future__ import annotations

from collections.abc import Mapping

ALLOWED: Mapping[str, frozenset[str]] = {
    # 0001_agent_metadata.sql takes over pool_instances, whose pool managers no longer run.
    "sha256:1cf9726b17db6e6a0157ec7a8414fa78c804f4b4dbb4faa044715890abefc196": frozenset(
        {"rename pool_instances", "rename agent_metadata.claimed_by"}
    ),
}
"""The allowances, by a file's checksum."""
