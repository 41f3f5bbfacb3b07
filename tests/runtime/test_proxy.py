"""What is not the pool server's own goes to the gateway as it is: requests and WebSocket upgrades."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from runtime_process import RUNTIME, Start

from tests import needs
from tests.support.ports import free_port

NODE = """
const http = require("node:http"), {proxyRequest, proxyUpgrade} = require("./scripts/proxy.js");
const gateway = {port: Number(process.argv[1]), up: true};
const server = http.createServer(proxyRequest(gateway)).on("upgrade", proxyUpgrade(gateway));
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
"""
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def upgrade(port: int, first: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    lines = (
        f"GET /ws?a=b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\n"
    )
    client.sendall(f"{lines}\r\n".encode() + first)
    return client


def masked(text: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


def read_to(client: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        more = client.recv(4096)
        assert more, found
        found += more
    return found


@pytest.mark.parametrize("is_early", [True, False])
def test_messages_of_a_websocket_come_back(start: Start, is_early: bool) -> None:
    server = start(POOL_API_KEY="k").wait_ready()
    with upgrade(server.port, masked(b"hello") if is_early else b"") as client:
        if not is_early:
            client.sendall(masked(b"hello"))
        head = read_to(client, b"\x81\x05hello").partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 101 ")
        accept = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        assert b"sec-websocket-accept: " + accept in head
        client.sendall(masked(b"again") + masked(b"and again"))
        read_to(client, b"\x81\x05again\x81\x09and again")


def test_an_open_websocket_does_not_keep_it_from_ending(start: Start) -> None:
    server = start().wait_ready()
    with upgrade(server.port) as client:
        read_to(client, b"\r\n\r\n")
        server.process.terminate()
        assert server.process.wait(5) == 0
        assert client.recv(1) == b""


def test_an_upgrade_that_the_gateway_refuses_is_told(start: Start) -> None:
    server = start().wait_ready()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert read_to(client, b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert client.recv(1) == b"", "and that is the end of it"
    assert server.ready()


def test_an_upgrade_before_the_gateway_is_up_is_answered_503(start: Start) -> None:
    server = start(RUNTIME_DEAF="1")
    while True:
        try:
            client = upgrade(server.port)
            break
        except ConnectionRefusedError:
            continue
    with client:
        assert read_to(client, b"}").startswith(b"HTTP/1.1 503 ")


class Echo(BaseHTTPRequestHandler):
    """A gateway that says what it was asked."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, list[tuple[str, str]], bytes]]

    def do_POST(self) -> None:
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, self.headers.items(), body))
        self.send_response(int(self.headers.get("X-Answer") or 200), "As I Say")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.headers.get("X-Break"):
            self.wfile.write(b"5\r\nhal")
            self.close_connection = True
            return
        for at in range(0, len(body), 50_000):
            part = body[at : at + 50_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def client_of(port: int) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def proxy(gateway_port: int) -> Iterator[int]:
    """Run a proxy alone, and yield its port."""
    node = shutil.which("node")
    if node is None:
        needs.NODE.skip()
    port = free_port()
    command = [node, "-e", NODE, str(gateway_port), str(port)]
    process = subprocess.Popen(command, cwd=RUNTIME, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield port
        assert process.poll() is None, "whatever came, it lives"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def proxied() -> Iterator[tuple[int, type[Echo]]]:
    gateway = type("Gateway", (Echo,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        with proxy(server.server_address[1]) as port:
            yield port, gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_method_path_headers_and_body_arrive_and_the_answer_comes_back(method: str) -> None:
    with proxied() as (port, gateway), client_of(port) as client:
        body = os.urandom(300_000) if method in {"POST", "PUT"} else b""
        path = "/a%2Fb//c;d?e=%20f&g"
        client.request(method, path, body or None, {"X-Two": "1", "Authorization": "Bearer its-own", "X-Answer": "418"})
        answer = client.getresponse()
        assert (answer.status, answer.reason) == (418, "As I Say")
        assert answer.read() == body
        assert [value for name, value in answer.getheaders() if name == "Set-Cookie"] == ["a=1", "b=2"]
        ((seen, seen_path, headers, seen_body),) = gateway.seen
        assert (seen, seen_path, seen_body) == (method, path, body)
        assert ("X-Two", "1") in headers
        assert ("Authorization", "Bearer its-own") in headers


def test_a_chunked_body_is_passed_on() -> None:
    with proxied() as (port, gateway), client_of(port) as client:
        client.request("POST", "/", iter([b"one", b"two"]), encode_chunked=True)
        assert client.getresponse().read() == b"onetwo"
        assert gateway.seen[0][3] == b"onetwo"


def test_an_answer_that_breaks_off_is_not_told_as_a_whole_one() -> None:
    with proxied() as (port, _), client_of(port) as client:
        client.request("GET", "/", headers={"X-Break": "1"})
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            client.getresponse().read()


RAW = [
    b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://elsewhere.test/x HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n",
    b"GET //elsewhere.test/x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\x80\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    b"nonsense\r\n\r\n",
]


@pytest.mark.parametrize("raw", RAW, ids=repr)
def test_no_request_ends_it(raw: bytes) -> None:
    with proxied() as (port, _):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        with client_of(port) as after:
            after.request("POST", "/", b"still here")
            assert after.getresponse().read() == b"still here"


def test_a_gateway_that_is_away_is_a_502() -> None:
    with proxy(free_port()) as port, client_of(port) as client:
        client.request("GET", "/")
        assert client.getresponse().status == 502
