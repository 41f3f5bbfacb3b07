"""`agent_credential`: the key and the inbox of each agent, recorded before they are created.

If the table does not exist yet, nothing is recorded: keys and inboxes are then found only by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import MissingTableError

if TYPE_CHECKING:
    from .database import Database

_COLUMNS = (
    "agent_id, railway_service_id, openrouter_key_hash, agentmail_inbox_id, found_by_name, removing, forgets_claim,"
    " extract(epoch FROM now() - created_at)::float8"
)


@dataclass(frozen=True)
class Recorded:
    """The recorded key and inbox of one agent.

    Attributes:
        agent_id, service_id: their agent.
        key_hash, inbox_id: empty if they were not created, or if the process ended before it recorded them.
        by_name: whether missing values may be looked up by the agent's name. False if the agent may belong to another
            environment: a fork has copies of its source's services, with the same names.
        removing: whether the agent is being deleted; the next tick completes a deletion.
        forgets_claim: whether its row of `agent_metadata` is deleted, too.
        seconds: the row's age, in seconds.
    """

    agent_id: str
    service_id: str
    key_hash: str = ""
    inbox_id: str = ""
    by_name: bool = True
    removing: bool = False
    forgets_claim: bool = False
    seconds: float = 0.0

    @property
    def is_service_only(self) -> bool:
        """Whether at most the agent's service is left: neither a key nor an inbox has to be deleted."""
        has_more = self.key_hash or self.inbox_id or self.by_name or self.forgets_claim
        return self.removing and bool(self.service_id) and not has_more


class CredentialRecord:
    """The rows of one environment.

    Args:
        database: the database.
        environment_id: rows of other environments, as in a copied database, are ignored.
    """

    def __init__(self, database: Database, environment_id: str) -> None:
        self._database = database
        self._environment_id = environment_id

    def all(self) -> dict[str, Recorded]:
        """Return every row, by the agent's id."""
        try:
            with self._database.connect() as connection:
                rows = connection.execute(
                    f"SELECT {_COLUMNS} FROM agent_credential WHERE railway_environment_id = %s",  # noqa: S608
                    (self._environment_id,),
                ).fetchall()
        except MissingTableError:
            return {}
        return {row[0]: _recorded(row) for row in rows}

    def is_kept(self) -> bool:
        """Tell whether the table exists: then whatever it lacks was not created by this pool manager."""
        try:
            with self._database.connect() as connection:
                connection.execute("SELECT 1 FROM agent_credential LIMIT 1")
        except MissingTableError:
            return False
        return True

    def of(self, agent_id: str) -> Recorded | None:
        """Return the row of one agent."""
        return self.all_of([agent_id]).get(agent_id)

    def all_of(self, agent_ids: list[str]) -> dict[str, Recorded]:
        """Return the rows of some agents."""
        try:
            with self._database.connect() as connection:
                rows = connection.execute(
                    f"SELECT {_COLUMNS} FROM agent_credential"  # noqa: S608
                    " WHERE railway_environment_id = %s AND agent_id = ANY(%s)",
                    (self._environment_id, agent_ids),
                ).fetchall()
        except MissingTableError:
            return {}
        return {row[0]: _recorded(row) for row in rows}

    def begin(self, agent_id: str, service_id: str) -> None:
        """Record that a key and an inbox are about to be created."""
        self._write(
            "INSERT INTO agent_credential (agent_id, railway_environment_id, railway_service_id)"
            " VALUES (%s, %s, %s) ON CONFLICT (agent_id) DO NOTHING",
            (agent_id, self._environment_id, service_id),
        )

    def note_key(self, agent_id: str, key_hash: str) -> None:
        """Record an agent's key."""
        self._write("UPDATE agent_credential SET openrouter_key_hash = %s WHERE agent_id = %s", (key_hash, agent_id))

    def note_inbox(self, agent_id: str, inbox_id: str) -> None:
        """Record an agent's inbox."""
        self._write("UPDATE agent_credential SET agentmail_inbox_id = %s WHERE agent_id = %s", (inbox_id, agent_id))

    def begin_removal(self, wanted: Recorded) -> None:
        """Record that an agent is about to be deleted, with the known values of its key and its inbox."""
        self._write(
            "INSERT INTO agent_credential (agent_id, railway_environment_id, railway_service_id, openrouter_key_hash,"
            " agentmail_inbox_id, found_by_name, removing, forgets_claim)"
            " VALUES (%s, %s, %s, nullif(%s, ''), nullif(%s, ''), %s, true, %s) ON CONFLICT (agent_id) DO UPDATE SET"
            " removing = true, forgets_claim = agent_credential.forgets_claim OR excluded.forgets_claim,"
            " openrouter_key_hash = coalesce(agent_credential.openrouter_key_hash, excluded.openrouter_key_hash),"
            " agentmail_inbox_id = coalesce(agent_credential.agentmail_inbox_id, excluded.agentmail_inbox_id)",
            (
                wanted.agent_id,
                self._environment_id,
                wanted.service_id,
                wanted.key_hash,
                wanted.inbox_id,
                wanted.by_name,
                wanted.forgets_claim,
            ),
        )

    def keep_service(self, agent_id: str) -> None:
        """Record that an agent's key and inbox are gone, but that its service may still be in the project."""
        self._write(
            "UPDATE agent_credential SET openrouter_key_hash = NULL, agentmail_inbox_id = NULL,"
            " found_by_name = false, forgets_claim = false WHERE agent_id = %s",
            (agent_id,),
        )

    def forget(self, agent_id: str) -> None:
        """Remove the record of an agent whose key and inbox are gone."""
        self._write("DELETE FROM agent_credential WHERE agent_id = %s", (agent_id,))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self._database.connect() as connection:
                connection.execute(statement.encode(), values)
        except MissingTableError:
            return


def _recorded(row: tuple[object, ...]) -> Recorded:
    id_, service_id, key_hash, inbox_id, by_name, removing, forgets_claim, seconds = row
    return Recorded(
        str(id_),
        str(service_id),
        str(key_hash or ""),
        str(inbox_id or ""),
        bool(by_name),
        bool(removing),
        bool(forgets_claim),
        float(str(seconds)),
    )
