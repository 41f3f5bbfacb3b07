"""The navigation of the site. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.site.pages import SitePage

PARTS: Mapping[str, Sequence[str]] = {
    "Begin": ("first-deploy.md", "architecture.md", "examples/", "from-terraform.md", "from-scripts.md"),
    "Operate": ("runbook.md", "incidents.md", "incidents/", "preview.md", "ci.md", "SECURITY.md"),
    "Reference": (
        *("configuration.md", "service-attributes.md", "runtime.md", "pool.md", "schema-statements.md"),
        *("convos_infra/", "emulator/"),
    ),
    "Railway": ("railway-facts.md", "railway-coverage.md", "conformance.md"),
    "Quality": ("acceptance.md", "benchmarks/", "CHANGELOG.md"),
    "Develop": ("CONTRIBUTING.md", "decisions/"),
}
"""The parts, each with its pages in order; a folder's name stands for all of its pages."""
HOME = "index.md"


def nav(pages: Sequence[SitePage]) -> list[Any]:
    """Return the navigation as the generator reads it; a page that no part lists is missing, which a test detects."""
    places = {page.place: page for page in pages}
    found: list[Any] = [{"Home": HOME}]
    for part, names in PARTS.items():
        rows = []
        for name in names:
            if name.endswith("/"):
                rows += [{one.title: one.place} for place, one in places.items() if place.startswith(name)]
            else:
                rows.append({places[name].title: name})
        found.append({part: rows})
    return found


def left_out(pages: Sequence[SitePage]) -> list[str]:
    """Return the pages that the navigation does not list."""
    return [page.place for page in pages if page.place != HOME and not _is_named(page.place)]


def _is_named(place: str) -> bool:
    names = [name for part in PARTS.values() for name in part]
    return any(place == name or (name.endswith("/") and place.startswith(name)) for name in names)
