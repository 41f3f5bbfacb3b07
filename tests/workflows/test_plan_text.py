"""The plan of an update as text: every width, colours or none, hostile text, no changes and very many."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from ops.ci.comment import cut, hidden, revealed
from ops.plan.plan_rows import headline, plan_rows
from ops.plan.plan_text import NARROWEST, plan_markdown, plan_text
from ops.plan.update_plan import (
    AgentsPlan,
    Commit,
    CommitsPlan,
    Fate,
    ImagePlan,
    KeyPlan,
    MigrationFilePlan,
    Pair,
    ServicePlan,
    StatementPlan,
    ThingPlan,
    UpdatePlan,
)
from ops.plan.update_time import UpdateTime, of_history
from ops.status.terminal import has_colours
from tests.workflows.test_text_from_outside import HOSTILE, STEERING

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
CANARY, POOL = "convos-runtime-canary", "convos-agent-pool-manager"
PLAN = UpdatePlan(
    stack="scaling",
    services=(
        ServicePlan(CANARY, Fate.CHANGED, 1, 1, fields=("image",), variables=("BANKR_API_KEY",)),
        ServicePlan(POOL, Fate.CHANGED, 1, 2, variables=("BANKR_API_KEY",), others=("THEIRS",), after=(CANARY,)),
        ServicePlan("old", Fate.DELETED),
    ),
    same_services=1,
    images=(
        ImagePlan(
            "runtime",
            "ghcr.io/xmtplabs/convos-runtime",
            Pair("scaling", "sha-1a2b3c4"),
            Pair("sha256:" + "7" * 64, "sha256:" + "8" * 64),
            Pair("9f8e7d6" + "0" * 33, "1a2b3c4" + "0" * 33),
            created="2026-11-25T11:00:00Z",
            commits=CommitsPlan(0, 3, (), (Commit("9f8e7d6", "Reconnect after a restart"),)),
        ),
    ),
    keys=(
        KeyPlan("BANKR_API_KEY", Fate.NEW, (CANARY, POOL)),
        KeyPlan("CACHE_URL", Fate.CHANGED, (POOL,), ("cache.REDIS_URL",)),
        KeyPlan("GONE", Fate.DELETED, (POOL,)),
    ),
    migrations=(
        MigrationFilePlan("0001_agent.sql", is_marked=True),
        MigrationFilePlan(
            "0005_index.sql",
            (
                StatementPlan("CREATE INDEX", "agent", "SHARE", "while it reads the table", 12_000_000),
                StatementPlan("DROP COLUMN", "agent", "ACCESS EXCLUSIVE", "a moment"),
                StatementPlan("UPDATE", "agent", "ROW EXCLUSIVE", "for its rows", 5),
            ),
        ),
    ),
    agents=AgentsPlan("redeploy-idle", "policy redeploy-idle: 14 agents move", (1, 10, 3)),
    things=(
        ThingPlan("volume", "old, with its data", Fate.DELETED),
        ThingPlan("domain", CANARY, Fate.ADOPTED),
        ThingPlan("environment", "production", Fate.KEPT),
    ),
    mutations=5,
    unknown=("the digest of the pool image: the update builds it",),
    time=UpdateTime(3, 41, 20, 190),
)
SHOWN = """\
scaling: 2 deployments (up to 3 if others change what runs before the update), 5 calls that change Railway, about 41 s
! services  convos-runtime-canary: 1 deployment: image, BANKR_API_KEY
!           convos-agent-pool-manager: 1 deployment: BANKR_API_KEY; up to 2 if others change what runs before the \
update; also deploys what others stored: THEIRS; after convos-runtime-canary
-           old: deleted
            1 other service stays as it is
- deleted   volume old, with its data
  image     runtime: scaling → sha-1a2b3c4, sha256:77777777 → sha256:88888888, built 2 days ago
            revision 9f8e7d6 → 1a2b3c4: loses 3 commits
-           9f8e7d6 Reconnect after a restart
-           … and 2 more
+ keys      new: BANKR_API_KEY of convos-runtime-canary, convos-agent-pool-manager
            changed: CACHE_URL (refers to cache.REDIS_URL) of convos-agent-pool-manager
-           removed: GONE of convos-agent-pool-manager
  schema    0001_agent.sql: only recorded as applied
+           0005_index.sql: 3 statements
            CREATE INDEX agent: locks it (SHARE) while it reads the table, about 12,000,000 rows, 12 s or less
-           DROP COLUMN agent: locks it (ACCESS EXCLUSIVE) for a moment
            UPDATE agent: locks the rows that it writes, about 5 rows
  agents    policy redeploy-idle: 14 agents move
