"""Which tags a person may have meant."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.registry.nearest import _common_prefix, _distance, commit_of, nearest, same_commit

TAGS = ["scaling", "staging", "production", "dev", "sha-1a2b3c4", "sha-9f8e7d6", "pr-7", f"sha256-{'a' * 64}.sig"]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("sha-1a2b3c5", "sha-1a2b3c4"),
        ("1a2b3c4", "sha-1a2b3c4"),
        ("stagin", "staging"),
        ("Scaling", "scaling"),
        ("prod", "production"),
        ("pr-8", "pr-7"),
        ("de", "dev"),
    ],
)
def test_the_nearest_tag_is_the_one_that_was_meant(asked: str, first: str) -> None:
    assert nearest(asked, TAGS)[0] == first


@pytest.mark.parametrize("asked", ["completely-else", "zzz", "x"])
def test_what_resembles_nothing_gets_no_suggestion(asked: str) -> None:
    assert nearest(asked, TAGS) == []


def test_signatures_are_never_suggested() -> None:
    assert not any(tag.endswith(".sig") for tag in nearest(f"sha256-{'a' * 63}b.sig", TAGS))


@given(st.text("abc-", min_size=1, max_size=8), st.lists(st.text("abc-", min_size=1, max_size=8)))
def test_a_tag_that_is_there_is_its_own_nearest(asked: str, tags: list[str]) -> None:
    assert nearest(asked, [*tags, asked])[0] == asked
    assert len(nearest(asked, tags)) <= 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("sha-1a2b", ["sha-1a2b3c4", "sha-1a2b9d9"]),
        ("sha-1a2b3", ["sha-1a2b3c4"]),
        ("sha-1a2b3c4ffff", ["sha-1a2b3c4"]),
        ("sha-1a2", []),
        ("scaling", []),
        ("1a2b3c4", []),
    ],
)
def test_a_commit_is_found_by_its_beginning(asked: str, found: list[str]) -> None:
    assert same_commit(asked, ["sha-1a2b3c4", "sha-1a2b9d9", "scaling", "sha-zzzz"]) == found


def test_only_sha_tags_name_commits() -> None:
    assert commit_of("sha-1a2b3c4") == "1a2b3c4"
    assert [commit_of(tag) for tag in ("sha-1a2", "scaling", "sha-1A2B3C4", "sha-1a2b3c4-dirty")] == [""] * 4


@given(st.text("ab-1", max_size=8), st.lists(st.text("ab-1", max_size=8), max_size=60))
def test_what_is_left_out_early_is_never_among_the_nearest(asked: str, tags: list[str]) -> None:
    limit = max(2, len(asked) // 2)
    every = []
    for tag in set(tags):
        contained = min(len(asked), len(tag)) >= 3 and (asked in tag or tag in asked)
        distance = _distance(asked, tag)
        if contained or distance <= limit:
            every.append((not contained, distance, -_common_prefix(asked, tag), tag))
    assert nearest(asked, tags) == [tag for *_, tag in sorted(every)][:3]


def test_twenty_thousand_tags_are_compared_in_a_moment() -> None:
    tags = [f"sha-{number * 2654435761 % 2**28:07x}" for number in range(20_000)] + ["scaling", "staging"]
    began = time.process_time()
    assert nearest("stagin", tags)[0] == "staging"
    assert len(nearest("sha-1a2b3cz", tags)) == 3
    assert time.process_time() - began < 3.0
