"""The server of dynamic providers ends with the engine that started it, also in the midst of a call."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from convos_infra.engine_watch import install_engine_watch
from convos_infra.provider import Props, Provider
from convos_infra.waiting_threads import SERVICER


class Sleeper(Provider):
    """Waits in a creation, as one does for a deployment, until its process ends."""

    def created(self, props: Props) -> None:  # type: ignore[override]
        print("waits", file=sys.stderr, flush=True)
        threading.Event().wait()


@pytest.fixture
def server() -> subprocess.Popen[str]:
    """Pulumi's own server, started as its engine does: the pipe of its output is the engine's."""
    argv = [sys.executable, "-u", "-m", "pulumi.dynamic", "127.0.0.1:1"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("under_way", ["nothing", "a creation"])
def test_a_server_whose_engine_was_killed_ends(server: subprocess.Popen[str], under_way: str) -> None:
    try:
        assert server.stdout is not None
        assert server.stderr is not None
        port = int(server.stdout.readline())
        properties = struct_pb2.Struct()
        properties[PROVIDER_KEY] = serialize_provider(Sleeper())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            if under_way == "nothing":
                stub.Check(provider_pb2.CheckRequest(news=properties))
            else:
                call = stub.Create.future(provider_pb2.CreateRequest(properties=properties))
                assert select.select([server.stderr], [], [], 20)[0], call
                assert server.stderr.readline() == "waits\n"
            assert server.poll() is None
            server.stdout.close()  # what the system does when the engine ends, however it does
            assert server.wait(timeout=20) == 1
        assert server.stderr.read() == ""
    finally:
        server.kill()
        server.wait()
        for stream in (server.stdout, server.stderr):
            if stream is not None:
                stream.close()


def test_no_other_process_is_ended_with_the_reader_of_its_output() -> None:
    reading, writing = os.pipe()
    regular = os.open(os.devnull, os.O_WRONLY)
    try:
        os.close(reading)
        assert not install_engine_watch(SimpleNamespace(), writing)
        assert not install_engine_watch(SimpleNamespace(**{SERVICER: object}), regular)
    finally:
        os.close(writing)
        os.close(regular)
