"""What a stack's file says letter by letter; what arrives is what Pulumi 3.272 hands a program for these files."""

from __future__ import annotations

import pytest

from stack.written import Written, parse

NOTHING = Written({}, frozenset())


def file(*lines: str) -> str:
    return "encryptionsalt: v1:x\nconfig:\n" + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("raw", "arrived", "number"),
    [
        ("0123", "83", 83),
        ("+15551234567", "15551234567", 15551234567),
        ("1e3", "1000", 1000),
        ("1.50", "1.5", 1.5),
        ("0x10", "16", 16),
        ("1_000", "1000", 1000),
        ("0001", "1", 1),
    ],
)
def test_a_number_that_arrives_changed_is_found(raw: str, arrived: str, number: float) -> None:
    assert parse(file(f"p:imageTag: {raw}"), "p", {"imageTag": arrived}).numbers == {"imageTag": number}


@pytest.mark.parametrize(
    ("line", "arrived"),
    [
        ("p:imageTag: 3", "3"),
        ("p:imageTag: 1.5", "1.5"),
        ('p:imageTag: "0123"', "0123"),
        ("p:imageTag: sha-0123", "sha-0123"),
        ("p:imageTag: 0123", "another file's"),
        ("p:imageTag: 0123", "84"),
        ("other:imageTag: 0123", "83"),
        ("p:imageTag: {secure: v1:x}", "83"),
        ("p:imageTag: yes", "yes"),
        ("p:imageTag: 0123", None),
    ],
)
def test_what_arrives_as_it_is_written_is_left_alone(line: str, arrived: str | None) -> None:
    assert parse(file(line), "p", {"imageTag": arrived}) == NOTHING


@pytest.mark.parametrize(
    "text", ["", "config:\n", "[]", "config: x\n", "a: [\n", "config:\n  - p:imageTag\n", "1: 2\n"]
)
def test_a_file_that_says_nothing_stops_nothing(text: str) -> None:
    assert parse(text, "p", {"imageTag": "83", "keys": {"A": "b"}}) == NOTHING


def test_a_plain_value_within_objects_is_found_by_its_path() -> None:
    text = file(
        "p:databases:", "  a:", "    image: x", "    variables:", "      S:", "        secure: v1:x", "      O: b"
    )
    arrived = {"a": {"image": "x", "variables": {"S": "a", "O": "b"}}}
    found = parse(text, "p", {"databases": arrived})
    assert found.plain == {"databases.a.image", "databases.a.variables.O"}


def test_a_plain_key_beside_an_encrypted_one_is_found() -> None:
    text = file("p:keys:", "  SEALED:", "    secure: v1:x", "  OPEN: b", '  QUOTED: "3"', "  OTHER: c")
    arrived = {"SEALED": "a", "OPEN": "b", "QUOTED": "3", "OTHER": "of another file"}
    assert parse(text, "p", {"keys": arrived}).plain == {"keys.OPEN", "keys.QUOTED"}
    assert parse(text, "p", {"keys": "text"}) == NOTHING
