"""Each agent's OpenRouter key and AgentMail inbox: created with the agent, deleted with it, and never duplicated.

Each creation and deletion is recorded first. If a process ends in between, the next one finds the rest by the hash or
the id in the record, else by the agent's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_accounts.agentmail import AgentMail
from agent_accounts.openrouter import OpenRouter
from agent_accounts.provider_http import Provider, ProviderError
from pool_contract.agent_variables import AGENTMAIL_INBOX, OPENROUTER_KEY

from .agents import service_name
from .credential_record import Recorded
from .errors import CredentialError

if TYPE_CHECKING:
    from .credential_record import CredentialRecord
    from .settings import ProviderSettings, Settings


@dataclass(frozen=True)
class Providers:
    """The accounts in which keys and inboxes are created; None if the settings have no key for one."""

    openrouter: OpenRouter | None
    agentmail: AgentMail | None


def providers(settings: ProviderSettings) -> Providers:
    """Return the accounts for which these settings have keys."""
    openrouter = agentmail = None
    if settings.openrouter_key:
        provider = Provider("OpenRouter", settings.openrouter_url, settings.openrouter_key)
        openrouter = OpenRouter(provider, settings.openrouter_limit, settings.openrouter_limit_reset)
    if settings.agentmail_key:
        provider = Provider("AgentMail", settings.agentmail_url, settings.agentmail_key)
        agentmail = AgentMail(provider, settings.agentmail_domain)
    return Providers(openrouter, agentmail)


@contextmanager
def as_credential_errors() -> Iterator[None]:
    """Convert the errors of an account to errors of the pool manager, for a block or a function.

    Raises:
        CredentialError: instead of a ProviderError.
    """
    try:
        yield
    except ProviderError as error:
        raise CredentialError(str(error)) from None


class Credentials:
    """Creates and deletes agents' keys and inboxes.

    Args:
        settings: a value that is set here for all agents is used instead of a new one.
        found: the accounts.
        record: the record of what was created.
        log: called with each line of the log.

    Attributes:
        makes: the variables of which each agent gets its own value.
        record: the record of what was created.
    """

    def __init__(
        self, settings: Settings, found: Providers, record: CredentialRecord, log: Callable[[str], None]
    ) -> None:
        self._openrouter = found.openrouter
        self._agentmail = found.agentmail
        accounts = {OPENROUTER_KEY: found.openrouter, AGENTMAIL_INBOX: found.agentmail}
        shared = settings.agent_variables
        self.makes = frozenset(name for name, account in accounts.items() if account and not shared.get(name))
        self._shared_inbox = settings.agent_variables.get(AGENTMAIL_INBOX, "")
        self._log = log
        self._reported: set[str] = set()
        self.record = record

    @as_credential_errors()
    def make(self, agent_id: str, service_id: str, *, is_new: bool) -> dict[str, str]:
        """Create an agent's key and inbox, and return the variables with their values.

        Args:
            agent_id: the agent.
            service_id: its service.
            is_new: whether the id was just generated, so that nothing can exist yet.

        Raises:
            CredentialError: one of the two could not be created; the next attempt finds the other one.
        """
        if not self.makes:
            return {}
        name, made = service_name(agent_id), {}
        if not is_new:
            self._delete_keys_of(agent_id, name)
        self.record.begin(agent_id, service_id)
        if OPENROUTER_KEY in self.makes and self._openrouter is not None:
            key = self._openrouter.create(name)
            self.record.note_key(agent_id, key.hash)
            made[OPENROUTER_KEY] = key.key
        if AGENTMAIL_INBOX in self.makes and self._agentmail is not None:
            made[AGENTMAIL_INBOX] = self._agentmail.create(name)
            self.record.note_inbox(agent_id, made[AGENTMAIL_INBOX])
        return made

    def _delete_keys_of(self, agent_id: str, name: str) -> None:
        """Delete the key of an earlier attempt, whose value is lost: only the process that created it knew it."""
        if OPENROUTER_KEY not in self.makes or self._openrouter is None:
            return
        known = self.record.of(agent_id)
        if known is None and self.record.is_kept():
            # In a fork, a service with that name may be a copy of an agent whose key belongs to the source.
            return
        for key_hash in dict.fromkeys([*([known.key_hash] if known and known.key_hash else []), *self._named(name)]):
            self._openrouter.delete(key_hash)

    def _named(self, name: str) -> list[str]:
        return self._openrouter.named(name) if self._openrouter is not None else []

    def begin_removal(self, wanted: Recorded) -> Recorded:
        """Record that an agent is about to be deleted, and return everything known about it."""
        known = self.record.of(wanted.agent_id)
        merged = Recorded(
            wanted.agent_id,
            (known.service_id if known else "") or wanted.service_id,
            (known.key_hash if known else "") or wanted.key_hash,
            (known.inbox_id if known else "") or wanted.inbox_id,
            known.by_name if known else wanted.by_name,
            removing=True,
            forgets_claim=wanted.forgets_claim or bool(known and known.forgets_claim),
        )
        if known or self._openrouter or self._agentmail or merged.forgets_claim or merged.service_id:
            self.record.begin_removal(merged)
        return merged

    @as_credential_errors()
    def remove(self, known: Recorded) -> bool:
        """Delete an agent's key and inbox, which may be gone already. Return False if one of them must stay.

        Raises:
            CredentialError: something may still exist; the deletion stays on record.
        """
        name, stays = service_name(known.agent_id), []
        if self._openrouter is not None:
            for key_hash in [known.key_hash] if known.key_hash else self._named(name) if known.by_name else []:
                self._openrouter.delete(key_hash)
        elif known.key_hash:
            stays.append("OpenRouter key, because OPENROUTER_MANAGEMENT_KEY is not set")
        if self._agentmail is not None:
            found = [known.inbox_id] if known.inbox_id else self._agentmail.named(name) if known.by_name else []
            for inbox_id in found:
                if inbox_id != self._shared_inbox:
                    self._agentmail.delete(inbox_id)
        elif known.inbox_id:
            stays.append("inbox, because AGENTMAIL_API_KEY is not set")
        if stays and known.agent_id not in self._reported:
            self._reported.add(known.agent_id)
            self._log(f"{known.agent_id}: not deleted: its {' and its '.join(stays)}")
        return not stays

    def of(self, agent_id: str) -> tuple[str, str]:
        """Return the hash of an agent's key and the id of its inbox, for its claim's row; empty if unknown."""
        known = self.record.of(agent_id) if self.makes else None
        return (known.key_hash, known.inbox_id) if known else ("", "")
