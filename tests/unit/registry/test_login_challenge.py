"""`WWW-Authenticate` headers, as registries send them and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.registry.challenge import choose, parse_challenges

GHCR = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'


def test_a_bearer_challenge_says_where_tokens_come_from() -> None:
    (challenge,) = parse_challenges(GHCR)
    assert (challenge.scheme, challenge.realm, challenge.service) == ("bearer", "https://ghcr.io/token", "ghcr.io")
    assert challenge.parameters["scope"] == "repository:user/image:pull"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        ("BASIC REALM=plain", [("basic", {"realm": "plain"})]),
        (
            'Bearer realm="https://a/t",scope="repository:x:pull,push"',
            [("bearer", {"realm": "https://a/t", "scope": "repository:x:pull,push"})],
        ),
        (
            'Bearer  realm = "https://a/t" , service=a',
            [("bearer", {"realm": "https://a/t", "service": "a"})],
        ),
        (
            'Basic realm="a", Bearer realm="https://a/t",error="invalid_token"',
            [("basic", {"realm": "a"}), ("bearer", {"realm": "https://a/t", "error": "invalid_token"})],
        ),
        ('Negotiate dG9rZW4=, Basic realm="a"', [("negotiate", {}), ("basic", {"realm": "a"})]),
        (r'Bearer realm="https://a/\"t\\"', [("bearer", {"realm": '"https://a/"t\\'.removeprefix('"')})]),
        ('Bearer realm="https://a/t",realm="https://evil/t"', [("bearer", {"realm": "https://a/t"})]),
        ('Bearer realm="unclosed', [("bearer", {})]),
    ],
)
def test_challenges_are_read_as_rfc_9110_writes_them(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(found.scheme, dict(found.parameters)) for found in parse_challenges(header)] == expected


def test_bearer_is_chosen_before_basic() -> None:
    chosen = choose(parse_challenges(f'Basic realm="a", {GHCR}'))
    assert chosen is not None
    assert chosen.scheme == "bearer"


@pytest.mark.parametrize("header", ["", "Negotiate", 'Digest realm="a"', "Bearer", 'Bearer service="a"', ",,,"])
def test_what_we_cannot_answer_is_not_chosen(header: str) -> None:
    assert choose(parse_challenges(header)) is None


@given(st.text(max_size=200))
def test_any_header_is_read_without_trouble(header: str) -> None:
    parse_challenges(header)


@given(st.text('Bearer ,="\\:/a', max_size=200))
def test_any_header_of_tricky_characters_is_read_without_trouble(header: str) -> None:
    choose(parse_challenges(header))
