"""The walk of a first deploy: what is done is not done again, and no secret is shown."""

from __future__ import annotations

import io
import os
import pty

import pytest

from convos_infra.errors import InfraError
from ops.first_deploy.command import main
from ops.first_deploy.interview import TRIES, Interview
from ops.first_deploy.shell import ShellSteps
from ops.first_deploy.walk import WalkStep, walk


def interview(*answers: str) -> tuple[Interview, io.StringIO]:
    out = io.StringIO()
    return Interview(io.StringIO("".join(f"{one}\n" for one in answers)), out), out


def step(name: str, there: dict[str, str]) -> WalkStep:
    def act(questions: Interview) -> None:
        there[name] = questions.ask(f"the {name}")

    return WalkStep(name, lambda: there.get(name, ""), act, f"do the {name} by hand")


def test_a_walk_that_ends_for_want_of_answers_goes_on_where_it_was() -> None:
    there: dict[str, str] = {}
    steps = [step(name, there) for name in ("first", "second", "third")]
    questions, _ = interview("one", "two")
    with pytest.raises(InfraError, match="run the same command again"):
        walk(steps, questions)
    assert there == {"first": "one", "second": "two"}
    questions, out = interview("three")
    walk(steps, questions)
    assert there == {"first": "one", "second": "two", "third": "three"}
    assert [line.strip() for line in out.getvalue().splitlines() if line.strip()] == [
        "1/3 first: one",
        "2/3 second: two",
        "3/3 third: to do",
        "? the third:",
        "3/3 third: three",
    ]


def test_a_step_that_is_not_done_after_its_act_stops_the_walk_with_what_to_do_by_hand() -> None:
    questions, _ = interview("")
    with pytest.raises(InfraError, match="first: is still not done; do the first by hand"):
        walk([step("first", {}), step("second", {})], questions)


def test_a_refused_answer_is_asked_again_and_not_for_ever() -> None:
    def accept(answer: str) -> str:
        if answer != "right":
            raise InfraError("answer", "is wrong", "say right")
        return answer

    questions, out = interview("wrong", "right")
    assert questions.until("which", accept) == "right"
    assert "answer: is wrong; say right" in out.getvalue()
    questions, _ = interview(*["wrong"] * TRIES, "right")
    with pytest.raises(InfraError, match="is wrong"):
        questions.until("which", accept)


@pytest.mark.parametrize(
    ("answer", "agreed"), [("yes", True), ("Y", True), ("", False), ("no", False), ("yess", False)]
)
def test_only_a_yes_is_a_yes(answer: str, agreed: bool) -> None:
    assert interview(answer)[0].agrees("go on") is agreed


def test_in_a_terminal_a_secret_is_not_echoed() -> None:
    ours, theirs = pty.openpty()
    pid = os.fork()
    if pid == 0:  # getpass asks the controlling terminal
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(theirs, stream)
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.execvp(
            "python3",
            [
                "python3",
                "-c",
                "from ops.first_deploy.interview import Interview as I\nprint(len(I().ask('token', secret=True)))",
            ],
        )
    os.close(theirs)
    seen = b""
    while b"token: " not in seen:
        seen += os.read(ours, 1000)
    os.write(ours, b"s3cret-token\n")
    while b"12" not in seen:
        seen += os.read(ours, 1000)
    os.waitpid(pid, 0)
    os.close(ours)
    assert b"s3cret" not in seen


def test_a_passphrase_is_asked_until_it_is_long_enough_and_never_shown() -> None:
    environ = {"PULUMI_BACKEND_URL": "file:///nowhere"}
    (phrase,) = [one for one in ShellSteps(environ).steps() if one.name == "passphrase"]
    questions, out = interview("short", "long enough phrase")
    assert phrase.done() == ""
    phrase.act(questions)
    assert phrase.done() == "is set"
    assert environ["PULUMI_CONFIG_PASSPHRASE"] == "long enough phrase"
    assert "long enough phrase" not in out.getvalue()
    assert ShellSteps({"PULUMI_BACKEND_URL": "https://api.pulumi.com"}).steps()[1].done().startswith("not needed")


@pytest.mark.parametrize("stack", ["", "local", "../x", "A"])
def test_a_stack_that_may_not_have_that_name_is_refused_before_anything_is_asked(stack: str) -> None:
    with pytest.raises(InfraError):
        main(["--stack", stack])
