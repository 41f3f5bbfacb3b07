"""Random edits, by a seed, of a fleet's settings, variables, images, volumes, domains, proxies and services."""

from __future__ import annotations

import copy
import random
from typing import Any

from tests.fleet.project import IMAGE, OTHER_IMAGE, Spec, service

CHOICES: dict[str, list[Any]] = {
    "start_command": [None, "node a.js", "node b.js"],
    "pre_deploy_command": [None, ["node migrate.js"]],
    "healthcheck_path": [None, "/healthz", "/ready"],
    "healthcheck_timeout": [None, 60, 300],
    "restart_policy_type": [None, "ALWAYS", "ON_FAILURE"],
    "restart_policy_max_retries": [None, 3, 10],
    "sleep_application": [None, True, False],
    "overlap_seconds": [None, 5],
    "draining_seconds": [None, 0, 30],
    "multi_region_config": [{"us-west2": {"numReplicas": 1}}, {"us-west2": {"numReplicas": 2}}],
}
PARTS: dict[str, list[Any]] = {"volume": [None, "/data", "/elsewhere"], "domain": [None, True], "proxy": [None, 5432]}
MOST_SERVICES = 4


def edited(rng: random.Random, spec: Spec) -> Spec:
    """Return a fleet with up to three random changes."""
    result: Spec = copy.deepcopy(spec)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        row = rng.choice(result["services"])
        rng.choice([_setting, _setting, _variable, _variable, _image, _part, _shared, _fleet])(rng, result, row)
    return result


def _setting(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    name = rng.choice(sorted(CHOICES))
    settings = row.setdefault("settings", {})
    settings.pop(name, None)
    value = rng.choice(CHOICES[name])
    if value is not None:
        settings[name] = value


def _variable(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    name = f"{rng.choice(['V', 'SECRET_'])}{rng.randrange(4)}"
    if not row["variables"].pop(name, None) or rng.random() < 0.6:
        row["variables"][name] = str(rng.randrange(100))


def _image(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    row["image"] = rng.choice([IMAGE, OTHER_IMAGE])


def _part(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    name = rng.choice(sorted(PARTS))
    row[name] = rng.choice(PARTS[name])


def _shared(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    spec["shared"] = {"S": "1", f"S{rng.randrange(3)}": str(rng.randrange(100))}


def _fleet(rng: random.Random, spec: Spec, row: dict[str, Any]) -> None:
    """Add a service, or remove `row`."""
    rows = spec["services"]
    if len(rows) > 1 and (len(rows) == MOST_SERVICES or rng.random() < 0.5):
        rows.remove(row)
        return
    taken = {row["name"] for row in rows}
    name = next(f"s{number}" for number in range(MOST_SERVICES) if f"s{number}" not in taken)
    rows.append(service(name, variables=2))
