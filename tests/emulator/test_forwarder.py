"""A forwarder whose port is taken at first listens as soon as it is free, and one that is closed does not."""

from __future__ import annotations

import socket

import pytest

from emulator import forward
from emulator.forward import Forwarder
from emulator.free_port import free_port
from tests.emulator.fix_emulator import until


def connects(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(5) == b"hello"
    except OSError:
        return False


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_port_that_is_taken_is_waited_for(monkeypatch: pytest.MonkeyPatch, is_closed: bool) -> None:
    monkeypatch.setattr(forward, "_RETRY_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as target, socket.create_server(("127.0.0.1", 0)) as taken:
        target.settimeout(5)
        port = taken.getsockname()[1]
        forwarder = Forwarder("127.0.0.1", port, target.getsockname())
        if is_closed:
            forwarder.close()
            taken.close()
            assert not connects(port)
            return
        taken.close()
        until(lambda: forwarder._server is not None, 5, lambda: "it does not listen")
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            served, _ = target.accept()
            with served:
                served.sendall(b"hello")
                assert client.recv(5) == b"hello"
        forwarder.close()


def test_no_connection_of_a_client_is_given_a_port_that_a_server_keeps() -> None:
    assert all(10_000 <= free_port() < 32_768 for _ in range(50))
