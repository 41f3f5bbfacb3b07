"""The suite on the emulator: no difference, every operation that the program sends, and nothing left behind."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from convos_pool import operations
from graphql import FieldNode, OperationDefinitionNode, parse

from ops.conformance import documents as own
from ops.conformance.caller import Fence, LiveCaller, OutOfBounds
from ops.conformance.command import chosen, main
from ops.conformance.marked import is_marked, left_over, marked, sweep
from ops.conformance.play import RunPace, most_dollars, play, replayed
from ops.conformance.recording import Recording
from ops.conformance.report import ConformanceReport, differing, is_of_the_plan, lines
from ops.conformance.scenarios import ALL
from railway_api import documents as sent
from railway_api.client import Client
from railway_api.failure import Failure

PACE = RunPace(patience_seconds=2.0, seconds_between=0.0)
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))


@pytest.fixture(scope="module")
def report(client: Client) -> ConformanceReport:
    return play(client, ALL, PACE)


def test_the_emulator_does_what_is_believed(report: ConformanceReport) -> None:
    assert [
        (one.scenario, one.verdict, one.why, one.observed) for one in report.findings if one.verdict != "same"
    ] == []
    assert len(report.findings) == len(ALL)


def test_nothing_is_left_behind(client: Client, report: ConformanceReport) -> None:
    assert report.findings
    assert left_over(client) == []


def test_every_operation_that_the_program_sends_is_played(report: ConformanceReport) -> None:
    played = {call.document for one in report.findings for call in one.calls}
    fields = {field for text in _texts(own, sent) if _digest(text) in played for field in _root_fields(text)}
    # The suite builds these two for the number of things that it asks about, and makes its project before it plays.
    fields |= {"deployment", "deploymentSnapshot", "tcpProxies", "variables"}
    fields |= {"environmentCreate", "projectCreate"}
    asked = {field for text in _texts(sent, operations) for field in _root_fields(text)}
    assert len(asked) > 30
    assert asked - fields == set()


def _texts(*modules: ModuleType) -> Iterator[str]:
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, str) and re.match(r"\s*(query|mutation)\b.*\{", value, re.DOTALL):
                yield value


def _digest(text: str) -> str:
    recording = Recording()
    LiveCaller(lambda _document, _variables: {}, Fence(), recording).ask(text, {})
    return recording.calls[0].document


def _root_fields(text: str) -> set[str]:
    if text in {own.NOT_A_DOCUMENT, own.NOT_A_FIELD}:
        return set()
    found = [node for node in parse(text).definitions if isinstance(node, OperationDefinitionNode)]
    return {one.name.value for node in found for one in node.selection_set.selections if isinstance(one, FieldNode)}


def test_recorded_answers_give_the_same_observations(report: ConformanceReport) -> None:
    again = replayed(ConformanceReport.model_validate_json(report.model_dump_json()), ALL)
    assert [(one.scenario, one.why, one.observed) for one in again.findings if one.verdict != "same"] == []


def test_a_difference_in_recorded_answers_is_found(report: ConformanceReport) -> None:
    text = report.model_dump_json()
    assert "No patch to apply" in text
    assert differing(
        replayed(ConformanceReport.model_validate_json(text.replace("No patch to apply", "Nope")), ALL)
    ) == ["nothing-to-commit"]


def test_a_scenario_that_changed_is_not_compared_with_old_answers(report: ConformanceReport) -> None:
    (old,) = [one for one in report.findings if one.scenario == "nothing-to-commit"]
    calls = tuple(call.model_copy(update={"document": "another"}) for call in old.calls)
    changed = report.model_copy(update={"findings": (old.model_copy(update={"calls": calls}),)})
    (found,) = replayed(changed, ALL).findings
    assert (found.verdict, "record it again" in found.why) == ("failed", True)


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: str(file.stem))
def test_what_users_have_recorded_is_observed_still(file: Path) -> None:
    old = ConformanceReport.model_validate_json(file.read_text())
    now = {one.scenario: one for one in replayed(old, ALL).findings}
    # A document that has changed since asks for more than was recorded: that scenario has to be recorded again.
    stale = {name for name, one in now.items() if "record it again" in one.why}
    kept = [one for one in old.findings if one.verdict in {"same", "differs"} and one.scenario not in stale]
    assert kept
    for one in kept:
        assert now[one.scenario].observed == one.observed, one.scenario


def test_a_report_holds_no_token(client: Client, report: ConformanceReport) -> None:
    text = report.model_dump_json()
    made = [call for one in report.findings for call in one.calls if call.operation == "projectTokenCreate"]
    assert made
    assert all(call.data == {"projectTokenCreate": "hidden"} for call in made)
    assert client._token not in text


def test_the_fence_stops_what_would_change_a_strangers_things() -> None:
    sends: list[str] = []
    fence = Fence()
    caller = LiveCaller(lambda document, _: sends.append(document) or {}, fence, Recording())  # type: ignore[func-returns-value]
    stranger, mine = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    fence.admit({"project": {"id": mine}})
    for variables in ({"id": stranger}, {"input": {"projectId": mine, "x": [stranger]}}, {"patch": {stranger: {}}}):
        with pytest.raises(OutOfBounds, match=stranger):
            caller.ask(sent.PROJECT_DELETE, variables)
    assert sends == []
    caller.ask(sent.PROJECT_DELETE, {"id": mine})
    caller.ask(sent.PROJECT, {"id": stranger})
    assert len(sends) == 2


def test_only_what_has_the_whole_mark_is_swept(client: Client) -> None:
    wanted = [marked("abcd"), {"name": "conformance-mine"}, {**marked("x"), "name": "website"}]
    wanted += [{**marked("note"), "description": "Made by make conformance"}]
    made = [client.mutate_once(sent.PROJECT_CREATE, {"input": one}, subject="test")["projectCreate"] for one in wanted]
    assert sweep(client) == ["conformance-abcd"]
    listed = client.query(sent.PROJECTS, {"deleted": False}, subject="test")["projects"]["edges"]
    left = {edge["node"]["id"] for edge in listed}
    assert [one["id"] in left for one in made] == [False, True, True, True]
    assert [is_marked(one) for one in wanted] == [True, False, False, False]


@pytest.fixture
def real(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Run a little of the suite as on Railway, with an answer to its question."""
    monkeypatch.setenv("RAILWAY_API_TOKEN", client._token)
    monkeypatch.setenv("RAILWAY_ENDPOINT", client.endpoint)

    def run(answer: str) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        return main(["--real", "--only=unauthenticated", f"--report={tmp_path / 'report.json'}"])

    return run


