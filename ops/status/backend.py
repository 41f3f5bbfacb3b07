"""Pulumi's backend: its URL, where that is configured, and the locks that updates hold there."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from ops.stacks import PROJECT
from railway_api.redact import redact_urls

VARIABLE = "PULUMI_BACKEND_URL"
_FILE, _CLOUD = "file", ("http", "https")
_EXPORTED = re.compile(rf"^(?:export )?{VARIABLE}=", re.MULTILINE)


@dataclass(frozen=True)
class Backend:
    """The backend that stores the states.

    Attributes:
        url: as configured; it may contain a password.
        origin: where it is configured.
    """

    url: str
    origin: str

    def __str__(self) -> str:
        """Return what may be shown: no password, no parameters."""
        return f"{self.shown} (from {self.origin})"

    @property
    def shown(self) -> str:
        """Its URL without a password and parameters."""
        return redact_urls(self.url.partition("?")[0])

    def folder(self, checkout: Path) -> Path | None:
        """Return the folder of a file backend, or None."""
        parts = urlsplit(self.url)
        if parts.scheme != _FILE:
            return None
        path = Path(unquote(f"{parts.netloc}{parts.path}")).expanduser()
        return path if path.is_absolute() else checkout / path

    @property
    def shows_locks(self) -> bool:
        """Whether locks can be read: in a folder, or in Pulumi Cloud's list of stacks."""
        return urlsplit(self.url).scheme in (_FILE, *_CLOUD)


@dataclass(frozen=True)
class Lock:
    """The lock that an update takes, and leaves behind if it is killed.

    Attributes:
        user, host, process_id: who took it.
        since: when.
        is_alive: whether that process lives; None if it ran on another machine.
    """

    user: str
    host: str
    process_id: int
    since: str
    is_alive: bool | None

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "user": self.user,
            "host": self.host,
            "processId": self.process_id,
            "since": self.since,
            "isAlive": self.is_alive,
        }


def named(environ: Mapping[str, str], checkout: Path) -> Backend | None:
    """Return the backend that the environment or Pulumi.yaml names; None if only `pulumi login` knows."""
    if url := environ.get(VARIABLE):
        return Backend(url, _origin(url, checkout))
    document = yaml.safe_load((checkout / "Pulumi.yaml").read_text(encoding="utf-8")) or {}
    url = str((document.get("backend") or {}).get("url") or "")
    return Backend(url, "Pulumi.yaml") if url else None


def _origin(url: str, checkout: Path) -> str:
    file = checkout / ".local" / "env"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return VARIABLE
    return ".local/env" if _EXPORTED.search(text) and url in text else VARIABLE


def locks(backend: Backend, stack: str, checkout: Path) -> list[Lock]:
    """Return the locks of a stack in a file backend, the oldest first; elsewhere none can be seen."""
    folder = backend.folder(checkout)
    if folder is None:
        return []
    organization = folder / ".pulumi" / "locks" / "organization"
    # Backends from before stacks were scoped by project keep them one level higher.
    files = [*(organization / PROJECT / stack).glob("*.json"), *(organization / stack).glob("*.json")]
    return sorted((_read(file) for file in files if file.is_file()), key=lambda lock: lock.since)


def _read(file: Path) -> Lock:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    found = found if isinstance(found, dict) else {}
    host = str(found.get("hostname") or "")
    given = found.get("pid")
    process = given if isinstance(given, int) else 0
    alive = _lives(process) if process > 0 and host == socket.gethostname() else None
    return Lock(str(found.get("username") or ""), host, process, str(found.get("timestamp") or ""), alive)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # The process exists and belongs to another user.
        return True
    return True
