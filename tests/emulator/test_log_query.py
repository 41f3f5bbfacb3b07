"""Which lines of a log are answered: filters, windows around an anchor, limits."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.errors import Refusal
from emulator.log_query import LogWindow, later_than, log_filter, moment
from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import World

WEB = {"service": "web", "level": "info", "snapshot": "s1"}
ENVIRONMENT_LOGS = """
query logs(
  $id: String!, $filter: String, $before: Int, $oldest: String, $anchor: String, $newest: String, $after: Int
) {
  environmentLogs(environmentId: $id, filter: $filter, beforeLimit: $before, beforeDate: $oldest,
    anchorDate: $anchor, afterDate: $newest, afterLimit: $after) { message timestamp tags { serviceId } }
}"""
DEPLOYMENT_LOGS = """
query logs($id: String!, $filter: String, $limit: Int, $start: DateTime, $end: DateTime) {
  deploymentLogs(deploymentId: $id, filter: $filter, limit: $limit, startDate: $start, endDate: $end) {
    message timestamp
  }
}"""


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (None, True),
        ("", True),
        ("limit", True),
        ("LIMIT", True),
        ("nothing", False),
        ('"rate limit"', True),
        ('"limit rate"', False),
        ("limit rate", True),
        ("limit AND rate", True),
        ("limit AND nothing", False),
        ("nothing OR rate", True),
        ("nothing OR limit AND nothing", False),
        ("-nothing", True),
        ("-rate", False),
        ('-"rate limit"', False),
        ("@service:web", True),
        ("@service:api", False),
        ("-@service:api", True),
        ('@service:"web"', True),
        ("@level:info AND rate limit", True),
        ("@severity:INFO", True),
        ("@unknown:web", False),
        ("(@snapshot:s1 OR @replica:s1)", True),
        ("(nothing) (@snapshot:s1 OR @replica:s1)", False),
        ("(rate OR nothing) (@snapshot:s1 OR @replica:s1)", True),
        ("-(rate OR nothing)", False),
        ("((rate)", True),
        ("rate)", True),
        (") nothing", False),
        ("-", False),
        ("@", False),
    ],
)
def test_a_filter_looks_for_words_and_for_what_a_line_is_of(text: str | None, fits: bool) -> None:
    assert log_filter(text)("Rate limit reached", WEB) is fits


def test_no_filter_breaks_on_any_text() -> None:
    rng = random.Random(7)
    parts = ["(", ")", "OR", "AND", "-", "@a:b", '"', "word", "-(", '@a:"b c"', "@:", " "]
    for _ in range(3000):
        text = " ".join(rng.choices(parts, k=rng.randrange(9)))
        log_filter(text)("word", {"a": "b"})


def test_a_window_is_around_its_anchor() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [(start + timedelta(seconds=number), number) for number in range(10)]

    def window(**given: Any) -> list[int]:
        return LogWindow(**{"oldest": None, "anchor": start + timedelta(seconds=5), "newest": None, **given}).of(lines)

    assert window(before=100, after=100) == list(range(10))
    assert window(before=2, after=3) == [4, 5, 6, 7, 8]
    assert window(before=0, after=0) == []
    assert window(before=100, after=0, oldest=start + timedelta(seconds=4)) == [4, 5]
    assert window(before=0, after=100, newest=start + timedelta(seconds=7)) == [6, 7]


def test_times_are_read_as_clients_write_them() -> None:
    assert moment("2026-01-01T00:00:00.123456789Z") == datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert moment("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(Refusal):
        moment("yesterday")


def test_each_line_is_later_than_the_one_before(world: World) -> None:
    last = "2999-12-31T23:59:59.999999Z"
    assert later_than(last) == "3000-01-01T00:00:00.000000Z"
    assert later_than("2026-01-01T00:00:00.123Z") > "2026-01-01T00:00:00.123001Z"
    (deployment,) = world.deployments(world.running("web"))
    times = [line["timestamp"] for line in world.run(DEPLOYMENT_LOGS, id=deployment["id"])["deploymentLogs"]]
    assert len(times) > 1
    assert times == sorted(set(times))


def test_the_logs_of_one_service_are_not_mixed_with_those_of_another(world: World) -> None:
    first, second = world.running("first"), world.running("second")

    def asked(**given: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = world.run(ENVIRONMENT_LOGS, id=world.environment_id, **given)["environmentLogs"]
        return found

    everything = asked()
    assert {line["tags"]["serviceId"] for line in everything} == {first, second}
    mine = asked(filter=f"@service:{first}")
    assert {line["tags"]["serviceId"] for line in mine} == {first}
    assert asked(filter="@level:error") == []
    assert asked(before=1, after=0) == everything[-1:]
    assert asked(anchor="1970-01-01T00:00:00Z", before=0, after=2) == everything[:2]
    assert asked(oldest=everything[-1]["timestamp"])[-1] == everything[-1]
    assert asked(newest="1970-01-01T00:00:00Z") == []
    with pytest.raises(EmulatorError, match="Problem processing request"):
        asked(oldest="yesterday")


def test_the_lines_of_one_deployment_are_filtered_and_limited(world: World) -> None:
    service = world.running("web")
    (deployment,) = world.deployments(service)

    def asked(**given: Any) -> list[str]:
        return [line["message"] for line in world.run(DEPLOYMENT_LOGS, id=deployment["id"], **given)["deploymentLogs"]]

    everything = asked()
    assert len(everything) > 1
    assert asked(filter="ready") == [message for message in everything if "ready" in message]
    assert asked(limit=0) == everything[-1:]
    assert asked(end="1970-01-01T00:00:00Z") == []
    assert asked(start="1970-01-01T00:00:00Z") == everything
