"""The emulator's state: JSON documents by kind and id, in memory and in one SQLite file.

`kind` is one of project, environment, service, instance, deployment, domain, custom_domain, tcp_proxy, volume,
volume_instance, patch, project_token, call, setting. An instance's id is `environmentId/serviceId`.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.changes import Changes
from emulator.history import LAGGING, History

if TYPE_CHECKING:
    from pathlib import Path

Document = dict[str, Any]


def new_id() -> str:
    """Return a random UUID, as Railway's ids are."""
    return str(uuid.uuid4())


def now() -> str:
    """Return the time as Railway prints it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def born(id_: str = "") -> Document:
    """Return what every new document begins with: an id, a random one unless it is given, and when it was made."""
    at = now()
    return {"id": id_ or new_id(), "createdAt": at, "updatedAt": at, "deletedAt": None}


class Store:
    """Documents that survive a restart; `lock` serialises whoever changes them, `changes` tells of each change."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.changes = Changes()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Without a sync for each write: a laptop's emulator may lose its last second with the power, not before.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS document (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"
        )
        self._documents: dict[str, dict[str, Document]] = {}
        self._undone = False
        self.history = History()
        for kind, id_, body in self._rows():
            self._documents.setdefault(kind, {})[id_] = json.loads(body)
            self.history.add(kind, id_, body, at=float("-inf"))

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        yield from self._connection.execute("SELECT kind, id, body FROM document ORDER BY rowid")

    def put(self, kind: str, id_: str, document: Document) -> Document:
        """Keep `document`; the caller's object is the one that later reads return."""
        with self.lock:
            body = json.dumps(document)
            # The file first: on a full disk nothing must be remembered that a restart would not know.
            self._connection.execute(
                "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, id_, body),
            )
            self._documents.setdefault(kind, {})[id_] = document
            self.history.add(kind, id_, body)
        self.changes.tell()
        return document

    def get(self, kind: str, id_: str | None) -> Document | None:
        """Return the document, or None."""
        return self._documents.get(kind, {}).get(id_ or "")

    def all(self, kind: str, matches: Callable[[Document], bool] = lambda _: True) -> list[Document]:
        """Return the documents of a kind that match, oldest first."""
        with self.lock:
            return [document for document in self._documents.get(kind, {}).values() if matches(document)]

    def delete(self, kind: str, id_: str) -> None:
        """Forget a document; nothing happens where there is none."""
        with self.lock:
            self._connection.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, id_))
            self._documents.get(kind, {}).pop(id_, None)
            self.history.add(kind, id_, None)
        self.changes.tell()

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._documents.clear()
            self.history = History()
            self._connection.execute("DELETE FROM document")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Serialise one writer; all of its writes reach the file and stay in memory, or none.

        Raises:
            sqlite3.Error: they did not reach the file, as on a full disk: what is remembered is what the file has.
        """
        with self.lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN")
            self._undone = False
            try:
                yield
            finally:
                self._commit()

    def _commit(self) -> None:
        if self._undone:
            return
        try:
            # SQLite itself rolls back where a write finds the disk full (sqlite.org/lang_transaction.html).
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError("the writes did not reach the file")
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._reload()
            raise

    def undo(self) -> None:
        """Take back what the running transaction wrote, and what it changed in documents without writing them yet.

        Deployments stay: they walk on in threads of their own.
        """
        with self.lock:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._undone = True
            self._reload()

    def _reload(self) -> None:
        deployments = self._documents.get("deployment", {})
        self._documents.clear()
        for kind, id_, body in self._rows():
            self._documents.setdefault(kind, {})[id_] = json.loads(body)
        self._documents["deployment"] = deployments
        self.history.follow({kind: self._documents.get(kind, {}) for kind in LAGGING})

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class PastStore(Store):
    """A store for reads, whose environments, volumes and domains are as they were some seconds ago.

    Who writes never reads from it: Railway's writers know the truth, its readers lag behind (fact: read-lag).
    """

    def __init__(self, present: Store, seconds: float) -> None:
        self._present = present
        self._moment = time.monotonic() - seconds
        self.lock = present.lock

    def get(self, kind: str, id_: str | None) -> Document | None:
        """Return the document as it was then, or None; an environment that was not there yet has an empty config."""
        now_ = self._present.get(kind, id_)
        if kind not in LAGGING:
            return now_
        with self.lock:
            body = self._present.history.at(kind, id_ or "", self._moment)
        if body is not None:
            then: Document = json.loads(body)
            return then
        return {**now_, "config": {}} if now_ is not None and kind == "environment" else None

    def all(self, kind: str, matches: Callable[[Document], bool] = lambda _: True) -> list[Document]:
        """Return the documents of a kind that were there then and match, oldest first."""
        if kind not in LAGGING:
            return self._present.all(kind, matches)
        with self.lock:
            found = [self.get(kind, id_) for id_ in self._present.history.ids(kind)]
        return [document for document in found if document is not None and matches(document)]
