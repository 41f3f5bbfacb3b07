"""The settings of an emulator, which can be changed while it runs."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from emulator.history import LONGEST_LAG_SECONDS

_WORDS = {bool: "true or false", float: "a number", int: "a whole number", str: "a text", dict: "an object"}
_BELIEFS: Mapping[str, tuple[str, ...]] = {
    "project_token": ("environment", "strict"),
    "deleted_answer": ("not_found", "not_authorized"),
    "domain_rename": ("kept", "ignored"),
    "scoped_delete": ("keeps_service", "deletes_service"),
}
CHOICES: Mapping[str, tuple[str, ...]] = {**_BELIEFS, "image_check": ("on", "off")}
"""The values of the settings that have only a few; the first one is the default."""
DISPUTED = frozenset({*_BELIEFS, "update_source_deploys", "volume_create_deploys"})
"""The settings that choose between two behaviours because the sources about Railway disagree."""
OUTCOMES = ("healthy", "never_ready", "crash", "complete")
"""What a simulated run can do; the first one is the default."""


@dataclass(frozen=True)
class Settings:
    """The settings; times are in seconds unless their name has another unit.

    Attributes:
        deploy_step_seconds: how long each status of a deployment lasts before its image runs; with 0, a simulated
            deployment is done when its call is answered.
        latency_ms: added to every query and mutation.
        creation_throttle_seconds: a user can create one project and one environment in so many seconds; 0 for no limit
            (fact: creation-throttle).
        requests_per_second, requests_per_hour: rate limits per token; 0 for no limit.
        hour_seconds: how long the hour of requests_per_hour lasts.
        limited_token: the only token that the rate limits count; empty for all.
        read_lag_seconds: queries see environments' configs, volumes and domains as they were so long ago, at most 60
            (fact: read-lag).
        image_check: `on` checks a simulated image's manifest in its registry; `off` does not.
        further_tokens: account tokens of other users of the same workspace, separated by commas.
        other_workspace_token: an account token of another workspace, which has no projects; empty for none.
        project_token: how far a project token reaches: `environment`, or `strict` for reads and deployments
            (fact: project-token-reach).
        deleted_answer: the error for a deleted project or service: `not_found` or `not_authorized`
            (fact: deleted-is-not-found).
        domain_rename: `kept`; with `ignored`, an update of a service domain changes only its port
            (fact: domain-rename).
        scoped_delete: `keeps_service`; with `deletes_service`, a service is deleted with its last instance
            (fact: scoped-delete-keeps-service).
        update_source_deploys: whether an update of an instance's source deploys (fact: update-source-deploys).
        volume_create_deploys: whether creating a volume for a service that was deployed before deploys it
            (fact: volume-create-deploys).
        edge_requests_per_second: the limit of requests whose URL names no source; 0 for no limit
            (fact: source-by-query).
        services_per_project, volumes_per_project: how many a project can have; 0 for no limit
            (fact: services-per-project) (fact: volumes-per-project).
        slow_reader_seconds: a WebSocket is closed when a message could not be sent for so long.
        outcomes: what a simulated image does, one of `OUTCOMES`, by a part of the image's reference.
    """

    deploy_step_seconds: float = 0.3
    latency_ms: float = 0.0
    creation_throttle_seconds: float = 0.0
    requests_per_second: int = 0
    requests_per_hour: int = 0
    hour_seconds: float = 3600.0
    limited_token: str = ""
    read_lag_seconds: float = 0.0
    image_check: str = "on"
    further_tokens: str = ""
    other_workspace_token: str = ""
    project_token: str = "environment"  # noqa: S105  # how far it reaches
    deleted_answer: str = "not_found"
    domain_rename: str = "kept"
    scoped_delete: str = "keeps_service"
    update_source_deploys: bool = False
    volume_create_deploys: bool = False
    edge_requests_per_second: int = 0
    slow_reader_seconds: float = 10.0
    services_per_project: int = 0
    volumes_per_project: int = 0
    outcomes: Mapping[str, str] = field(default_factory=dict)

    def changed(self, values: Mapping[str, Any]) -> Settings:
        """Return these settings with `values` set, each turned into its field's type.

        Raises:
            ValueError: a name is unknown, or a value is not one that its setting can have.
        """
        known = asdict(self)
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
        typed = {name: _typed(name, known[name], value) for name, value in values.items()}
        for name, value in typed.items():
            if name in CHOICES and value not in CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(CHOICES[name])}, not {value!r}")
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is 0 or more, not {value}")
        for image, outcome in typed.get("outcomes", {}).items():
            if outcome not in OUTCOMES:
                raise ValueError(f"outcomes: {image[:40]!r} is one of {', '.join(OUTCOMES)}, not {str(outcome)[:40]!r}")
        if not 0 <= typed.get("read_lag_seconds", 0.0) <= LONGEST_LAG_SECONDS:
            raise ValueError(f"read_lag_seconds is between 0 and {LONGEST_LAG_SECONDS:.0f}")
        return replace(self, **typed)


def _typed(name: str, example: Any, value: Any) -> Any:
    """Return a value as the type of its setting; a number is not accepted as a text, nor a text as a number.

    Raises:
        ValueError: it is of another type.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(example, bool):
        if isinstance(value, bool):
            return value
        raise ValueError(f"{name} is {_WORDS[bool]}, not {str(value)[:40]!r}")
    if isinstance(example, dict) and isinstance(value, Mapping):
        return dict(value)
    if isinstance(example, str) and isinstance(value, str):
        return value
    if isinstance(example, float) and number:
        return float(value)
    if isinstance(example, int) and number and value == int(value):
        return int(value)
    raise ValueError(f"{name} is {_WORDS[type(example)]}, not {str(value)[:40]!r}")


class LiveSettings:
    """The settings of a running emulator.

    Attributes:
        current: the settings as they are now; read them at each use.
        consulted: the disputed settings that decided something since this set was last emptied.
    """

    def __init__(self, settings: Settings) -> None:
        self.current = settings
        self.consulted: set[str] = set()
        self._lock = threading.Lock()

    def decides(self, name: str) -> Any:
        """Return the value of a disputed setting, and note that it decided something."""
        self.consulted.add(name)
        return getattr(self.current, name)

    def change(self, values: Mapping[str, Any]) -> Settings:
        """Change the settings in `values`, and return all settings."""
        with self._lock:
            self.current = self.current.changed(values)
            return self.current
