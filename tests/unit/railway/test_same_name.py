"""Which one of several things of one name stays: every maker comes to the same answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from convos_infra.railway.same_name import Standing, rank_of

MOMENTS = st.sampled_from([f"2026-01-01T00:00:0{second}.000Z" for second in range(4)])
ROWS = st.dictionaries(st.sampled_from("abcdef"), MOMENTS, min_size=1)


def rows(made: dict[str, str]) -> list[dict[str, Any]]:
    return [{"id": id_, "createdAt": moment} for id_, moment in made.items()]


@given(ROWS)
def test_exactly_one_maker_keeps_its_own_and_all_others_name_that_one(made: dict[str, str]) -> None:
    places = {id_: rank_of(id_, rows(made)) for id_ in made}
    keepers = [id_ for id_, place in places.items() if place.standing in (Standing.ALONE, Standing.WAITS)]
    assert len(keepers) == 1
    assert {place.oldest for place in places.values()} == set(keepers)
    assert made[keepers[0]] == min(made.values())


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(made: dict[str, str], random: Any) -> None:
    shuffled = rows(made)
    random.shuffle(shuffled)
    assert all(rank_of(id_, shuffled) == rank_of(id_, rows(made)) for id_ in made)


def test_a_list_that_does_not_show_ones_own_proves_nothing() -> None:
    assert rank_of("mine", []).standing is Standing.NOT_LISTED
    assert rank_of("mine", rows({"other": "2026-01-01T00:00:00Z"})).standing is Standing.NOT_LISTED


def test_where_a_moment_is_missing_or_unreadable_nobody_deletes_anything() -> None:
    for moment in (None, "", "yesterday", "2026-01-01T00:00:00", 17):
        both = [{"id": "a", "createdAt": moment}, {"id": "b", "createdAt": "2026-01-01T00:00:00Z"}]
        assert {rank_of(id_, both).standing for id_ in "ab"} == {Standing.UNCLEAR}


def test_moments_of_different_zones_are_compared_as_moments() -> None:
    both = rows({"a": "2026-01-01T02:00:00+02:00", "b": "2026-01-01T00:30:00Z"})
    assert rank_of("b", both).oldest == "a"
