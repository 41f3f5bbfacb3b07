"""Every form of a reference: how it is read, what it leads to, and what a person is told where it leads nowhere."""

from __future__ import annotations

import pytest

from convos_infra.railway.dead_end_text import next_step, problem
from convos_infra.railway.references import SOMETHING, DeadEndKind, Gap, Members, Reference, Unreadable, World, parse
from convos_infra.railway.resolution import dead_ends, resolved

WORLD = World(
    services={
        "web": Members({"OWN": "own", "EMPTY": "", "SEALED": SOMETHING, "CHAIN": "${{postgres.DATABASE_URL}}"}),
        "postgres": Members(
            {
                "USER": "pg",
                "PASSWORD": SOMETHING,
                "HOST": Gap(r"[a-z-]+\.railway\.internal"),
                "DATABASE_URL": "postgresql://${{USER}}:${{PASSWORD}}@${{HOST}}:5432/railway",
                "BROKEN": "x${{USR}}",
                "LOOP": "${{web.LOOP}}",
            }
        ),
        "my-service": Members({"A": "dashes"}),
        "My Service": Members({"A": "blanks"}),
        "my.service-0.20.0": Members({"A": "dots"}),
        "under_score": Members({"A_1": "underscores", "_B": "leading"}),
    },
    shared=Members({"KEY": "shared value", "KEY_SEALED": SOMETHING, "NONE": ""}),
    elsewhere=frozenset({"old-db"}),
    renamed={"database": "postgres"},
)


def ends_of(value: str, world: World = WORLD) -> list[DeadEndKind]:
    own = Members({**world.services["web"].values, "X": value})
    return [
        end.kind
        for end in dead_ends(World({**world.services, "web": own}, world.shared, world.elsewhere), "web", ["X"])
    ]


