"""What Railway has and what a stack wants of it, as countable things: a duplicate or an orphan is a count too high."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.emulator.fix_emulator import Emulator
from tests.fleet.project import Spec

Things = Counter[str]


@dataclass(frozen=True)
class Difference:
    """What there is against what is wanted.

    Attributes:
        missing: wanted, and not there.
        duplicates: wanted, and there too often.
        orphans: there, and not wanted at all.
    """

    missing: list[str]
    duplicates: list[str]
    orphans: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.duplicates or self.orphans)


def difference(found: Things, wanted: Things) -> Difference:
    """Compare."""
    above = found - wanted
    return Difference(
        sorted((wanted - found).elements()),
        sorted(subject for subject in above.elements() if subject in wanted),
        sorted(subject for subject in above.elements() if subject not in wanted),
    )


def wanted(spec: Spec | None) -> Things:
    """Return what the fleet's description asks for; of None, nothing at all."""
    things: Things = Counter()
    if spec is None:
        return things
    where = f"{spec['project']}/{spec['environment']}"
    things[f"project {spec['project']}"] += 1
    # A project starts with an environment of Railway's own, and keeps it.
    things.update([f"environment {spec['project']}/base", f"environment {where}"])
    things.update(_variable(f"{where}/shared", *pair) for pair in spec.get("shared", {}).items())
    for row in spec["services"]:
        at = f"{where}/{row['name']}"
        things.update([f"service {spec['project']}/{row['name']}", f"instance {at}", f"image {at} {row['image']}"])
        things[f"running {at} {row['image']}"] += 1
        things.update(_variable(at, *pair) for pair in row["variables"].items())
        if row.get("volume"):
            things.update([f"volume {spec['project']}/{row['name']}-volume", f"mount {at} {row['volume']}"])
        if row.get("domain"):
            things[f"domain {at}"] += 1
        if row.get("proxy"):
            things[f"proxy {at} {row['proxy']}"] += 1
    return things


def found(emulator: Emulator) -> Things:
    """Return everything that lives in an emulator."""
    things: Things = Counter()
    for project in emulator.admin("GET", "/snapshot")["projects"]:
        name = project["name"]
        things[f"project {name}"] += 1
        things.update(f"service {name}/{row['name']}" for row in project["services"])
        things.update(f"volume {name}/{row['name']}" for row in project["volumes"])
        for environment in project["environments"]:
            where = f"{name}/{environment['name']}"
            things[f"environment {where}"] += 1
            things += _environment(where, emulator.admin("GET", f"/snapshot?environment={environment['id']}"))
    return things


def _environment(where: str, shown: dict[str, Any]) -> Things:
    names = {row["id"]: row["name"] for row in shown["service"] if not row["deletedAt"]}

    def at(service_id: str | None) -> str:
        return f"{where}/{names.get(service_id or '', f'nothing ({service_id})')}"

    def living(kind: str) -> list[dict[str, Any]]:
        return [row for row in shown[kind] if not row.get("deletedAt")]

    things: Things = Counter()
    config = shown["config"]
    things.update(_variable(f"{where}/shared", *_pair(row)) for row in config.get("sharedVariables", {}).items())
    for id_, service in config.get("services", {}).items():
        things[f"instance {at(id_)}"] += 1
        if (service.get("source") or {}).get("image"):
            things[f"image {at(id_)} {service['source']['image']}"] += 1
        things.update(_variable(at(id_), *_pair(row)) for row in service.get("variables", {}).items())
    things.update(f"mount {at(row['serviceId'])} {row['mountPath']}" for row in living("volume_instance"))
    things.update(f"domain {at(row['serviceId'])}" for row in living("domain"))
    things.update(f"proxy {at(row['serviceId'])} {row['applicationPort']}" for row in living("tcp_proxy"))
    running = [row for row in shown["deployment"] if row["status"] != "REMOVED"]
    things.update(f"running {at(row['serviceId'])} {row['meta']['image']}" for row in running)
    return things


def _pair(row: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    return row[0], str(row[1]["value"])


def _variable(at: str, name: str, value: str) -> str:
    """A value shows as its digest: some are secrets, and differences are printed."""
    return f"variable {at}.{name} {hashlib.sha256(value.encode()).hexdigest()[:8]}"
