"""What one run of Pulumi has seen so far."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """What one run of Pulumi has seen: a provider process serves one.

    Attributes:
        is_update: whether any inputs were checked; in a destroy none are.
        asked: the environments of which it was asked whether anything in them keeps a destroy from beginning.
        pool_url: where the pool manager answers, once the gate of a destroy has asked Railway; empty until then.
        kept: the environments in which a deletion left something that was taken over.
        environments: the names of the `Environment` resources that were checked.
        services: the names of the `Service` resources that were checked, by environment.
        adopts: what its checks have found in the place of new resources, in their words.
        told: the lines that are said once in a run, whatever they concern.
        given_up: the volumes whose data goes with a destroy, where its gate has told them from those of others; None
            where it has not.
        own_services: the ids of the services that the stack has or had, and of its agents', where the gate of a
            destroy has told them.
        cleared: the ids of those that were looked for in the project once nothing of them was left here.
        stacks: the names of the stack as its environments say them: the new one and that of the last update. Empty in
            a destroy and a refresh, which check nothing.
        created: how many resources of each kind were checked that are new.
        changed: how many services were checked whose configuration changes.
        projects: the projects that were read, by id, and when.
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
        """Tell whether a line was not said yet in this run, and remember it."""
        with self.lock:
            said = line in self.told
            self.told.add(line)
            return not said
