"""Somebody takes the port between our choice and our start, and even answers there: theirs is never taken for ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ops.local import image_services, ports, starting
from ops.local.services import LocalService
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import find_program
from ops.toolchain.tools import Tool
from tests import needs

if TYPE_CHECKING:
    import io

    from ops.local.starter import Starter

REGISTRY = find_program("docker-registry", os.environ["PATH"]) or find_program("registry", os.environ["PATH"])


class _AnswersAll(BaseHTTPRequestHandler):
    """A registry to those who ask for one, and a Railway API that does not know our token."""

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"errors":[{"message":"Not Authorized"}],"data":null}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def strangers_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield a port that is free when it is chosen, and has a stranger's server when ours wants to listen."""
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), _AnswersAll)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    choose, port = ports.choose, int(server.server_address[1])
    lost = iter([port])

    def choose_too_early(preferred: int, taken: Collection[int] = ()) -> int:
        return next(lost, None) or choose(preferred, taken)

    monkeypatch.setattr(ports, "choose", choose_too_early)
    yield port
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_emulator_takes_another_port_and_is_ours(starter: Starter, strangers_port: int, out: io.StringIO) -> None:
    starter.layout.token.write_text("a-token-of-this-stack")
    service = starting.emulator(starter, None)
    assert service.port != strangers_port
    assert service.is_alive()
    assert f"emulator: somebody else took port {strangers_port} meanwhile; trying another" in out.getvalue()


@pytest.mark.skipif(REGISTRY is None, reason=needs.REGISTRY.reason)
def test_a_registry_takes_another_port_and_is_ours(starter: Starter, strangers_port: int) -> None:
    assert REGISTRY is not None
    service = image_services.registry(starter, Tool("registry", "path", "registry", {"registry": REGISTRY.path}), "")
    assert service.port != strangers_port
    assert service.is_alive()


def test_what_does_not_start_for_another_reason_is_not_tried_again(starter: Starter) -> None:
    tried = []

    def start(port: int) -> LocalService:
        tried.append(port)
        raise ToolError("emulator", "it ended at once: no disk", "its log is there")

    with pytest.raises(ToolError, match="no disk"):
        starter.run_on_port("emulator", 0, start)
    assert len(tried) == 1
