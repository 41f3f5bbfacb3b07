"""What released migrations may do by rules that are younger than they: their texts can no longer say it. Data."""

from __future__ import annotations

from collections.abc import Mapping

ALLOWED: Mapping[str, frozenset[str]] = {
    # 0001_agent_metadata.sql takes pool_instances over, whose pool managers are gone.
    "sha256:1cf9726b17db6e6a0157ec7a8414fa78c804f4b4dbb4faa044715890abefc196": frozenset(
        {"rename pool_instances", "rename agent_metadata.claimed_by"}
    ),
}
"""Allowances by a file's checksum."""
