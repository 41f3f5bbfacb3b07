"""How far Railway's reads lag behind writes."""

from __future__ import annotations

LAG_SECONDS = 60.0
"""How long, in seconds, a read may still show the state before a write; 30 s were seen (fact: read-lag)."""