def given(value: str) -> str | None:
    own = Members({**WORLD.services["web"].values, "X": value})
    return resolved(World({**WORLD.services, "web": own}, WORLD.shared, WORLD.elsewhere), "web", "X").text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{OWN}}", "own"),
        ("${{ OWN }}", "own"),
        ("${{\tOWN\n}}", "own"),
        ("${{web.OWN}}", "own"),
        ("${{ web.OWN }}", "own"),
        ('${{"web".OWN}}', "own"),
        ("${{shared.KEY}}", "shared value"),
        ("${{ shared.KEY }}", "shared value"),
        ("${{my-service.A}}", "dashes"),
        ("${{My Service.A}}", "blanks"),
        ("${{ My Service.A }}", "blanks"),
        ('${{"My Service".A}}', "blanks"),
        ('${{"my.service-0.20.0".A}}', "dots"),
        ("${{under_score.A_1}}", "underscores"),
        ("${{under_score._B}}", "leading"),
        ("a${{OWN}}b", "aownb"),
        ("${{OWN}}${{OWN}}", "ownown"),
        ("${{OWN}}/${{shared.KEY}}?${{my-service.A}}", "own/shared value?dashes"),
        ("line 1\n${{OWN}}\nline 3", "line 1\nown\nline 3"),
        ("$${{OWN}}", "$own"),
        ("{${{OWN}}}", "{own}"),
        ("${{${{OWN}}", "${{own"),
        ("${OWN}", "${OWN}"),
        ("${{OWN}", "${{OWN}"),
        ("{{OWN}}", "{{OWN}}"),
        ("$ {{OWN}}", "$ {{OWN}}"),
        ("}}${{", "}}${{"),
        ("€ ${{OWN}} ü", "€ own ü"),
        ("x${{EMPTY}}", "x"),
    ],
)
def test_a_reference_that_leads_somewhere_gives_its_value(value: str, expected: str) -> None:
    assert ends_of(value) == []
    assert given(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "${{SEALED}}",
        "${{shared.KEY_SEALED}}",
        "${{postgres.PASSWORD}}",
        "${{postgres.HOST}}",
        "${{CHAIN}}",
        "${{secret(32)}}",
        '${{ secret(64, "abcdef0123456789") }}',
        "${{randomInt(1, 6)}}",
    ],
)
def test_what_is_there_and_cannot_be_read_is_no_dead_end_and_has_no_text(value: str) -> None:
    assert ends_of(value) == []
    assert given(value) is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("${{mysql.URL}}", DeadEndKind.MISSING_SERVICE),
        ("${{Postgres.DATABASE_URL}}", DeadEndKind.MISSING_SERVICE),
        ("${{POSTGRES.DATABASE_URL}}", DeadEndKind.MISSING_SERVICE),
        ("${{Shared.KEY}}", DeadEndKind.MISSING_SERVICE),
        ("${{postgres .USER}}", DeadEndKind.MISSING_SERVICE),
        ("${{ github.sha }}", DeadEndKind.MISSING_SERVICE),
        ("${{old-db.URL}}", DeadEndKind.NO_INSTANCE),
        ("${{postgres.DATABASE}}", DeadEndKind.MISSING_VARIABLE),
        ("${{postgres.database_url}}", DeadEndKind.MISSING_VARIABLE),
        ("${{postgres.PORT}}", DeadEndKind.MISSING_VARIABLE),
        ("${{PORT}}", DeadEndKind.MISSING_VARIABLE),
        ("${{NOTHING}}", DeadEndKind.MISSING_VARIABLE),
        ("${{KEY}}", DeadEndKind.MISSING_VARIABLE),
        ("${{shared.OWN}}", DeadEndKind.MISSING_SHARED),
        ("${{shared.key}}", DeadEndKind.MISSING_SHARED),
        ("${{X}}", DeadEndKind.SELF),
        ("${{web.X}}", DeadEndKind.SELF),
        ("x${{ X }}", DeadEndKind.SELF),
        ("${{postgres.BROKEN}}", DeadEndKind.MISSING_VARIABLE),
        ("${{postgres.LOOP}}", DeadEndKind.MISSING_VARIABLE),
        ("${{EMPTY}}", DeadEndKind.EMPTY),
        ("${{EMPTY}}${{shared.NONE}}", DeadEndKind.EMPTY),
        ("${{my.service-0.20.0.A}}", DeadEndKind.UNREADABLE),
        ("${{}}", DeadEndKind.UNREADABLE),
        ("${{ }}", DeadEndKind.UNREADABLE),
        ("${{.OWN}}", DeadEndKind.UNREADABLE),
        ("${{web.}}", DeadEndKind.UNREADABLE),
        ("${{web. OWN}}", DeadEndKind.UNREADABLE),
        ("${{1A}}", DeadEndKind.UNREADABLE),
        ("${{web OWN}}", DeadEndKind.UNREADABLE),
        ("${{web/OWN}}", DeadEndKind.UNREADABLE),
        ('${{"web.OWN}}', DeadEndKind.UNREADABLE),
        ("${{'web'.OWN}}", DeadEndKind.UNREADABLE),
        ("${{web.OWN-1}}", DeadEndKind.UNREADABLE),
        ("${{OWN-1}}", DeadEndKind.UNREADABLE),
        ("text ${{OWN}} and ${{mysql.URL}}", DeadEndKind.MISSING_SERVICE),
    ],
)
def test_a_reference_that_leads_nowhere_is_known_for_what_it_is(value: str, kind: DeadEndKind) -> None:
    assert ends_of(value) == [kind]


def test_each_dead_end_of_a_value_is_named_once() -> None:
    assert ends_of("${{A}}${{A}}${{mysql.B}}") == [DeadEndKind.MISSING_VARIABLE, DeadEndKind.MISSING_SERVICE]


def test_a_cycle_over_two_services_is_a_dead_end_from_wherever_one_enters_it() -> None:
    world = World(
        {
            "a": Members({"X": "${{b.Y}}"}),
            "b": Members({"Y": "${{a.X}}"}),
            "c": Members({"Z": "${{a.X}}"}),
        },
        Members({}),
    )
    for service, name in (("a", "X"), ("b", "Y"), ("c", "Z")):
        assert [end.kind for end in dead_ends(world, service, [name])] == [DeadEndKind.CYCLE]