def test_a_real_run_says_what_it_costs_and_goes_on_where_told_to(
    real: Callable[[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert real("yes\n") == 0
    said = capsys.readouterr().out
    assert "2 scenarios in one project" in said
    assert "at most 0 deployments and 60 minutes, at most $0.00" in said
    assert len(ConformanceReport.model_validate_json((tmp_path / "report.json").read_text()).findings) == 2


@pytest.mark.parametrize("answer", ["no\n", "", "y\n"])
def test_a_real_run_makes_nothing_unless_told_to(real: Callable[[str], int], tmp_path: Path, answer: str) -> None:
    with pytest.raises(Failure, match="nothing was made"):
        real(answer)
    assert not (tmp_path / "report.json").exists()


def test_a_real_run_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAILWAY_API_TOKEN", raising=False)
    with pytest.raises(Failure, match="RAILWAY_API_TOKEN"):
        main(["--real", "--yes"])


def test_scenarios_are_chosen_by_name_and_by_belief() -> None:
    assert [one.name for one in chosen("blank-token, no-patch")] == ["blank-token", "nothing-to-commit"]
    assert chosen("") == list(ALL)
    with pytest.raises(Failure, match="no-such-belief"):
        chosen("no-such-belief")


def test_the_cost_is_bounded_and_what_the_plan_forbids_is_no_difference(report: ConformanceReport) -> None:
    assert 0 < most_dollars(ALL) < 5
    assert is_of_the_plan("Volume limit reached, upgrade to create more")
    assert not is_of_the_plan("Service not found")
    assert lines(report)[0].endswith(f"0 differs, 0 failed, 0 not allowed, {len(ALL)} same")
