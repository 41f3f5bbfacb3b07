"""`SharedRead`: one read for everybody who needs what belongs to one picture."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from convos_infra.railway.shared_read import SharedRead

SECONDS = 10.0


class Asked:
    """Counts the reads, which go on until they may end."""

    def __init__(self) -> None:
        self.pictures: list[object] = []
        self.under_way, self.may_end = threading.Event(), threading.Event()

    def __call__(self, picture: object) -> str:
        self.pictures.append(picture)
        self.under_way.set()
        assert self.may_end.wait(SECONDS)
        if picture == "bad":
            raise ValueError(len(self.pictures))
        return f"{picture} {len(self.pictures)}"


def test_whoever_comes_while_it_is_read_shares_the_answer() -> None:
    asked = Asked()
    read = SharedRead(asked)
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(read.of, "a") for _ in range(4)]
        assert asked.under_way.wait(SECONDS)
        asked.may_end.set()
        assert [one.result(SECONDS) for one in found] == ["a 1"] * 4
    assert read.of("a") == "a 1"
    assert read.of("b") == "b 2"
    assert read.of("a") == "a 3", "an older picture is read again: only the last one is kept"


def test_a_read_that_was_begun_ahead_holds_up_nobody_and_is_not_repeated() -> None:
    asked = Asked()
    read = SharedRead(asked)
    read.begin("a")
    read.begin("a")
    assert asked.under_way.wait(SECONDS)
    asked.may_end.set()
    assert read.of("a") == "a 1"
    read.begin("a")
    assert asked.pictures == ["a"]


@pytest.mark.parametrize("is_ahead", [True, False])
def test_its_error_is_raised_by_everybody_who_asks_and_is_not_provoked_again(*, is_ahead: bool) -> None:
    asked = Asked()
    asked.may_end.set()
    read = SharedRead(asked)
    if is_ahead:
        read.begin("bad")
    for _ in range(3):
        with pytest.raises(ValueError, match="^1$"):
            read.of("bad")
    assert asked.pictures == ["bad"]
    assert read.of("good") == "good 2"
