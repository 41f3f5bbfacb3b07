"""docs/service-attributes.md, from the declarations of a service's attributes. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convos_infra.railway.attribute import always

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convos_infra.railway.attribute import Attribute

_HEAD = """\
# Attributes of a service

This page is written by `make config-docs` from `convos_infra/railway/service_configuration.py`; a test compares. To add
an attribute, declare it there. Its name, place on Railway, rule, checks, drift, this page and tests follow from that.

An attribute that is not set is not managed: Railway keeps its value. A property that is not listed is refused.

| Attribute | On Railway | Default | Example | A change deploys | Description |
| --- | --- | --- | --- | --- | --- |
"""
_TAIL = """
Static outbound addresses are not an attribute of a service: Railway's schema has separate mutations for them
(`egressGatewayAssociationCreate`, `egressGatewayAssociationsClear`), and the environment's config lacks them.
"""


def page(attributes: Iterable[Attribute]) -> str:
    """Return the page."""
    return _HEAD + "".join(_row(item) for item in attributes) + _TAIL


def _row(item: Attribute) -> str:
    notes = [item.about]
    notes += [f"Needs `{item.needs}`."] if item.needs else []
    notes += [f"Excludes `{item.excludes}`."] if item.excludes else []
    notes += [f"For the builder {item.builder}."] if item.builder else []
    notes += [] if item.readable else ["Not compared with Railway."]
    default = "" if item.default is None else f"`{json.dumps(item.default)}`"
    deploys = "yes" if item.deploys is always else "not always"
    example = json.dumps(item.example)
    cells = (f"`{item.argument}`", f"`{'.'.join(item.path)}`", default, f"`{example}`", deploys, " ".join(notes))
    return f"| {' | '.join(cells)} |\n"
