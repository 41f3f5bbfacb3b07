"""The emulator's state: JSON documents by kind and id, in memory and in one SQLite file.

`kind` is one of project, environment, service, deployment, domain, custom_domain, tcp_proxy, volume, volume_instance,
patch, staged, change_set, workflow, project_token and setting. A staged patch has the id of its environment. A service
has an instance in each environment whose config names it. A setting is the time of a user's last creation.
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
    """Return the fields of every new document: the id, by default a random one, and its times."""
    at = now()
    return {"id": id_ or new_id(), "createdAt": at, "updatedAt": at, "deletedAt": None}


class Store:
    """Documents that survive a restart.

    Attributes:
        lock: held by whoever changes documents, or reads several that must fit together.
        changes: wakes its listeners after each change.
        history: the past versions, for reads that lag.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.changes = Changes()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # No sync for each write: an emulator may lose its last second if the power fails, but not if its process ends.
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
        """Store a document; later reads return this very object."""
        with self.lock:
            body = json.dumps(document)
            # The file first: on a full disk, memory must not have what a restart would not find.
            self._connection.execute(
                "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, id_, body),
            )
            self._documents.setdefault(kind, {})[id_] = document
            self.history.add(kind, id_, body)
        self.changes.notify()
        return document

    def get(self, kind: str, id_: str | None) -> Document | None:
        """Return the document, or None."""
        return self._documents.get(kind, {}).get(id_ or "")

    def all(self, kind: str, matches: Callable[[Document], bool] = lambda _: True) -> list[Document]:
        """Return the documents of a kind that match, oldest first."""
        with self.lock:
            return [document for document in self._documents.get(kind, {}).values() if matches(document)]

    def delete(self, kind: str, id_: str) -> None:
        """Delete a document; nothing happens if there is none."""
        with self.lock:
            self._connection.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, id_))
            self._documents.get(kind, {}).pop(id_, None)
            self.history.add(kind, id_, None)
        self.changes.notify()

    def clear(self) -> None:
        """Delete all documents."""
        with self.lock:
            self._documents.clear()
            self.history = History()
            self._connection.execute("DELETE FROM document")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Serialise one writer; either all of its writes are stored, or none.

        Raises:
            sqlite3.Error: they did not reach the file, as on a full disk. The documents are again those of the file.
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
            # SQLite itself rolls back if a write finds the disk full (sqlite.org/lang_transaction.html).
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError("the writes did not reach the file")
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._reload()
            raise

    def undo(self) -> None:
        """Undo the running transaction, including changes to documents that it has not stored yet.

        Deployments are kept: threads of their own go on changing them.
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
    """A store for queries, whose environments, volumes and domains are as they were some seconds ago.

    Mutations never read from it: on Railway they see the present, while queries lag behind (fact: read-lag).
    """

    def __init__(self, present: Store, seconds: float) -> None:
        self._present = present
        self._moment = time.monotonic() - seconds
        self.lock = present.lock

    def get(self, kind: str, id_: str | None) -> Document | None:
        """Return the document as it was then, or None; an environment that did not exist yet has an empty config."""
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
        """Return the documents of a kind that existed then and match, oldest first."""
        if kind not in LAGGING:
            return self._present.all(kind, matches)
        with self.lock:
            found = [self.get(kind, id_) for id_ in self._present.history.ids(kind)]
        return [document for document in found if document is not None and matches(document)]
