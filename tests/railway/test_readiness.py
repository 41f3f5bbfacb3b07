"""Readiness is the body's word, asked with the key: not a status, and not Railway's SUCCESS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway import readiness
from convos_infra.railway.deployment import DeploymentState
from convos_infra.railway.readiness import REFUSED_SECONDS, AnswerKind, ReadinessArgs, ask, is_asked, wait_until_ready
from railway_api.client import Client
from tests.railway.scripted import FakeTime
from tests.railway.silent import HEAD, Wire, wired

KEY = "s3cret-bearer"
READY, STARTING = b'{"ready": true}', b'{"ready": false, "note": "foreign-words"}'
Answer = tuple[int, bytes]


@contextmanager
def runtime(answer: Callable[[int, str], Answer]) -> Iterator[tuple[str, list[str]]]:
    """Serve a runtime on loopback; `answer` gets the number of the question and its login. Yields where, and paths."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answer(len(asked), self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def waited(url: str, *, seconds: float = 60.0) -> tuple[FakeTime, str]:
    """Wait for a runtime; return the time that it took and all that was said."""
    passed, told = FakeTime(), list[str]()
    client = Client(
        "http://127.0.0.1:9", "t", sleep=passed.sleep, clock=passed.clock, wall=passed.wall, progress=told.append
    )
    asked = ReadinessArgs("https://stale.invalid", "/pool/health", KEY, "POOL_API_KEY", seconds)
    try:
        wait_until_ready(client, "canary", url, asked.properties())
    except InfraError as error:
        told.append(str(error))
    text = "\n".join(told)
    assert KEY not in text
    assert "foreign-words" not in text
    return passed, text


def test_a_runtime_that_answers_200_with_ready_false_is_waited_for() -> None:
    with runtime(lambda number, _: (200, READY if number > 4 else STARTING)) as (url, asked):
        _, text = waited(url)
    assert asked == ["/pool/health"] * 5
    assert text.splitlines() == ['canary: answers 200 with {"ready": false}, 0 s', "canary: is ready, 4 s"]


def test_the_key_is_sent_and_a_runtime_that_wants_it_is_ready() -> None:
    with runtime(lambda _, login: (200, READY) if login == f"Bearer {KEY}" else (401, b"{}")) as (url, asked):
        _, text = waited(url)
    assert len(asked) == 1
    assert "is ready" in text


def test_a_key_that_is_refused_for_long_ends_the_wait_early_and_names_the_variable() -> None:
    with runtime(lambda *_: (401, b'{"error": "foreign-words"}')) as (url, _):
        passed, text = waited(url, seconds=900)
    last = text.splitlines()[-1]
    assert last.startswith(f"canary: GET {url}/pool/health answers 401: it wants another key than the service's")
    assert "POOL_API_KEY" in last
    assert REFUSED_SECONDS <= passed.now < REFUSED_SECONDS + 10


def test_a_key_that_is_refused_while_the_old_container_goes_is_no_failure() -> None:
    with runtime(lambda number, _: (401, b"{}") if number < 4 else (200, READY)) as (url, _):
        _, text = waited(url)
    assert text.endswith("canary: is ready, 2 s")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((200, STARTING), 'answers 200 with {"ready": false}'),
        ((200, b""), 'answers 200 without {"ready": true}'),
        ((200, b"<html>foreign-words</html>"), 'without {"ready": true}'),
        ((200, b'{"ready": "true"}'), 'without {"ready": true}'),
        ((200, b'{"ready": 1}'), 'without {"ready": true}'),
        ((200, b"[true]"), 'without {"ready": true}'),
        ((200, b"\xff\xfe"), 'without {"ready": true}'),
        ((200, b"[" * 60_000), 'without {"ready": true}'),
        ((200, b'{"ready": true}' + b" " * 70_000), 'without {"ready": true}'),
        ((503, READY), "answers 503"),
        ((302, READY), "answers 302"),
        ((404, b"foreign-words"), "answers 404"),
        ((500, b"\x1b[31mforeign-words"), "answers 500"),
    ],
)
def test_a_wait_that_ends_in_vain_says_in_one_line_what_was_answered_last(answer: Answer, says: str) -> None:
    with runtime(lambda *_: answer) as (url, asked):
        passed, text = waited(url, seconds=20)
    last = text.splitlines()[-1]
    assert last.startswith(f"canary: not ready 20 s after its deployment: GET {url}/pool/health answers")
    assert says in last
    assert "pulumi up" in last
    assert passed.now <= 20
    assert set(asked) == {"/pool/health"}, "no redirect is followed"


def test_what_does_not_answer_is_one_line() -> None:
    with runtime(lambda *_: (200, READY)) as (url, _):
        pass
    _, text = waited(url, seconds=5)
    assert text.splitlines()[-1].startswith(f"canary: not ready 5 s after its deployment: GET {url}/pool/health does")


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OKKK", HEAD + b"X-Long: ", HEAD + b"\r\n "])
def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(readiness, "LONGEST_SECONDS", 0.2)

    def endless(wire: Wire, to: socket.socket) -> None:
        to.sendall(text)
        wire.trickle(to, b" ")

    with wired(endless) as wire:
        assert ask(f"http://127.0.0.1:{wire.port}/", KEY).kind is AnswerKind.SILENT


def test_a_simulated_deployment_has_nobody_to_ask() -> None:
    assert not is_asked(DeploymentState("d", "SUCCESS", mode="simulated"))
    assert is_asked(DeploymentState("d", "SUCCESS", mode="container"))
    assert is_asked(DeploymentState("d", "SUCCESS"))


def test_a_place_with_a_slash_at_its_end_is_the_same_place() -> None:
    with runtime(lambda *_: (200, READY)) as (url, asked):
        waited(f"{url}/")
    assert asked == ["/pool/health"]


def test_where_railway_shows_no_place_nobody_is_sent_the_key() -> None:
    _, text = waited("")
    assert text.startswith(
        "canary: its readiness was not checked, because Railway shows no domain of it now; run pulumi re"
    )
