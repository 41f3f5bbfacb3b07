"""What must hold in each hour of a week, and what must be there, and nothing else, once the pool has come to rest."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import requests

from tests.emulator.fix_emulator import until
from tests.pool.surroundings import agents, counts

if TYPE_CHECKING:
    from tests.pool.pool_process import Pool
    from tests.pool.week import Week

MIN_IDLE, ROUND_SECONDS = 5, 0.5
OLD_KEY, NEW_KEY = "bankr-key-that-leaked", "bankr-key-of-today"
POOL_TOKEN = "token-of-the-pool"
SECRETS = ("token-of-railway", POOL_TOKEN, OLD_KEY, NEW_KEY, "or-management-key", "am_secret")
QUERIES_OF_A_ROUND = 3
MUTATIONS_OF_AN_AGENT = 6
"""Service, volume, domain and patch; and to delete it, volume and service."""
MUTATIONS_OF_AN_ACT = 3


def compare(week: Week) -> None:
    """Compare what is there with what people were told."""
    try:
        config = week.around.world.config(environment_id=week.around.environment_id)["services"]
    except (requests.RequestException, AssertionError, KeyError):
        # A planted fault has met this question.
        return
    if week.theirs not in config:
        week.violated("a colleague's service is gone")
    keys = {
        (service.get("variables") or {}).get("POOL_API_KEY", {}).get("value")
        for service in config.values()
        if service.get("source")
    }
    if {week.around.world.emulator.token, POOL_TOKEN} & keys:
        week.violated("an agent has Railway's token")
    for agent_id in week.used.keys() - week.asked_to_end:
        if not _is_there(week, agent_id, config):
            week.violated(f"{agent_id} is somebody's, and gone")


def _is_there(week: Week, agent_id: str, config: dict[str, Any]) -> bool:
    rows = week.around.sql("SELECT railway_service_id FROM agent_metadata WHERE id = %s", agent_id)
    return bool(rows) and rows[0][0] in config


def settle(week: Week, pool: Pool) -> None:
    """Let the pool come to rest, and compare everything."""
    week.emulator.admin("DELETE", "/faults")
    # Whose deletion failed on the way asks once more, of a Railway that works.
    for agent_id in sorted(week.asked_to_end & week.used.keys()):
        week.end(agent_id, pool)
    until(lambda: _is_at_rest(counts(pool)), 300, lambda: f"{counts(pool)}\n{pool.printed()[-3000:]}")
    # What a colleague deleted by hand has left its key and its inbox, and is old enough now to be swept.
    week.around.sql("UPDATE agent_credential SET created_at = now() - interval '1 hour'")
    swept = pool.json("POST", "/api/pool/credentials/sweep", {"recorded": True})
    week.done["keys and inboxes swept"] += len(swept["deleted"])
    until(lambda: not _unowned(week), 60, lambda: str(_unowned(week)))
    compare(week)
    services = {row["serviceId"]: row for row in week.around.services() if row["serviceId"] != week.theirs}
    _check_agents(week, {one["id"]: one for one in agents(pool)}, services)
    if orphans := set(week.around.orphans()) - week.left:
        week.violated(f"volumes of nobody: {sorted(orphans)}")
    _check_accounts(week, services)
    _check_budget(week)
    for secret in (*SECRETS, week.emulator.token):
        if secret in pool.printed():
            week.violated(f"the log has a secret: {secret[:6]}…")


def _check_agents(week: Week, listed: dict[str, dict[str, Any]], services: dict[str, dict[str, Any]]) -> None:
    """Who was told of an agent has it or has ended it; whatever else is there is idle, or of a claim that failed.

    Args:
        week: which.
        listed: what the pool manager says of each agent.
        services: what is there, by id.
    """
    rows = dict(week.around.sql("SELECT id, railway_service_id FROM agent_metadata"))
    if still := week.asked_to_end & week.used.keys():
        week.violated(f"asked to end, and there still: {sorted(still)}")
    for agent_id in sorted(week.ended):
        if agent_id in listed or agent_id in rows or week.services[agent_id] in services:
            week.violated(f"{agent_id} has ended, and something of it is there still")
    for agent_id in sorted(week.used):
        if listed.get(agent_id, {}).get("state") not in {"claimed", "crashed"}:
            week.violated(f"{agent_id} is not listed as somebody's")
        if services.get(week.services[agent_id], {}).get("volumes") != 1:
            week.violated(f"{agent_id} has not its one volume")
    lost = set(week.told) - week.ended - set(week.used)
    if lost:
        week.violated(f"lost: {sorted(lost)}")
    surplus = rows.keys() - week.used.keys()
    if len(surplus) > week.unanswered:
        week.violated(f"claimed by nobody: {sorted(surplus)}, and {week.unanswered} claims got no agent")
    for agent_id, one in listed.items():
        if one["state"] == "idle" and week.has_old_key(agent_id):
            week.violated(f"{agent_id} waits with the key that leaked")
    for one in services.values():
        if one["serviceName"][-12:] not in listed and one["serviceId"] not in rows.values():
            week.violated(f"{one['serviceName']} is nobody's")


def _check_accounts(week: Week, services: dict[str, dict[str, Any]]) -> None:
    """Each agent that is there has the one key and the one inbox that were made for it."""
    accounts = week.around.standins
    config = week.around.world.config(environment_id=week.around.environment_id)["services"]
    living = {accounts.openrouter.secrets[one] for one in accounts.openrouter.keys}
    seen: Counter[str] = Counter()
    for id_, row in services.items():
        given = {name: entry.get("value") for name, entry in (config[id_].get("variables") or {}).items()}
        key, inbox = given.get("OPENROUTER_API_KEY"), given.get("AGENTMAIL_INBOX_ID")
        if key not in living or inbox not in accounts.agentmail.inboxes:
            week.violated(f"{row['serviceName']} has a key or an inbox that is not there")
        seen[str(key)] += 1
    if shared := [key for key, count in seen.items() if count > 1]:
        week.violated(f"{len(shared)} keys have two agents")
    if len(accounts.openrouter.keys) != len(services) or len(accounts.agentmail.inboxes) != len(services):
        number = f"{len(accounts.openrouter.keys)} keys, {len(accounts.agentmail.inboxes)} inboxes"
        week.violated(f"{len(services)} agents have {number}")


def _check_budget(week: Week) -> None:
    """No more calls than the rounds, and what was done, are worth."""
    acts, rounds = sum(week.done.values()), (time.monotonic() - week.began) / ROUND_SECONDS
    if week.calls["query"] > QUERIES_OF_A_ROUND * (rounds + acts):
        week.violated(f"{week.calls['query']} queries in {rounds:.0f} rounds, with {acts} acts")
    made = week.operations["serviceCreate"]
    if week.calls["mutation"] > MUTATIONS_OF_AN_AGENT * made + MUTATIONS_OF_AN_ACT * acts:
        week.violated(f"{week.calls['mutation']} mutations for {made} agents and {acts} acts")


def _unowned(week: Week) -> list[str]:
    """Return keys and inboxes of agents that are not there."""
    living = {row["serviceName"][-12:] for row in week.around.services()}
    claimed = {row[0] for row in week.around.sql("SELECT id FROM agent_metadata")}
    accounts = week.around.standins
    names = [row["name"] for row in accounts.openrouter.keys.values()]
    names += [str(row.get("client_id") or "") for row in accounts.agentmail.inboxes.values()]
    return [name for name in names if name[-12:] not in living | claimed]


def _is_at_rest(found: dict[str, int]) -> bool:
    still = ("starting", "unfinished", "dead", "unknown")
    return found.get("idle") == MIN_IDLE and not any(found[name] for name in still)
