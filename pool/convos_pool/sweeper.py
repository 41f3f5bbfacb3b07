"""Keys and inboxes that belong to no agent of this environment: lists them, and deletes only chosen ones.

Several stacks may share one account. Anything that this pool manager did not create may belong to another one, so it
is deleted only by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pool_contract.answers import Credential, CredentialList, Swept

from . import agents
from .credentials import as_credential_errors
from .errors import BadRequestError

if TYPE_CHECKING:
    from .credential_record import CredentialRecord, Recorded
    from .credentials import Providers
    from .database import Database
    from .pool import Pool

SETTLED_SECONDS = 900.0
"""A newer record, in seconds, may belong to an agent that is being created and that Railway does not list yet."""
KEY, INBOX = "openrouter", "agentmail"


@dataclass(frozen=True)
class _Entry:
    """A key or an inbox in an account, with an agent's name."""

    kind: str
    id: str
    name: str


class Sweeper:
    """Compares the contents of the accounts with the existing agents.

    Args:
        pool: reads the agents.
        database: the claims.
        record: the record of what this pool manager created.
        found: the accounts.
        log: called with each line of the log.
    """

    def __init__(
        self, pool: Pool, database: Database, record: CredentialRecord, found: Providers, log: Callable[[str], None]
    ) -> None:
        self._pool = pool
        self._database = database
        self._record = record
        self._providers = found
        self._log = log

    def listed(self) -> CredentialList:
        """Return the keys and inboxes that have no agent in this environment, and how many have one.

        Raises:
            PoolError: an account, Railway or the database does not answer; then nothing counts as unowned.
        """
        # The accounts are read first, so that an agent that is created meanwhile is in the later read.
        entries = self._entries()
        snapshot, recorded = self._pool.refresh(), self._record.all()
        shared = self._ids_of_claims(snapshot.agents)
        unowned = [
            Credential(
                id=f"{one.kind}:{one.id}",
                kind="openrouter-key" if one.kind == KEY else "agentmail-inbox",
                name=one.name,
                agentId=agents.agent_id(one.name) or "",
                recorded=agents.agent_id(one.name) in recorded,
            )
            for one in entries
            if not _has_agent(one, snapshot.agents, recorded) and one.id not in shared
        ]
        return CredentialList(owned=len(entries) - len(unowned), unowned=unowned)

    def sweep(self, *, recorded: bool, ids: Collection[str]) -> Swept:
        """Delete unowned keys and inboxes.

        Args:
            recorded: whether to delete everything that this pool manager created.
            ids: further ones to delete.

        Raises:
            BadRequestError: an id does not belong to an unowned key or inbox; then nothing is deleted.
        """
        unowned = self.listed().unowned
        strangers = sorted(set(ids) - {one.id for one in unowned})
        if strangers:
            raise BadRequestError(f"ids: {strangers[0][:80]!r} is not an unowned key or inbox of this account")
        chosen = [one for one in unowned if one.id in ids or (recorded and one.recorded)]
        for one in chosen:
            self._delete(one)
        left = [one for one in unowned if one not in chosen]
        still = {one.agentId for one in left}
        for agent_id in {one.agentId for one in chosen if one.recorded} - still:
            self._record.forget(agent_id)
        return Swept(deleted=[one.id for one in chosen], left=left)

    @as_credential_errors()
    def _delete(self, one: Credential) -> None:
        kind, _, id_ = one.id.partition(":")
        if kind == KEY and self._providers.openrouter is not None:
            self._providers.openrouter.delete(id_)
        if kind == INBOX and self._providers.agentmail is not None:
            self._providers.agentmail.delete(id_)
        self._log(f"{one.agentId}: its {one.kind} was deleted, because the agent no longer exists")

    @as_credential_errors()
    def _entries(self) -> list[_Entry]:
        found: list[_Entry] = []
        if self._providers.openrouter is not None:
            found += [_Entry(KEY, one.hash, one.name) for one in self._providers.openrouter.listed()]
        if self._providers.agentmail is not None:
            found += [_Entry(INBOX, one.inbox_id, one.client_id or "") for one in self._providers.agentmail.listed()]
        return [one for one in found if agents.agent_id(one.name) is not None]

    def _ids_of_claims(self, living: Collection[str]) -> set[str]:
        """Return the keys and inboxes in the rows of living agents, whatever their names."""
        return {id_ for one in living for id_ in self._database.credentials_of(one, "")[1:] if id_}


def _has_agent(one: _Entry, living: Collection[str], recorded: dict[str, Recorded]) -> bool:
    agent_id = agents.agent_id(one.name)
    known = recorded.get(agent_id or "")
    return agent_id in living or (known is not None and known.seconds < SETTLED_SECONDS)
