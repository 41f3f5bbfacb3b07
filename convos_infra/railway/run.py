"""What one run of Pulumi has seen so far."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """What one run of Pulumi has seen: a provider process serves one run.

    Attributes:
        is_update: whether any inputs were checked, which happens in a preview and an update, but not in a destroy.
        asked: the ids of the environments in which no reason against the destroy was found.
        pool_url: the pool manager's URL, once the destroy gate has asked Railway; empty until then.
        kept: the ids of the environments in which something that was taken over was kept.
        environments: the project and the name of each `Environment` resource that was checked.
        services: the environment and the name of each `Service` resource that was checked.
        adopts: the announcements of adoptions that the checks have made.
        told: the lines that were printed and must not be repeated in this run.
        given_up: the ids of the volumes whose data a destroy deletes; None if its gate has not determined them.
        own_services: the ids of the services that the stack has or had, and of its agents' services, as the destroy
            gate has recorded them.
        cleared: the ids of removed services whose rest in the project was looked for already.
        stacks: the stack's name in the new inputs and in those of the last update; empty in a destroy and a refresh,
            which check nothing.
        created: how many new resources of each kind were checked.
        changed: how many services were checked whose configuration changes.
        projects: the projects that were read, by id, each with the time on the client's clock.
        appeared: by environment, the ids of the services that were seen in it after one was made there.
    """

    is_update: bool = False
    asked: set[str] = field(default_factory=set)
    pool_url: str = ""
    kept: set[str] = field(default_factory=set)
    environments: set[tuple[str, str]] = field(default_factory=set)
    services: set[tuple[str, str]] = field(default_factory=set)
    adopts: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    given_up: set[str] | None = None
    own_services: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)
    stacks: set[str] = field(default_factory=set)
    created: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    projects: dict[str, tuple[float, Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    appeared: dict[str, set[str]] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock, repr=False)

    def is_new(self, line: str) -> bool:
        """Tell whether a line was not printed yet in this run, and remember it."""
        with self.lock:
            said = line in self.told
            self.told.add(line)
            return not said
