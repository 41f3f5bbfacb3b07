"""A registry of one's own, as the tests of tests/registry have it."""

from __future__ import annotations

from tests.registry.conftest import registry

__all__ = ["registry"]
