"""A secret that is not set reaches a job as an empty variable: no stack is encrypted with that."""

from __future__ import annotations

import pytest

from ops.pulumi_cli import Pulumi, PulumiError, check_passphrase, ensure, select

FILE = {"PULUMI_BACKEND_URL": "file:///state"}
BUCKET = {"PULUMI_BACKEND_URL": "s3://bucket"}
CI = {"GITHUB_ACTIONS": "true"}
EMPTY = {"PULUMI_CONFIG_PASSPHRASE": ""}
MEANT = {"PULUMI_EMPTY_PASSPHRASE_IS_MEANT": "true"}


@pytest.mark.parametrize(
    ("environ", "makes_stack", "refused"),
    [
        ({**FILE, **CI, **EMPTY}, False, True),
        ({**BUCKET, **CI, **EMPTY}, False, True),
        ({**BUCKET, **CI, **EMPTY, "PULUMI_ACCESS_TOKEN": "x"}, False, True),
        ({**CI, **EMPTY}, False, True),
        ({**CI, **EMPTY, "PULUMI_BACKEND_URL": "", "PULUMI_ACCESS_TOKEN": ""}, False, True),
        ({**FILE, **EMPTY}, True, True),
        ({**FILE, **EMPTY}, False, False),
        ({**FILE, **CI}, False, False),
        ({**FILE, **CI, **EMPTY, **MEANT}, True, False),
        ({**FILE, **CI, **EMPTY, "PULUMI_EMPTY_PASSPHRASE_IS_MEANT": "false"}, True, True),
        ({**FILE, **CI, **EMPTY, "PULUMI_CONFIG_PASSPHRASE_FILE": "/x"}, True, False),
        ({**FILE, **CI, "PULUMI_CONFIG_PASSPHRASE": "secret"}, True, False),
        ({**CI, **EMPTY, "PULUMI_ACCESS_TOKEN": "x"}, True, False),
        ({**CI, **EMPTY, "PULUMI_BACKEND_URL": "https://api.example.invalid"}, True, False),
    ],
)
def test_an_empty_passphrase_is_refused_unless_it_is_meant(
    environ: dict[str, str], makes_stack: bool, refused: bool
) -> None:
    if not refused:
        check_passphrase(environ, makes_stack=makes_stack)
        return
    with pytest.raises(PulumiError, match="^PULUMI_CONFIG_PASSPHRASE: is empty: .*IS_MEANT=true if empty is meant"):
        check_passphrase(environ, makes_stack=makes_stack)


def test_no_command_of_a_job_reaches_pulumi_without_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_EMPTY_PASSPHRASE_IS_MEANT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**FILE, **CI, **EMPTY, "PATH": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    stack = Pulumi("dev")
    for command in (
        lambda: stack.do("up", "--yes"),
        lambda: stack.read("preview"),
        lambda: stack.encrypt("key", "value"),
        lambda: select("pr-7"),
    ):
        with pytest.raises(PulumiError, match="PULUMI_CONFIG_PASSPHRASE: is empty"):
            command()
    with pytest.raises(PulumiError, match="not on PATH"):
        ensure("pr-7")  # it lists the stacks first
