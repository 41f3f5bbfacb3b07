"""Each agent's OpenRouter key and AgentMail inbox: real process, real database, the emulator and the stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from emulator.standins.server import OPENROUTER
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import ROOT, Pool
from tests.pool.surroundings import Surroundings, agents, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
STRANGER = "convos-agent-zzzzzzzzzzzz"


def keys(around: Surroundings) -> list[str]:
    return sorted(row["name"] for row in around.standins.openrouter.keys.values())


def inboxes(around: Surroundings) -> list[str]:
    return sorted(row["client_id"] for row in around.standins.agentmail.inboxes.values())


def names(pool: Pool) -> list[str]:
    return sorted(f"convos-agent-{agent['id']}" for agent in agents(pool))


def test_each_agent_has_a_key_and_an_inbox_of_its_own(around: Surroundings) -> None:
    more = around.with_providers(OPENROUTER_KEY_LIMIT="7", OPENROUTER_KEY_LIMIT_RESET="weekly", POOL_MIN_IDLE="2")
    with around.pool(**more) as pool:
        until_idle(pool, 2)
        assert keys(around) == inboxes(around) == names(pool)
        row = next(iter(around.standins.openrouter.keys.values()))
        assert (row["limit"], row["limit_reset"]) == (7, "weekly")
        for agent in agents(pool):
            variables = around.variables_of(agent["id"])
            (key_hash,) = [
                one
                for one, secret in around.standins.openrouter.secrets.items()
                if secret == variables["OPENROUTER_API_KEY"]
            ]
            assert around.standins.openrouter.keys[key_hash]["name"] == f"convos-agent-{agent['id']}"
            assert variables["AGENTMAIL_INBOX_ID"] == f"convos-agent-{agent['id']}@agentmail.to"
            assert "OPENROUTER_MANAGEMENT_KEY" not in variables
            assert variables["AGENTMAIL_API_KEY"] == "am_secret"


def test_a_key_that_is_set_for_all_is_used_and_none_is_made(around: Surroundings) -> None:
    shared = {"OPENROUTER_API_KEY": "sk-shared", "AGENTMAIL_INBOX_ID": "shared@agentmail.to"}
    around.standins.agentmail.create({"username": "shared"})
    with around.pool(POOL_MIN_IDLE="1", **around.with_providers(**shared)) as pool:
        until_idle(pool, 1)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        variables = around.variables_of(id_)
        assert {name: variables[name] for name in shared} == shared
        assert keys(around) == []
        around.sql("UPDATE agent_metadata SET agentmail_inbox_id = 'shared@agentmail.to'")
        pool.json("DELETE", f"/api/pool/instances/{id_}")
        assert list(around.standins.agentmail.inboxes) == ["shared@agentmail.to"], "it is everybody's"


def test_a_claim_keeps_what_belongs_to_its_agent_and_a_kill_deletes_all_of_it(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 1)
        (row,) = around.sql("SELECT openrouter_key_hash, agentmail_inbox_id FROM agent_metadata")
        assert row[0] in around.standins.openrouter.keys
        assert row[1] == f"convos-agent-{id_}@agentmail.to"
        for _ in range(2):
            assert pool.json("DELETE", f"/api/pool/instances/{id_}") == {"ok": True}
        assert row[0] in around.standins.openrouter.deleted
        assert row[1] in around.standins.agentmail.deleted
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]
        assert around.orphans() == []
        until_idle(pool, 1)
        assert keys(around) == inboxes(around) == names(pool)
        # The record of the killed agent goes once a later round has looked for its service.
        until(lambda: around.sql("SELECT count(*) FROM agent_credential") == [(1,)], 20)


@pytest.mark.parametrize("failure", [500, 429, 401, 404, 0], ids=["500", "429", "401", "404", "lost answer"])
@pytest.mark.parametrize("at", [0, 1], ids=["key", "inbox"])
def test_a_call_that_fails_while_an_agent_is_made_leaves_one_key_and_one_inbox(
    around: Surroundings, failure: int, at: int
) -> None:
    # None before it: the calls come in order.
    around.standins.failures += [-1] * at + [failure]
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        assert keys(around) == inboxes(around) == names(pool)
        used = around.variables_of(agents(pool)[0]["id"])["OPENROUTER_API_KEY"]
        assert used in {around.standins.openrouter.secrets[one] for one in around.standins.openrouter.keys}


def test_a_service_that_is_down_while_an_agent_is_drained_gets_its_deletion_later(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        (agent,) = agents(pool)
        around.standins.failures += [503, 503]
        assert pool.json("POST", "/api/pool/drain", {})["drained"] == 1
        until(lambda: f"convos-agent-{agent['id']}" not in keys(around) + inboxes(around), 20, pool.printed)
        assert "its key or its inbox could not be deleted yet: OpenRouter: DELETE keys: HTTP 503" in pool.printed()
        until_idle(pool, 1)
        assert keys(around) == inboxes(around) == names(pool)


def test_without_its_table_a_pool_works_and_finds_keys_by_their_names(around: Surroundings) -> None:
    around.keep_schema("9999")
    around.sql("DROP TABLE agent_credential, agent_claim_unknown")
    around.standins.failures += [-1, 500]
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        assert keys(around) == inboxes(around) == names(pool), "the key of the first try was found and replaced"
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"]


def test_an_id_that_this_pool_never_had_costs_nobody_a_key(around: Surroundings) -> None:
    around.standins.openrouter.create({"name": STRANGER})
    around.standins.agentmail.create({"username": STRANGER, "client_id": STRANGER})
    with around.pool(**around.with_providers(POOL_MIN_IDLE="0")) as pool:
        for act in ("instances", "crashed"):
            for id_ in ("zzzzzzzzzzzz", "convos-agent-pool-manager", "ZZZZZZZZZZZZ"):
                assert pool.json("DELETE", f"/api/pool/{act}/{id_}") == {"ok": True}
            for id_ in ("%25", "a%0ab"):
                assert pool.call("DELETE", f"/api/pool/{act}/{id_}").status_code == 400, "no agent's id"
        assert keys(around) == inboxes(around) == [STRANGER]


def leftovers(around: Surroundings, pool: Pool) -> str:
    """Leave a key and an inbox of an agent that was deleted by hand, and those of another pool; return its id."""
    (agent,) = agents(pool)
    gone = "mutation gone($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }"
    around.world.run(gone, id=agent["serviceId"], e=around.environment_id)
    around.sql("UPDATE agent_credential SET created_at = now() - interval '1 hour'")
    until(lambda: names(pool) != [f"convos-agent-{agent['id']}"], 20)
    around.standins.openrouter.create({"name": STRANGER})
    around.standins.openrouter.create({"name": "my own key"})
    until_idle(pool, 1)
    return str(agent["id"])


def test_the_sweeper_lists_what_nobody_owns_and_deletes_only_what_it_is_told(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        gone = leftovers(around, pool)
        found = pool.json("GET", "/api/pool/credentials")
        assert found["owned"] == 2
        assert sorted((one["kind"], one["agentId"], one["recorded"]) for one in found["unowned"]) == [
            ("agentmail-inbox", gone, True),
            ("openrouter-key", gone, True),
            ("openrouter-key", "zzzzzzzzzzzz", False),
        ]
        assert pool.json("POST", "/api/pool/credentials/sweep", {})["deleted"] == []
        assert len(around.standins.openrouter.keys) == 4
        living = next(h for h, row in around.standins.openrouter.keys.items() if [row["name"]] == names(pool))
        refused = pool.call("POST", "/api/pool/credentials/sweep", {"ids": [f"openrouter:{living}"]})
        assert refused.status_code == 400
        done = pool.json("POST", "/api/pool/credentials/sweep", {"recorded": True})
        assert len(done["deleted"]) == 2
        assert [one["agentId"] for one in done["left"]] == ["zzzzzzzzzzzz"]
        assert keys(around) == sorted([STRANGER, "my own key", *names(pool)])
        (other,) = [one["id"] for one in done["left"]]
        pool.json("POST", "/api/pool/credentials/sweep", {"ids": [other]})
        assert keys(around) == sorted(["my own key", *names(pool)])


def test_while_the_agents_cannot_be_seen_nothing_counts_as_unowned(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        around.emulator.fault("not_authorized", times=50)
        answer = pool.call("POST", "/api/pool/credentials/sweep", {"recorded": True})
        assert answer.status_code in {500, 503}
        assert len(around.standins.openrouter.keys) == 1


def test_the_sweeper_is_a_command_as_well(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        gone = leftovers(around, pool)
        listed = _command(pool)
        assert f"{gone}  created by this pool" in listed
        assert "2 keys and inboxes have an agent, 3 have none" in listed
        assert "2 deleted, 1 left" in _command(pool, "--recorded")
        assert keys(around) == sorted([STRANGER, "my own key", *names(pool)])


def _command(pool: Pool, *arguments: str) -> str:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": "pool", **pool.environ}
    argv = [sys.executable, "-m", "convos_pool.sweep", *arguments]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_key_is_in_the_log_on_the_page_or_in_an_answer(around: Surroundings) -> None:
    around.standins.failures += [500]
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        shown = pool.printed() + "".join(
            pool.call("GET", path).text for path in ("/", "/api/pool/status", "/api/pool/credentials", "/openapi.json")
        )
        secret = [*around.standins.openrouter.secrets.values(), around.standins.openrouter.management_key, "am_secret"]
        assert not [one for one in secret if one in shown]


def test_many_keys_are_read_page_by_page(around: Surroundings) -> None:
    for number in range(230):
        around.standins.openrouter.create({"name": f"convos-agent-{number:012}"})
        around.standins.agentmail.create({"username": f"u{number}", "client_id": f"convos-agent-{number:012}"})
    with around.pool(**around.with_providers(POOL_MIN_IDLE="0")) as pool:
        until(lambda: counts(pool).get("total") == 0, 20)
        found: dict[str, Any] = pool.json("GET", "/api/pool/credentials")
        assert (found["owned"], len(found["unowned"])) == (0, 460)
        assert sum(call == f"GET {OPENROUTER}/keys" for call in around.standins.calls) == 4


def test_a_copy_of_another_environments_agent_costs_that_one_neither_key_nor_inbox(around: Surroundings) -> None:
    name = "convos-agent-abcdefghijkm"
    around.standins.openrouter.create({"name": name})
    (theirs,) = around.standins.openrouter.keys
    given = {"projectId": around.world.project_id, "environmentId": around.environment_id, "name": name}
    create = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
    around.world.run(create, input=given)
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        until_idle(pool, 1)
        assert names(pool) == [name], "the copy was finished, and has a key of its own"
        assert keys(around) == [name, name]
        pool.json("DELETE", "/api/pool/instances/abcdefghijkm")
        assert theirs in around.standins.openrouter.keys
