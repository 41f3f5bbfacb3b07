"""Environments that somebody has changed, and their adoption without a Railway."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from components.defaults import POOL_SERVICE
from ops.adopt.compare import ReportRow
from ops.adopt.config import AdoptionInputs, Described, drafted
from ops.adopt.fit import Fitting, fitted, offers
from ops.adopt.live import Live, Roles, roles
from ops.adopt.report import AdoptionReport, adoption_report
from tests.unit.adopt.environments import ENVIRON, IDS, POOL_DIGEST, STACK, TOKEN, digest_of, live, read

SECRET = "p4ss-of-nobody"
RUNTIME, POOL = "ghcr.io/example/runtime", "ghcr.io/example/pool"
FIRST = {
    "imageRepository": RUNTIME,
    "poolImage": f"{POOL}:v1@{POOL_DIGEST}",
    "poolRailwayToken": TOKEN,
    "poolApiKey": SECRET,
    "databasePassword": f"{SECRET}-db",
    "keys": {"XMTP_ENV": "dev", "BANKR_API_KEY": f"{SECRET}-bankr"},
}


def edited(path: tuple[str, ...], value: Any, service: str = POOL_SERVICE) -> Live:
    """Return the environment of FIRST with one thing changed by somebody else; None removes it."""
    found = live(read(FIRST))
    config = copy.deepcopy(dict(found.snapshot.config))
    place = config["services"][IDS[service]]
    for key in path[:-1]:
        place = place.setdefault(key, {})
    if value is None:
        place.pop(path[-1])
    else:
        place[path[-1]] = value
    return replace(found, snapshot=replace(found.snapshot, config=config))


def without(found: Live, *names: str) -> Live:
    ids = {IDS[name] for name in names}
    instances = {id_: row for id_, row in found.snapshot.instances.items() if id_ not in ids}
    return replace(found, snapshot=replace(found.snapshot, instances=instances))


def described(
    found: Live, known: AdoptionInputs | None = None, chosen: tuple[str, ...] = ()
) -> tuple[Described, Fitting]:
    which = roles(found, Roles("", "", ""))
    how = Fitting(STACK, found, which, digest_of, ENVIRON, chosen)
    return fitted(drafted(STACK, found, which, known or AdoptionInputs(), digest_of), how), how


def adopted(found: Live, known: AdoptionInputs | None = None, *chosen: str) -> tuple[Any, AdoptionReport]:
    """Describe an environment, read the description as the program would, and compare the two."""
    config, how = described(found, known, chosen)
    offered = list(offers(config, how))
    return read(config.values()), adoption_report(read(config.values()), found, config, digest_of, offered)


def row(told: AdoptionReport, subject: str) -> ReportRow:
    return next(row for row in told.rows if row.subject == subject)
