"""What a script shows of Pulumi's words: all of them while it runs, no secret, and the one line that matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from convos_infra.errors import InfraError
from convos_infra.explanations import SEE
from ops.ci import workflow
from ops.pulumi_cli import Pulumi, PulumiError, backend_url, ensure, last_error, masked, select, stacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "rw_0123456789abcdef"


@pytest.fixture
def talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` that says what the file beside it says: a CLI that tells a secret is not to be had for the asking."""
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\n. {tmp_path}/says\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("RAILWAY_API_TOKEN", SECRET)
    return tmp_path / "says"


def test_no_secret_of_the_job_is_shown_whatever_pulumi_says(
    talks: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    talks.write_text(f"echo 'token {SECRET}'; echo 'and {SECRET} again' >&2; exit 3")
    ran = Pulumi("dev", tmp_path).run("up")
    assert (ran.code, ran.text.count("[secret]")) == (3, 2)
    with pytest.raises(PulumiError):
        Pulumi("dev", tmp_path).read("preview")
    shown = capfd.readouterr()
    assert SECRET not in shown.out + shown.err
    assert "token [secret]" in shown.out


def test_a_command_that_fails_is_one_line_with_its_last_error(talks: Path, tmp_path: Path) -> None:
    talks.write_text("echo 'error: first'; echo 'error: canary: it crashed'; echo 'Resources:'; exit 255")
    with pytest.raises(PulumiError) as caught:
        Pulumi("dev", tmp_path).do("up")
    assert str(caught.value) == "dev: pulumi up: canary: it crashed"


def test_a_preview_that_fails_says_what_its_diagnostics_say(talks: Path, tmp_path: Path) -> None:
    talks.write_text(
        """echo '{"diagnostics": [{"severity": "error", "message": "error: imageTag: no tag sha-1"}]}'; exit 1"""
    )
    with pytest.raises(PulumiError, match="^dev: pulumi preview: imageTag: no tag sha-1$"):
        Pulumi("dev", tmp_path).read("preview")


def test_of_a_preview_whose_resources_fail_for_one_reason_the_reason_is_said(talks: Path, tmp_path: Path) -> None:
    said = ["s5: refused; use another token", f"s1: refused; {SEE} s5", f"s2: refused; {SEE} s5"]
    document = {"diagnostics": [{"severity": "error", "message": f"Preview failed: {text}"} for text in said]}
    talks.write_text(f"echo '{json.dumps(document)}'; exit 1")
    with pytest.raises(PulumiError, match="Preview failed: s5: refused; use another token$"):
        Pulumi("dev", tmp_path).read("preview")


@pytest.mark.parametrize("says", ["exit 1", "echo nonsense", "echo '{}'"])
def test_a_backend_that_lists_nothing_that_can_be_read_is_an_error_and_no_empty_list(
    talks: Path, tmp_path: Path, says: str
) -> None:
    talks.write_text(says)
    with pytest.raises(PulumiError, match="^pulumi: stack ls: "):
        stacks(tmp_path)


def test_the_last_error_is_found_among_other_words() -> None:
    assert last_error("a\n  error: one\nb\nerror: two\nResources:\n") == "two"
    assert last_error("error: s5: refused\n\n  Stack:\n    error: update failed\n") == "s5: refused"
    assert last_error("error: update failed\n") == "update failed"
    assert last_error("only words\n") == "only words"
    assert last_error("") == "no reason given"


def test_short_values_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "dev")
    assert masked("environment dev") == "environment dev"


def test_a_mistake_ends_a_script_in_one_line_on_githubs_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> int:
        raise InfraError("imageTag", "no tag\nsha-1", "look")

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert workflow.run(fails) == 1
    assert capsys.readouterr().err == "::error::imageTag: no tag sha-1; look\n"
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert workflow.run(fails) == 1
    assert capsys.readouterr().err == "error: imageTag: no tag sha-1; look\n"


def test_a_shell_without_pulumi_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cli = Pulumi("dev", tmp_path)
    asks: list[Callable[[], object]] = [
        lambda: cli.run("up"),
        lambda: cli.read("preview"),
        cli.state,
        lambda: cli.encrypt("keys.A", "v"),
        lambda: stacks(tmp_path),
        lambda: backend_url(tmp_path),
        lambda: select("dev", tmp_path),
        lambda: ensure("dev", tmp_path),
    ]
    for ask in asks:
        with pytest.raises(PulumiError, match="pulumi: is not on PATH; run: make toolchain"):
            ask()


def test_what_another_system_said_cannot_steer_the_terminal_that_shows_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> int:
        raise InfraError("dev", "no \x1b[2J\u202estack", "")

    assert workflow.run(fails) == 1
    assert capsys.readouterr().err == "error: dev: no \\x1b[2J\\u202estack\n"
