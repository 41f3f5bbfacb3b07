"""One cause is explained once: which failures are of the whole run, and what is said of them the second time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from convos_infra.errors import InfraError
from convos_infra.explanations import SEE, Explanations
from ops.progress.watched_update import diagnostics
from ops.pulumi_cli import last_error
from railway_api.errors import (
    Invalid,
    NotAuthorized,
    NotFound,
    Opaque,
    RateLimited,
    ServerFailed,
    Throttled,
    TryAgain,
    Unreachable,
    error_from_answer,
)

NO_TOKEN = ("there is none", "export RAILWAY_API_TOKEN")
OF_ALL = {
    "refused": lambda of: error_from_answer(of, "environmentSnapshot", [{"message": "Not Authorized"}]),
    "unauthenticated": lambda of: NotAuthorized(of, "Railway says so", "another token"),
    "limited": lambda of: RateLimited(of, "Railway's rate limit is used up at details", "try again in 3000 s"),
    "unsent": lambda of: Unreachable(of, "no answer to details", "try again", sent=False),
}
OF_READS = {
    "server": lambda of: ServerFailed(of, "HTTP 502 to details", "try again"),
    "sent": lambda of: Unreachable(of, "no answer to details within 30 s", "try again", sent=True),
}
OF_ONE = {
    "deployment": lambda of: InfraError(of, "its deployment crashed", "read its log"),
    "not found": lambda of: NotFound(of, "Railway says so"),
    "invalid": lambda of: Invalid(of, "Railway says so"),
    "opaque": lambda of: Opaque(of, "Railway says so"),
    "again": lambda of: TryAgain(of, "Railway says so"),
    "throttled": lambda of: Throttled(of, "Railway says so"),
}


@pytest.mark.parametrize("kind", [*OF_ALL, *OF_READS])
def test_what_concerns_the_whole_run_is_explained_once_and_names_its_first(kind: str) -> None:
    explained, made = Explanations(), {**OF_ALL, **OF_READS}[kind]
    lines = [explained.line(made(f"s{number}"), is_read=True) for number in range(3)]
    assert lines[0] == str(made("s0"))
    assert [line.endswith(f"; {SEE} s0") for line in lines] == [False, True, True]
    assert [line.split(":")[0] for line in lines] == ["s0", "s1", "s2"]
    assert max(map(len, lines[1:])) < 80


@pytest.mark.parametrize("kind", [*OF_ALL, *OF_READS])
def test_a_change_that_may_have_happened_is_always_explained(kind: str) -> None:
    explained, made = Explanations(), {**OF_ALL, **OF_READS}[kind]
    explained.line(made("s0"), is_read=True)
    assert (explained.line(made("s1"), is_read=False) == str(made("s1"))) is (kind in OF_READS)


@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("kind", OF_ONE)
def test_what_concerns_one_resource_is_said_of_each(kind: str, *, is_read: bool) -> None:
    explained = Explanations()
    lines = [explained.line(OF_ONE[kind](f"s{number}"), is_read=is_read) for number in range(3)]
    assert lines == [str(OF_ONE[kind](f"s{number}")) for number in range(3)]


def test_a_missing_token_is_explained_once() -> None:
    explained = Explanations()
    lines = [explained.line(InfraError("railwayToken", *NO_TOKEN), is_read=True) for _ in range(2)]
    assert lines == [
        "railwayToken: there is none; export RAILWAY_API_TOKEN",
        f"railwayToken: there is none; {SEE} railwayToken",
    ]


def test_two_causes_of_one_run_are_explained_each() -> None:
    """The token ends first, then the network: neither explains the other."""
    explained = Explanations()
    kinds = ["refused", "limited", "unsent", "refused", "limited", "unsent"]
    lines = [explained.line(OF_ALL[kind](f"s{number}"), is_read=True) for number, kind in enumerate(kinds)]
    assert [line.rpartition(" ")[2] if SEE in line else "" for line in lines] == ["", "", "", "s0", "s1", "s2"]


def test_of_many_at_once_exactly_one_is_explained() -> None:
    explained = Explanations()
    failures = [OF_ALL["refused"](f"s{number}") for number in range(64)]
    with ThreadPoolExecutor(16) as threads:
        lines = list(threads.map(lambda failure: explained.line(failure, is_read=True), failures))
    whole = [line for line in lines if SEE not in line]
    assert len(whole) == 1
    assert {line.rpartition(" ")[2] for line in lines if SEE in line} == {whole[0].split(":")[0]}


def test_a_name_that_contains_the_words_explains_nothing_away() -> None:
    explained = Explanations()
    odd = f"s; {SEE} x"
    lines = [explained.line(OF_ALL["refused"](name), is_read=True) for name in (odd, "s1", odd)]
    assert "needs an account or workspace token" in lines[0]
    assert lines[1].endswith(f"; {SEE} {odd}")


def test_one_line_and_the_last_lines_of_an_update_have_the_explanation() -> None:
    """Pulumi's diagnostics are in no order, and what shows one line, or the last 15, must not show a pointer."""
    whole, short = str(OF_ALL["refused"]("s5")), f"s1: short; {SEE} s5"
    blocks = [f"  Service (s{number}):\n    error: read failed: {text}" for number, text in ((5, whole), (1, short))]
    printed = "x\nDiagnostics:\n" + "\n\n".join(blocks) + "\n\nResources:\n    2 errored\n"
    assert last_error(printed) == f"read failed: {whole}"
    assert last_error(f"error: {short}") == short
    assert diagnostics(printed).rstrip().endswith(whole)
    assert short in diagnostics(printed)
    assert diagnostics("no such part") == "no such part"


def test_a_failure_without_a_subject_is_said_whole_as_nothing_can_point_to_it() -> None:
    explained = Explanations()
    assert [explained.line(RateLimited("", "used up"), is_read=True) for _ in range(2)] == ["used up", "used up"]
