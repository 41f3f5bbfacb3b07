"""Hypothesis without its clocks: on a busy machine the first text alone takes 2 s to draw, and fails a health check."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("no-clocks", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clocks")
