"""What a test needs of its machine: each skip says what is missing, and the one command that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import pytest

from ops.toolchain import for_tests

SEPARATOR = ": "


@dataclass(frozen=True)
class Need:
    """Something that a machine may lack.

    Attributes:
        what: it, in words that end the sentence "this test needs …".
        command: makes it available; typed in a shell.
    """

    what: str
    command: str

    @property
    def reason(self) -> str:
        """The reason for pytest: what is missing, and the command."""
        return f"needs {self.what}{SEPARATOR}{self.command}"

    def skip(self) -> NoReturn:
        """Skip the test that runs."""
        pytest.skip(self.reason)


NODE = Need("node on PATH", for_tests.command("nodejs"))
GO = Need("go on PATH", "curl -fsSL https://go.dev/dl/go1.26.0.linux-amd64.tar.gz | tar -C /usr/local -xz")
GO_MODULES = Need("the Go module proxy", "GOPROXY=<a proxy that can be reached> make test")
PSQL = Need("psql on PATH", for_tests.command("postgresql-client"))
DEBIAN_POSTGRESQL = Need("Debian's PostgreSQL", for_tests.command("postgresql"))
TLS_POSTGRESQL = Need("openssl and Debian's PostgreSQL", for_tests.command("openssl", "postgresql"))
REGISTRY = Need("a registry on PATH", for_tests.command("docker-registry"))
CHROMIUM = Need("Chromium on PATH or in CHROMIUM_PATH", for_tests.command("chromium"))
PGBOUNCER = Need("PgBouncer on PATH", "apt-get install -y pgbouncer")
SETPRIV = Need("setpriv on PATH", for_tests.command("util-linux"))
DOCKER = Need("a Docker daemon", "apt-get install -y docker.io")
TOOLCHAIN = Need("the toolchain on PATH", "make test")
ROOT = Need("root", "sudo make test")
NAMESPACES = Need("the right to make namespaces and mounts", "sudo make test")
LINUX = Need("Linux and its /proc", "docker run --privileged -v .:/convos -w /convos debian:12 make test")
RUNTIME_IMAGE = Need("a runtime that can be started anew", "CONTRACT_RUNTIME_IMAGE=<image> make test")
RUNTIME_KEY = Need("a runtime with a key", "CONTRACT_RUNTIME_KEY=<key> make test")
RUNTIME_INVITATION = Need("an invitation for the runtime", "CONTRACT_RUNTIME_JOIN_URL=<URL> make test")
RUNTIME_PLAIN = Need("a runtime at a plain address", "CONTRACT_RUNTIME_URL=http://<host> make test")


def python(version: str) -> Need:
    """Return the need of another Python, such as `3.13`."""
    return Need(f"Python {version}", f"pyenv install {version}")