!           batch 1: 1 agent
!           batch 2: 10 agents
!           batch 3: 3 agents
+ adopted   domain convos-runtime-canary
  kept      environment production (this stack did not make it)
  time      the last 3 updates of this stack took 20 s to 3 min
  not known the digest of the pool image: the update builds it
"""
EMPTY = UpdatePlan("dev", same_services=4)


def shown(plan: UpdatePlan, **how: object) -> str:
    return plan_text(f"{plan.stack}: {headline(plan)}", plan_rows(plan, NOW), **how)  # type: ignore[arg-type]


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_everything_that_a_reviewer_asks_for_is_there_and_what_is_redeployed_comes_first() -> None:
    assert shown(PLAN) == SHOWN


def test_an_empty_plan_is_one_line() -> None:
    assert shown(EMPTY) == "dev: nothing to change, 4 services stay as they are\n"
    assert plan_markdown("Preview: nothing to change", plan_rows(EMPTY, NOW), longest=100) == (
        "### Preview: nothing to change"
    )
    assert not EMPTY.document()["services"]


@pytest.mark.parametrize("width", [1, 40, 41, 60, 79, 120])
@pytest.mark.parametrize("colours", [True, False])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(width: int, colours: bool) -> None:
    wide = replace(PLAN, services=(*PLAN.services, ServicePlan("服务" * 20, Fate.NEW, 1, 1, fields=("image",))))
    text = shown(wide, width=width, colours=colours)
    assert max(cell_len(plain(line)) for line in text.splitlines()) <= max(width, NARROWEST)
    squeezed = re.sub(r"\s", "", plain(text))
    for word in ("BANKR_API_KEY", "0005_index.sql", "服务" * 20, "sha256:88888888", "Reconnectafterarestart"):
        assert word in squeezed
    assert ("\x1b" in text) is colours


@pytest.mark.parametrize(
    ("environ", "is_terminal", "wanted"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"CI": "true"}, False, False),
        ({"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_there_are_colours_in_a_terminal_alone(environ: dict[str, str], is_terminal: bool, wanted: bool) -> None:
    text = shown(PLAN, colours=has_colours(environ, is_terminal=is_terminal))
    assert ("\x1b[" in text) is wanted
    assert plain(text).splitlines()[0].startswith("scaling: 2 deployments")


def test_an_image_that_is_still_to_be_built_has_neither_digest_nor_age() -> None:
    image = replace(
        PLAN.images[0], is_known=False, digest=Pair("sha256:" + "7" * 64), revision=Pair("1" * 40, "1" * 40)
    )
    assert shown(UpdatePlan("dev", images=(image,), mutations=1)).splitlines()[1:] == [
        "  image runtime: scaling → sha-1a2b3c4, built by this update"
    ]


def test_what_is_lost_is_red_and_what_is_deployed_is_not() -> None:
    lines = shown(PLAN, colours=True).splitlines()
    assert all("\x1b[1;31m" in line for line in lines if "with its data" in line or "old: deleted" in line)
    assert not any("\x1b[1;31m" in line for line in lines if "convos-runtime-canary: 1 deployment" in line)


def hostile(text: str) -> UpdatePlan:
    commits = CommitsPlan(1, 1, (Commit("1" * 40, text),), (Commit("2" * 40, text),))
    image = replace(PLAN.images[0], tag=Pair(text, f"{text}2"), commits=commits, name=text, created=text)
    return UpdatePlan(
        stack="dev",
        services=(ServicePlan(text, Fate.NEW, 1, 1, (text,), (text,), (text,), (text,), (text,)),),
        images=(image,),
        keys=(KeyPlan(text, Fate.NEW, (text,), (text,)),),
        migrations=(MigrationFilePlan(text, (StatementPlan(text, text, text, text, 1),)),),
        agents=AgentsPlan(text, text, (1,)),
        things=(ThingPlan(text, text, Fate.DELETED),),
        unknown=(text,),
    )


MARKUP = ["[red]x[/red]", "[/]", "[link=https://x.test]y[/link]", ":smile:", "::error::x", "##[error]x", "a\nb", "\t"]


@pytest.mark.parametrize("text", [*HOSTILE, *MARKUP])
@pytest.mark.parametrize("width", [60, 10_000])
def test_text_from_outside_is_shown_and_steers_nothing(text: str, width: int) -> None:
    count = shown(hostile("x"), width=10_000).count("\n")
    for colours in (True, False):
        found = plain(shown(hostile(text), width=width, colours=colours))
        assert not set(found) & (STEERING | {"\t"})
        assert not re.search(r"^\s*::|##\[", found, re.MULTILINE) or colours
        if width > 60:
            assert found.count("\n") == count
        found.encode()
    if text in MARKUP[:4]:
        assert text in found


@pytest.mark.parametrize("text", ["```\n# owned", "``````", "<!-- data:eJwDAAAAAAE= -->", f"x{hidden(b'[]')}"])
def test_nothing_in_a_comment_ends_its_block_or_is_its_data(text: str) -> None:
    head = plan_markdown("Preview", plan_rows(hostile(text), NOW), longest=30_000)
    assert head.count("```") == 2
    assert head.startswith("### Preview\n\n```diff\n")
    assert head.endswith("\n```")
    comment = cut(head, text, "")
    assert revealed(comment) is None
    assert revealed(cut(head, text, hidden(b"ours"))) == b"ours"


def test_a_long_plan_is_cut_at_a_line() -> None:
    head = plan_markdown("Preview", plan_rows(PLAN, NOW), longest=200)
    assert len(head) < 300
    assert head.endswith("\n… cut here; the whole is in the log of the job\n```")


def test_sixty_services_with_one_reason_are_one_row_with_every_name() -> None:
    names = [f"service-{number:02}" for number in range(60)]
    alike = tuple(ServicePlan(name, Fate.CHANGED, 1, 1, variables=("LOG_LEVEL",)) for name in names)
    other = ServicePlan("other", Fate.CHANGED, 1, 1, fields=("image",))
    plan = UpdatePlan("dev", services=(*alike, other), mutations=61)
    lines = shown(plan).splitlines()
    assert lines == [
        "dev: 61 deployments, 61 calls that change Railway",
        f"! services 60 services, each 1 deployment: LOG_LEVEL: {', '.join(names)}",
        "!          other: 1 deployment: image",
    ]
    narrow = shown(plan, width=60).splitlines()
    assert len(narrow) < 30
    assert all(name in " ".join(narrow) for name in names)
    assert [row["name"] for row in plan.document()["services"]] == [*names, "other"]


def test_for_scripts_names_are_written_as_elsewhere_and_numbers_are_numbers() -> None:
    document = PLAN.document()
    assert (document["deployments"], document["deploymentsAtMost"], document["mutations"]) == (2, 3, 5)
    assert document["images"][0]["digest"] == {"before": "sha256:" + "7" * 64, "after": "sha256:" + "8" * 64}
    assert document["images"][0]["commits"]["lostTitles"][0]["title"] == "Reconnect after a restart"
    assert document["migrations"][0] == {"file": "0001_agent.sql", "statements": [], "marked": True}
    assert document["time"]["longest"] == 190


def row(seconds: int, **more: object) -> dict[str, object]:
    times = {"startTime": "2026-11-27T10:00:00.000Z", "endTime": f"2026-11-27T10:{seconds // 60:02}:{seconds % 60:02}Z"}
    return {"kind": "update", "result": "succeeded", "resourceChanges": {"update": 1}, **times, **more}


def test_the_time_is_of_updates_that_ended_and_changed_something() -> None:
    others = [row(900, kind="refresh"), row(900, result="failed"), row(900, resourceChanges={"same": 3})]
    others += [row(900, resourceChanges={"create": 41, "same": 1})]
    broken = [
        row(900, endTime="soon"),
        {"kind": "update", "result": "succeeded", "resourceChanges": {"create": 1, "same": 1}},
    ]
    assert of_history([*others, row(30), *broken, row(50), row(40)]) == UpdateTime(3, 40, 30, 50)
    assert of_history([row(10)] * 9) == UpdateTime(5, 10, 10, 10)
    assert of_history(others) is None


def test_a_roll_back_under_hold_says_which_agents_are_handed_out_next_and_the_command() -> None:
    def rows(summary: str, batches: tuple[int, ...] = (), plan: UpdatePlan = PLAN) -> list[str]:
        agents = AgentsPlan("hold", summary, batches)
        return [
            row.text
            for row in plan_rows(replace(plan, agents=agents), NOW)
            if "handed" in row.text or "MOVE" in row.text
        ]

    stay = "policy hold: 6 agents stay on sha256:a9c7160e (4 claimed, 2 idle)"
    (said,) = rows(stay)
    assert said.endswith("make agents STACK=scaling MOVE=idle")
    assert rows("policy hold: 4 agents stay on sha256:a9c7160e (4 claimed)") == []
    assert rows(stay, (1, 3)) == []
    assert rows(stay, plan=replace(PLAN, images=())) == []