@pytest.mark.parametrize(
    ("value", "text", "step"),
    [
        (
            "${{database.URL}}",
            (
                "X refers to ${{database.URL}}, but no service of this environment is named database "
                "(it was renamed to postgres)"
            ),
            "pulumi refresh records the new name and the next pulumi up gives database its name back",
        ),
        (
            "${{Postgres.USER}}",
            (
                "X refers to ${{Postgres.USER}}, but no service of this environment is named Postgres "
                "(names are case-sensitive: postgres?)"
            ),
            "correct the reference",
        ),
        (
            "${{postgre.USER}}",
            "X refers to ${{postgre.USER}}, but no service of this environment is named postgre (postgres?)",
            "correct the reference",
        ),
        (
            "${{old-db.URL}}",
            "X refers to ${{old-db.URL}}, but service old-db has no instance in this environment",
            "correct the reference",
        ),
        (
            "${{postgres.RAILWAY_PUBLIC_DOMAIN}}",
            (
                "X refers to ${{postgres.RAILWAY_PUBLIC_DOMAIN}}, but service postgres has no variable "
                "RAILWAY_PUBLIC_DOMAIN (Railway provides it only with a domain)"
            ),
            "correct the reference",
        ),
        (
            "${{postgres.BROKEN}}",
            "X refers to ${{USR}} by way of postgres.BROKEN, but service postgres has no variable USR (USER?)",
            "correct the reference",
        ),
        (
            "${{my.service-0.20.0.A}}",
            "X contains ${{…}} that Railway does not read as a reference",
            'write ${{"my.service-0.20.0".A}}',
        ),
        ("${{EMPTY}}", "X refers to ${{EMPTY}}, which is empty", "give EMPTY a value"),
        ("${{X}}", "X refers to ${{X}}, which is the variable itself", "give web.X a value of its own"),
    ],
)
def test_a_dead_end_is_told_with_both_ends_and_the_next_step(value: str, text: str, step: str) -> None:
    own = Members({**WORLD.services["web"].values, "X": value})
    world = World({**WORLD.services, "web": own}, WORLD.shared, WORLD.elsewhere, WORLD.renamed)
    [end] = dead_ends(world, "web", ["X"])
    assert problem(end) == text
    assert next_step(end).startswith(step)


def test_what_is_told_holds_no_value() -> None:
    values = {"X": "s3cret-a ${{B}} s3cret-b", "B": "s3cret-c${{NOWHERE}}", "C": "s3cret-d ${{ s3cret e }}"}
    world = World({"web": Members(values)}, Members({}))
    ends = dead_ends(world, "web", values)
    assert len(ends) == 3
    assert "s3cret" not in " ".join(f"{problem(end)} {next_step(end)}" for end in ends)
    assert "s3cret" not in repr(resolved(world, "web", "X"))


def test_a_value_is_taken_apart_and_nothing_of_it_is_lost() -> None:
    assert parse("a${{ b.C }}d${{E}}") == ("a", Reference("${{ b.C }}", "b", "C"), "d", Reference("${{E}}", "", "E"))
    assert parse("${{a.b.C}}") == (Unreadable('${{"a.b".C}}', "a.b"),)


@pytest.mark.parametrize(
    ("running", "fits"),
    [
        ("postgresql://pg:word@postgres.railway.internal:5432/railway", True),
        ("postgresql://pg:other@main-db.railway.internal:5432/railway", True),
        ("postgresql://pg:@postgres.railway.internal:5432/railway", False),
        ("postgresql://pg:word@postgres.railway.internal:5432/other", False),
        ("postgresql://:word@postgres.railway.internal:5432/railway", False),
        ("postgresql://pg:word@:5432/railway", False),
        ("", False),
    ],
)
def test_what_runs_is_compared_with_what_can_be_known_of_a_reference(running: str, fits: bool) -> None:
    assert resolved(WORLD, "web", "CHAIN").fits(running) is fits
