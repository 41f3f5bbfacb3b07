"""What an agent may do with a connection in place of an answer; each script gets the socket after the request."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable

from tests.pool.raw_agent import HEAD, drip, say_all

READY = b'{"ready": true}'


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


def half_closed(client: socket.socket) -> None:
    client.sendall(HEAD + b"Content-Length: 50\r\n\r\n" + READY)
    client.shutdown(socket.SHUT_WR)
    client.settimeout(3)
    client.recv(1)


def reset(client: socket.socket) -> None:
    client.sendall(HEAD + b"Content-Length: 50\r\n\r\n{")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def kept_alive(client: socket.socket) -> None:
    client.sendall(HEAD + b"Connection: keep-alive\r\nKeep-Alive: timeout=9999\r\n\r\n" + READY)
    # Longer than any deadline: an answer without a length is complete once its connection ends.
    client.settimeout(60)
    client.recv(1)


def early_hints(client: socket.socket) -> None:
    while True:
        client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 500)


def packets_of_a_byte(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(HEAD + b"\r\n")
    for _ in range(70_000):
        client.send(b" ")


LIES: dict[str, Callable[[socket.socket], None]] = {
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
    "a length and chunks": say_all(HEAD + b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + READY),
    "a half-closed connection before the length": half_closed,
    "a reset in the middle": reset,
    "a second answer behind the first": say_all(
        HEAD + b'Connection: keep-alive\r\nContent-Length: 16\r\n\r\n{"ready": false}', HEAD + b"\r\n" + READY
    ),
    "a connection that is kept alive without a length": kept_alive,
    "no content, and a body": say_all(b"HTTP/1.1 204 No\r\nContent-Length: 15\r\n\r\n" + READY),
    "early hints without an end": early_hints,
    "chunks of one byte": say_all(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 40_000),
    "a packet for each byte": packets_of_a_byte,
    "a bomb of gzip": say_all(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 50_000_000)),
    "a redirect to the metadata of the cloud": say_all(
        b"HTTP/1.1 302 Go\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n"
    ),
    "a redirect to the pool manager's own machine": say_all(
        b"HTTP/1.1 301 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    ),
    "a NUL in a header": say_all(b"HTTP/1.1 200 OK\r\nX\x00: \x00\r\nContent-Length: 1\r\n\r\n{"),
    "headers without names": say_all(b"HTTP/1.1 200 OK\r\n: a\r\n :b\r\n c\r\nContent-Length : 2\r\n\r\n[]"),
    "a number of 60,000 digits": say_all(HEAD + b'\r\n{"ready": ' + b"9" * 60_000 + b"}"),
    "another protocol": say_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", b"\x00" * 100_000),
}
