"""Whatever bytes an agent sends: a request ends at its deadline, and no more is read than anybody needs."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable

import pytest
from convos_pool import agent_http

from tests.pool.raw_agent import HEAD, answering, drip, say_all


def endless(client: socket.socket) -> None:
    client.sendall(HEAD + b"\r\n")
    while True:
        client.sendall(b"x" * 65536)


def endless_chunks(client: socket.socket) -> None:
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"2000\r\n" + b"x" * 8192 + b"\r\n")


def slow_body(client: socket.socket) -> None:
    client.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    drip(b"{")(client)


def silent(client: socket.socket) -> None:
    client.settimeout(3)
    client.recv(1)


def interim_answers(client: socket.socket) -> None:
    while True:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_trailer(client: socket.socket) -> None:
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        client.sendall(b"X: y\r\n" * 1000)


def tiny_chunks(client: socket.socket) -> None:
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"1;" + b"e" * 60_000 + b"\r\nx\r\n")


SCRIPTS: dict[str, Callable[[socket.socket], None]] = {
    "silent": silent,
    "one byte at a time": drip(b"H"),
    "slow headers": drip(b"HTTP/1.1 200 OK\r\nX-A: b"),
    "slow body": slow_body,
    "endless body": endless,
    "endless chunks": endless_chunks,
    "a header without an end": say_all(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 200_000),
    "a thousand headers": say_all(b"HTTP/1.1 200 OK\r\n", *[b"X%d: y\r\n" % n for n in range(1000)], b"\r\n{}"),
    "nonsense": say_all(b"\x00\xff\x16\x03\x01" * 100),
    "a length that is no number": say_all(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "an end before the length": say_all(HEAD + b"Content-Length: 50\r\n\r\n{"),
    "a hang-up": lambda client: client.close(),
    "interim answers without an end": interim_answers,
    "a trailer without an end": endless_trailer,
    "chunks of one byte with long extensions": tiny_chunks,
    "a header of a megabyte in pieces": say_all(
        b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 60_000 + b"\r\n"] * 20, b"\r\n{}"
    ),
    "cookies": say_all(b"HTTP/1.1 200 OK\r\n", *[b"Set-Cookie: a=b\r\n"] * 2000, b"\r\n{}"),
    "HTTP/0.9": say_all(b'{"ready": true}'),
    "a status of nonsense": say_all(b"HTTP/1.1 +20 OK\r\n\r\n{}"),
    "two lengths": say_all(HEAD + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
    "a chunk of minus one byte": say_all(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 100_000),
    "a chunk of a huge size": say_all(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
    "a length of many digits": say_all(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}"),
    "another protocol": say_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", b"\x00" * 100_000),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_request_ends_at_its_deadline_whatever_comes(name: str) -> None:
    with answering(SCRIPTS[name]) as url:
        began = time.monotonic()
        try:
            answer = agent_http.send(agent_http.Request("GET", url + "/pool/health", "key", seconds=0.6))
            assert len(answer.body) <= agent_http.LARGEST_ANSWER
        except agent_http.NoAnswer:
            pass
        assert time.monotonic() - began < 2.5


FLOODS = ("endless body", "endless chunks", "interim answers without an end", "a trailer without an end")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_its_first_bytes_and_no_more(name: str) -> None:
    with answering(SCRIPTS[name]) as url:
        began = time.thread_time()
        with pytest.raises(agent_http.NoAnswer):
            agent_http.send(agent_http.Request("GET", url, "key", seconds=60.0))
        # The deadline would be a minute of the processor; a hundred such agents keep no round from ending.
        assert time.thread_time() - began < 1.0


def test_an_agent_without_tls_behind_an_address_with_it_is_no_answer() -> None:
    with answering(say_all(HEAD + b"\r\n{}")) as url, pytest.raises(agent_http.NoAnswer, match="SSL"):
        agent_http.send(agent_http.Request("GET", url.replace("http:", "https:"), "key", seconds=2.0))


def test_a_handshake_that_takes_long_ends_at_the_deadline() -> None:
    with answering(drip(b"\x16\x03\x03\x40\x00\x02")) as url:
        began = time.monotonic()
        with pytest.raises(agent_http.NoAnswer):
            agent_http.send(agent_http.Request("GET", url.replace("http:", "https:"), "key", seconds=0.6))
        assert time.monotonic() - began < 2.5


def test_an_answer_that_says_that_it_is_compressed_is_not_unpacked() -> None:
    body = gzip.compress(b'{"ready": true' + b" " * 10_000_000 + b"}")
    assert len(body) < agent_http.LARGEST_ANSWER
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(say_all(head + body)) as url:
        assert agent_http.send(agent_http.Request("GET", url, "key")).body == body


def test_an_agent_that_reads_nothing_keeps_a_claim_no_longer_than_its_deadline() -> None:
    with answering(lambda client: time.sleep(3)) as url:
        began = time.monotonic()
        with pytest.raises(agent_http.NoAnswer):
            agent_http.send(agent_http.Request("POST", url, "key", b"x" * 30_000_000, seconds=0.6))
        assert time.monotonic() - began < 2.5


def test_an_agent_that_cannot_be_reached_is_no_answer() -> None:
    for url in ("http://127.0.0.1:9/", "http://nowhere.invalid/", "https://127.0.0.1:9/x", "http:///", "http://[::1"):
        with pytest.raises(agent_http.NoAnswer):
            agent_http.send(agent_http.Request("GET", url, "key", seconds=2.0))


def test_a_redirect_is_not_followed() -> None:
    heard: list[bytes] = []
    with answering(lambda client: heard.append(b"asked")) as other:
        location = f"HTTP/1.1 307 Go\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(say_all(location)) as url:
            assert agent_http.send(agent_http.Request("GET", url, "key")).status == 307
    assert heard == []
