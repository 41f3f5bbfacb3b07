"""Notifications: what a webhook gets, what it cannot do, and that nobody sees its URL."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from convos_infra.errors import InfraError
from ops.notify import webhook
from ops.notify.command import main
from ops.notify.notification import MOST_LINES, Kind, Notification
from ops.notify.webhook import failures_told, send
from ops.pulumi_cli import SECRETS

CHECKOUT = Path(__file__).parents[2]
HOSTILE = "<!channel> & \x1b[31m::error::x\nnext " + "y" * 999
SECRET_PATH = "/services/T0/B0/s3cret-hook"


class Receiver(ThreadingHTTPServer):
    """A webhook that notes what it gets, and answers as it is told."""

    status, drips = 200, False
    got: list[dict[str, Any]]


class Hook(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        if self.server.drips:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100):  # each byte begins a new wait of the client
                self.wfile.write(b"X")
                self.wfile.flush()
                if self.server.stopped.wait(0.05):  # type: ignore[attr-defined]
                    return
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver(("127.0.0.1", 0), Hook)
    server.got = []
    server.stopped = threading.Event()  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.stopped.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def environ(receiver: Receiver, **more: str) -> dict[str, str]:
    return {"NOTIFY_WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}{SECRET_PATH}", **more}


def test_a_generic_receiver_gets_one_object_with_the_run(receiver: Receiver) -> None:
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"}
    told = Notification(Kind.DEPLOY, "dev", "2 of 2 announced deployments, 41 s", ("canary: deployed as announced",))
    assert send(told, environ(receiver, GITHUB_SHA="3b8f1c2", **run))
    assert receiver.got == [
        {
            "event": "deploy",
            "stack": "dev",
            "ok": True,
            "title": "2 of 2 announced deployments, 41 s",
            "lines": ["canary: deployed as announced"],
            "commit": "3b8f1c2",
            "link": "https://github.com/o/r/actions/runs/7",
        }
    ]


def test_slack_gets_text_in_which_nothing_pages_everybody(receiver: Receiver) -> None:
    told = Notification(Kind.FAILURE, "dev", HOSTILE, (HOSTILE,) * (MOST_LINES + 5), is_well=False, link="https://x/y")
    assert send(told, environ(receiver, NOTIFY_FORMAT="slack"))
    ((name, text),) = receiver.got[0].items()
    assert name == "text"
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; " in text
    assert "\x1b" not in text
    assert "<https://x/y|the run>" in text
    assert "… and 5 more" in text
    assert len(text) < 10_000


def test_without_a_webhook_nothing_is_sent_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert not send(Notification(Kind.DEPLOY, "dev", "x"), {})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("url", "form", "said"),
    [
        ("http://hooks.example.com/s3cret-hook", "", "must begin with https://"),
        ("ftp://x/s3cret-hook", "", "must begin with https://"),
        ("s3cret-hook", "", "must begin with https://"),
        ("https://[s3cret-hook", "", "is not a URL"),
        ("https:///s3cret-hook", "", "is not a URL"),
        ("https://x/s3cret-hook", "teams", "NOTIFY_FORMAT is neither json nor slack"),
        ("http://127.0.0.1:1/s3cret-hook", "", "ConnectionError"),
        ("http://127.0.0.1:99999/s3cret-hook", "", "not sent"),
    ],
)
def test_what_cannot_be_sent_is_a_warning_without_the_url(
    url: str, form: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not send(Notification(Kind.DEPLOY, "dev", "x"), {"NOTIFY_WEBHOOK_URL": url, "NOTIFY_FORMAT": form})
    printed = "".join(capsys.readouterr())
    assert said in printed
    assert "s3cret" not in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("status", [302, 307, 404, 410, 500])
def test_an_answer_that_is_no_yes_is_a_warning_and_no_redirect_is_followed(
    receiver: Receiver, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.status = status
    assert not send(Notification(Kind.DEPLOY, "dev", "x"), environ(receiver))
    printed = capsys.readouterr().err
    assert f"the webhook answered {status}" in printed
    assert "s3cret" not in printed
    assert len(receiver.got) == 1


def test_a_webhook_that_never_ends_its_answer_holds_nobody_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.drips = True
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    began = time.monotonic()
    assert not send(Notification(Kind.DEPLOY, "dev", "x"), environ(receiver))
    assert time.monotonic() - began < 4
    assert "no answer in" in capsys.readouterr().err


def test_a_failure_is_told_and_let_through_and_the_webhook_can_fail_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(receiver).items():
        monkeypatch.setenv(name, value)
    receiver.status = 500
    with pytest.raises(InfraError, match="canary: is not ready"), failures_told("dev", "deploy"):
        raise InfraError("canary", "is not ready")
    (told,) = receiver.got
    assert (told["event"], told["ok"], told["title"]) == ("failure", False, "deploy failed")
    assert "canary: is not ready" in told["lines"][0]
    with failures_told("dev", "deploy"):
        pass
    assert len(receiver.got) == 1


def test_a_trial_says_whether_it_was_taken(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfraError, match="NOTIFY_WEBHOOK_URL: is not set"):
        main(["--stack", "dev"])
    monkeypatch.setenv("NOTIFY_WEBHOOK_URL", environ(receiver)["NOTIFY_WEBHOOK_URL"])
    assert main(["--stack", "dev"]) == 0
    receiver.status = 404
    assert main(["--stack", "dev"]) == 1


def test_the_url_is_masked_and_each_workflow_that_tells_gets_it_as_a_secret() -> None:
    assert "NOTIFY_WEBHOOK_URL" in SECRETS
    for name in ("deploy", "drift", "rollback"):
        text = (CHECKOUT / ".github" / "workflows" / f"{name}.yml").read_text()
        assert "NOTIFY_WEBHOOK_URL: ${{ secrets.NOTIFY_WEBHOOK_URL }}" in text
        source = (CHECKOUT / "ops" / "ci" / f"{name}.py").read_text()
        assert re.search(r"\bsend\(Notification\(", source)
