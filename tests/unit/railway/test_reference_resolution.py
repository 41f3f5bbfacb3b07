"""Properties of the resolution, and the emulator's own resolver as a stranger that has to agree with it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from convos_infra.railway.references import ANYTHING, SOMETHING, DeadEndKind, Members, Resolved, World
from convos_infra.railway.resolution import dead_ends, resolved
from emulator.references import rendered as rendered_by_the_emulator

SERVICES = ("web", "my-db", "The Cache", "the.dotted")
NAMES = ("A", "B", "C", "D_1")
OWNERS = ("", "shared", *SERVICES, "gone", "Web", '"web"', '"the.dotted"', '"shared"')


def reference(owner: str, name: str, blank: str) -> str:
    return f"${{{{{blank}{owner}{'.' if owner else ''}{name}{blank}}}}}"


references = st.builds(reference, st.sampled_from(OWNERS), st.sampled_from(NAMES), st.sampled_from(["", " "]))
values = st.lists(st.one_of(references, st.sampled_from(["x", "", "/", "${", "}}", "a b"])), max_size=3).map("".join)
variables = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
environments = st.tuples(st.fixed_dictionaries(dict.fromkeys(SERVICES, variables)), variables)
Environment = tuple[Mapping[str, Mapping[str, str]], Mapping[str, str]]


def world(environment: Environment) -> World:
    services, shared = environment
    return World({name: Members(found) for name, found in services.items()}, Members(shared))


@settings(max_examples=300, deadline=None)
@given(environments)
def test_the_emulator_as_a_stranger_gives_what_is_resolved_here(environment: Environment) -> None:
    services, shared = environment
    for service in services:
        given_by_it = rendered_by_the_emulator(service, services, shared)
        for name, value in given_by_it.items():
            found = resolved(world(environment), service, name)
            kinds = {end.kind for end in found.dead_ends}
            if not kinds & {DeadEndKind.CYCLE, DeadEndKind.SELF}:
                assert found.fits(value), (service, name)
                assert found.text in (value, None)
                assert (found.text is None) == (DeadEndKind.UNREADABLE in kinds)
            if not kinds and "${{" in services[service][name]:
                assert value, "what is no dead end gives something"


@settings(max_examples=300, deadline=None)
@given(environments)
def test_what_the_emulator_leaves_empty_is_a_dead_end(environment: Environment) -> None:
    services, shared = environment
    for service in services:
        for name, value in rendered_by_the_emulator(service, services, shared).items():
            if value == "" and services[service][name] != "":
                assert dead_ends(world(environment), service, [name]), (service, name)


@settings(max_examples=200, deadline=None)
@given(environments, st.randoms())
def test_the_order_of_services_and_variables_changes_nothing(environment: Environment, rng: object) -> None:
    services, shared = environment

    def turned(found: Mapping[str, object]) -> dict[str, object]:
        return dict(reversed(list(found.items())))

    other = turned({name: turned(found) for name, found in services.items()})
    turned_world = World({name: Members(found) for name, found in other.items()}, Members(turned(shared)))  # type: ignore[arg-type]
    for service, name in itertools.product(SERVICES, NAMES):
        assert resolved(world(environment), service, name) == resolved(turned_world, service, name)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(alphabet="${}. \"'AB(-\n", max_size=40), min_size=1))
def test_any_text_at_all_is_resolved_to_an_end(texts: Mapping[str, str]) -> None:
    found = World({"web": Members(texts)}, Members(texts))
    for name in texts:
        result = resolved(found, "web", name)
        assert isinstance(result, Resolved)
        assert result.text is None or result.fits(result.text)


@settings(max_examples=200, deadline=None)
@given(environments, st.sampled_from(SERVICES), st.sampled_from(NAMES))
def test_a_sealed_source_is_never_a_dead_end_and_hides_only_itself(
    environment: Environment, sealed_in: str, sealed: str
) -> None:
    services, shared = environment
    members = {name: Members(found) for name, found in services.items()}
    members[sealed_in] = Members({**services[sealed_in], sealed: SOMETHING})
    found = World(members, Members(shared))
    for service, name in itertools.product(SERVICES, NAMES):
        result = resolved(found, service, name)
        assert all(end.end.owner != sealed_in or end.end.name != sealed for end in result.dead_ends)
        if (service, name) == (sealed_in, sealed):
            assert result.text is None


def test_a_value_that_doubles_at_each_level_ends_soon_and_fills_no_memory() -> None:
    names = {f"V{n}": f"${{{{V{n + 1}}}}}${{{{V{n + 1}}}}}" for n in range(40)} | {"V40": "ab"}
    began = time.perf_counter()
    found = resolved(World({"web": Members(names)}, Members({})), "web", "V0")
    assert time.perf_counter() - began < 5
    assert found.parts == (ANYTHING,)
    assert found.dead_ends == ()


def test_a_chain_that_is_too_long_is_told_and_not_followed() -> None:
    names = {f"V{n}": f"${{{{V{n + 1}}}}}" for n in range(2000)} | {"V2000": "end"}
    found = World({"web": Members(names)}, Members({}))
    assert [end.kind for end in dead_ends(found, "web", ["V0"])] == [DeadEndKind.TOO_DEEP]
    assert resolved(found, "web", "V1990").text == "end"


def test_a_text_full_of_gaps_is_compared_in_no_time() -> None:
    found = World({"web": Members({"X": "${{S}}a" * 40, "S": SOMETHING})}, Members({}))
    began = time.perf_counter()
    assert not resolved(found, "web", "X").fits("a" * 30_000 + "b")
    assert resolved(found, "web", "X").fits("ba" * 40)
    assert time.perf_counter() - began < 5
