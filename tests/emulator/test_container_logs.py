"""What a container prints while it runs is in its deployment's log: each line once, with its own time, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from emulator.container_logs import MOST_KEPT, ContainerLogs
from emulator.log_query import moment

if TYPE_CHECKING:
    from emulator.containers import Containers


class Docker:
    """Docker's answer: the whole log of one container, as `docker logs --timestamps` has it."""

    def __init__(self) -> None:
        self.said: list[str] | None = []

    def lines(self, handle: str) -> list[str] | None:
        assert handle == "c1"
        return self.said


def deployment(status: str = "SUCCESS", mode: str = "container") -> dict[str, Any]:
    begun = {"timestamp": "2026-03-01T10:00:00.000005Z", "message": "pulling", "severity": "info"}
    return {"status": status, "logs": [begun], "run": {"mode": mode, "handle": "c1", "address": ""}}


def at(second: int, nanoseconds: int = 0) -> str:
    return f"2026-03-01T10:00:{second:02}.{nanoseconds:09}Z"


def test_lines_come_once_with_their_own_times_and_each_is_later_than_the_one_before() -> None:
    docker, row = Docker(), deployment()
    printed = ContainerLogs(cast("Containers", docker))
    docker.said = [f"{at(1, 7)} one", f"{at(1, 8)} two", f"{at(1, 9)} ", f"{at(2)} with  spaces"]
    printed.collect(row)
    printed.collect(row)
    docker.said = [*docker.said[2:], f"{at(3)} three"]  # Docker tells only the last ones
    printed.collect(row)
    docker.said = None  # and once it does not answer
    printed.collect(row)
    assert [line["message"] for line in row["logs"]] == ["pulling", "one", "two", "", "with  spaces", "three"]
    times = [moment(line["timestamp"]) for line in row["logs"]]
    assert times == sorted(set(times))
    assert row["logs"][-1]["timestamp"] == "2026-03-01T10:00:03.000000Z"


def test_a_log_of_any_length_keeps_its_newest_lines() -> None:
    docker, row = Docker(), deployment()
    docker.said = [f"{at(1, number)} {number}" for number in range(MOST_KEPT + 10)]
    ContainerLogs(cast("Containers", docker)).collect(row)
    assert len(row["logs"]) <= MOST_KEPT
    assert row["logs"][-1]["message"] == str(MOST_KEPT + 9)


@pytest.mark.parametrize("row", [deployment("REMOVED"), deployment("DEPLOYING"), deployment(mode="postgres")])
def test_what_runs_in_no_container_is_not_asked_for(row: dict[str, Any]) -> None:
    docker = Docker()
    docker.said = [f"{at(1)} never"]
    ContainerLogs(cast("Containers", docker)).collect(row)
    ContainerLogs(None).collect(row)
    assert len(row["logs"]) == 1
