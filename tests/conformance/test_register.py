"""The register of beliefs: each is cited, each citation has its entry, and what nobody has seen has a scenario."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ops.conformance.own_emulator import OTHER_SETTINGS
from ops.conformance.scenario import AS_EXPECTED
from ops.conformance.scenarios import ALL, checked
from ops.railway_facts.citations import citations, cited
from ops.railway_facts.register import UNSETTLED, parsed, register
from tests.emulator.behaviours import OTHER

CHECKOUT = Path(__file__).parents[2]
ENTRY = '[belief.a]\nsays = "x"\nconfidence = "seen"\nevidence = ["b y"]\nemulator = "z"\n[source.b]\nname = "B"\n'


@pytest.fixture(scope="module")
def found() -> Mapping[str, Sequence[str]]:
    """Return the files that cite each id; this one and its neighbours are not read."""
    return cited(CHECKOUT)


def test_every_citation_has_an_entry(found: Mapping[str, Sequence[str]]) -> None:
    assert len(found) > 60
    assert {id_: files for id_, files in found.items() if id_ not in register().belief} == {}


def test_every_entry_is_cited(found: Mapping[str, Sequence[str]]) -> None:
    assert register().belief.keys() - found.keys() == set()


def test_there_are_at_least_sixty_beliefs_and_sixty_scenarios() -> None:
    assert len(register().belief) >= 60
    assert len(ALL) >= 60
    assert len({one.name for one in ALL}) == len(ALL)


def test_what_nobody_has_seen_has_a_scenario() -> None:
    open_ = [id_ for id_, belief in register().belief.items() if belief.confidence in UNSETTLED]
    assert open_
    assert [id_ for id_ in open_ if id_ not in checked()] == []


def test_every_scenario_checks_a_belief_of_the_register() -> None:
    assert checked().keys() - register().belief.keys() == set()
    assert [one.name for one in ALL if not one.beliefs] == []


def test_what_is_disputed_is_a_setting_of_the_emulator_which_the_entry_names() -> None:
    disputed = [belief for belief in register().belief.values() if belief.confidence == "disputed"]
    assert disputed
    assert [belief.says for belief in disputed if not belief.emulator.startswith("the setting ")] == []


def test_what_is_disputed_is_observed_both_ways_and_nothing_else_is() -> None:
    disputed = {id_ for id_, belief in register().belief.items() if belief.confidence == "disputed"}
    both = [one for one in ALL if one.otherwise is not AS_EXPECTED]
    assert {id_ for one in both for id_ in one.beliefs} & disputed == disputed
    assert [one.name for one in both if not disputed & set(one.beliefs)] == []
    assert [one.name for one in both if one.otherwise == one.expected] == []
    assert {name: json.loads(value) if value == "true" else value for name, value in OTHER_SETTINGS.items()} == OTHER


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('confidence = "seen"', 'confidence = "sure"', "confidence"),
        ('evidence = ["b y"]', "evidence = []", "evidence"),
        ('evidence = ["b y"]', 'evidence = ["c y"]', "sources"),
        ('says = "x"', 'says = " "', "says"),
        ('name = "B"', 'name = "B"\nurl = "http://example.com"', "url"),
        ('name = "B"', 'name = "B"\nnote = "x"', "note"),
        ("[belief.a]", "[belief.A]", "A"),
        ("[source.b]", "[belief.A]", "source"),
        ("[belief.a]", ENTRY.split("[source", maxsplit=1)[0].replace("belief.a", "belief.b") + "[belief.a]", "sorted"),
    ],
)
def test_an_entry_that_is_wrong_is_named(before: str, after: str, problem: str) -> None:
    assert parsed(ENTRY).belief["a"].confidence == "seen"
    assert before in ENTRY
    with pytest.raises(ValueError, match=problem):
        parsed(ENTRY.replace(before, after, 1))


def test_no_file_cites_a_page_that_is_not_in_the_repository() -> None:
    search = subprocess.run(["git", "grep", "-In", "facts " + "§"], cwd=CHECKOUT, capture_output=True, text=True)
    assert (search.returncode, search.stdout) == (1, "")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("# Reads lag (fact: read-lag).", ["read-lag"]),
        ("(fact: a) and (fact: b-2)", ["a", "b-2"]),
        ("(facts " + "§2.1)", ["(facts " + "§2.1)"]),
        ("(fact:read-lag)", ["(fact:read-lag)"]),
        ("(facts: a, b)", ["(facts: a, b)"]),
        ("(fact: read-\n# lag)", ["read-\n# lag"]),
        ("artifact: read-lag, a factor (factory: x)", []),
    ],
)
def test_a_citation_is_read_as_it_is_written(text: str, ids: list[str]) -> None:
    assert list(citations(text)) == ids
