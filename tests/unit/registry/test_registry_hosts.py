"""Which hosts are spoken to how, and where nobody may send us."""

from __future__ import annotations

import pytest

from convos_infra.registry import hosts


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("ghcr.io", "https://ghcr.io"),
        ("docker.io", "https://registry-1.docker.io"),
        ("registry.example:5000", "https://registry.example:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.9.10:5000", "http://127.8.9.10:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("localhost", "http://localhost"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("localhost.example", "https://localhost.example"),
        ("127.0.0.1.example", "https://127.0.0.1.example"),
        ("128.0.0.1", "https://128.0.0.1"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ("0.0.0.0:5000", "https://0.0.0.0:5000"),
        ("[::2]:5000", "https://[::2]:5000"),
    ],
)
def test_plain_http_is_spoken_to_this_machine_alone(registry: str, url: str) -> None:
    assert hosts.api_url(registry) == url


ALLOWED = [
    ("https://ghcr.io/v2/", "https://ghcr.io/token"),
    ("https://ghcr.io/v2/", "https://pkg-containers.example/blob?sig=1"),
    ("https://10.0.0.5/v2/", "https://10.0.0.5/token"),
    ("http://127.0.0.1:5000/v2/", "http://127.0.0.2:5001/token"),
    ("http://127.0.0.1:5000/v2/", "https://ghcr.io/token"),
]
REFUSED = [
    ("https://ghcr.io/v2/", "http://ghcr.io/token"),
    ("https://ghcr.io/v2/", "http://127.0.0.1/token"),
    ("https://ghcr.io/v2/", "https://127.0.0.1/token"),
    ("https://ghcr.io/v2/", "https://localhost/token"),
    ("https://ghcr.io/v2/", "https://LOCALHOST:8443/token"),
    ("https://ghcr.io/v2/", "https://[::1]/token"),
    ("https://ghcr.io/v2/", "https://169.254.169.254/latest/meta-data"),
    ("https://ghcr.io/v2/", "https://10.0.0.1/token"),
    ("https://ghcr.io/v2/", "https://0.0.0.0/token"),
    ("https://10.0.0.5/v2/", "https://10.0.0.6/token"),
    ("https://ghcr.io/v2/", "file:///etc/passwd"),
    ("https://ghcr.io/v2/", "/token"),
    ("https://ghcr.io/v2/", ""),
    ("https://ghcr.io/v2/", "https://ghcr.io:99999/token"),
    ("https://ghcr.io/v2/", "https://[::1/token"),
    ("http://127.0.0.1:5000/v2/", "http://ghcr.io/token"),
]


@pytest.mark.parametrize(("source", "target"), ALLOWED)
def test_a_registry_may_send_us_on(source: str, target: str) -> None:
    assert hosts.why_not_follow(source, target) == ""


@pytest.mark.parametrize(("source", "target"), REFUSED)
def test_a_registry_may_not_send_us_there(source: str, target: str) -> None:
    assert hosts.why_not_follow(source, target)


def test_scheme_host_and_port_make_an_origin() -> None:
    assert hosts.origin_of("https://ghcr.io/a") == hosts.origin_of("https://ghcr.io:443/b")
    assert hosts.origin_of("https://ghcr.io/") != hosts.origin_of("http://ghcr.io:443/")
    assert hosts.origin_of("https://GHCR.io/") == hosts.origin_of("https://ghcr.io/")
    assert hosts.origin_of("https://ghcr.io@evil.example/") == hosts.origin_of("https://evil.example/")


def test_only_docker_hub_has_its_login_elsewhere() -> None:
    assert hosts.login_hosts("docker.io") == {"auth.docker.io"}
    assert hosts.login_hosts("ghcr.io") == frozenset()
