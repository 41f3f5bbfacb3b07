"""Each decision has its context, the options, the decision, its consequences, a date and a status."""

from __future__ import annotations

import re

import pytest

from tests.structure.sources import CHECKOUT, files

FILES = files("docs/decisions/[0-9]*.md")
SECTIONS = ("Context", "Options", "Decision", "Consequences")
HEAD = re.compile(
    r"# (\d+)\. \S.*\n\nDate: \d{4}-\d\d-\d\d\. Status: (accepted|proposed|superseded by \[\d+\]\(\S+\))\."
)


def number(name: str) -> int:
    return int(name.rpartition("/")[2][:4])


def is_complete(name: str) -> bool:
    text = (CHECKOUT / name).read_text()
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    options = text.partition("## Options\n")[2].partition("\n## ")[0]
    head = HEAD.match(text)
    in_order = [section for section in found if section in SECTIONS] == list(SECTIONS)
    return head is not None and int(head[1]) == number(name) and in_order and options.count("\n- ") >= 1


@pytest.mark.parametrize("name", FILES)
def test_a_decision_is_complete(name: str) -> None:
    assert is_complete(name)


def test_no_two_decisions_have_one_number() -> None:
    numbers = [number(name) for name in FILES]
    assert numbers
    assert len(set(numbers)) == len(numbers)
