"""Names that people give their agents: whatever they are, the agent is claimed, found by its id, and deleted whole."""

from __future__ import annotations

from convos_pool.agents import NAME_LENGTH, agent_id

from tests.pool.surroundings import Surroundings, counts, until_idle

NAMES = [
    "🤖" * 50,
    "\u202eadA evil",
    "Ada\nid: 1\r\n",
    "  Ada  ",
    "ﷺ" * 200,
    "'); DROP TABLE agent_metadata; --",
    "convos-agent-abcdefghijkm",
    "-",
    "Ärger & Söhne",
    "\x1b[2J\x07",
    "a" * 200,
    "${{shared.SECRET}}",
]


def test_an_agent_of_any_name_is_claimed_renamed_found_and_deleted_whole(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="4")) as pool:
        for start in range(0, len(NAMES), 4):
            until_idle(pool, 4)
            claimed = {}
            for name in NAMES[start : start + 4]:
                answer = pool.json("POST", "/api/pool/claim", {"agentName": name, "instructions": "Be brief."})
                claimed[answer["instanceId"]] = name
            services = {agent_id(row["serviceName"]): row["serviceName"] for row in around.services()}
            rows = dict(around.sql("SELECT id, agent_name FROM agent_metadata"))
            listed = {one["id"]: one for one in pool.json("GET", "/api/pool/status")["instances"]}
            for id_, name in claimed.items():
                assert len(services[id_]) <= NAME_LENGTH
                assert services[id_].isascii()
                assert (rows[id_], listed[id_]["status"]) == (name.strip(), "claimed")
                assert listed[id_]["agentName"] == name.strip()
                pool.json("DELETE", f"/api/pool/instances/{id_}")
                pool.json("DELETE", f"/api/pool/instances/{id_}")
            assert counts(pool)["claimed"] == 0
            assert around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]
        until_idle(pool, 4)
        assert len(around.standins.openrouter.keys) == len(around.standins.agentmail.inboxes) == 4
        assert around.orphans() == []
        assert all(line.isprintable() for line in pool.printed().splitlines())
