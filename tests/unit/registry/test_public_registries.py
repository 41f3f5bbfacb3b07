"""Registries on the internet, as far as that can be shown without it: canned answers at the place of the socket.

Each answer is what the registry is known to send (sources beside them); who is asked for what, with which credentials,
is what these tests are about.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse

from convos_infra.registry import manifest as manifests
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import BadAnswerError, UnauthorizedError, UnreachableError
from convos_infra.registry.resolve import resolve
from convos_infra.registry.token import RegistryCredentials
from convos_infra.registry.transport import Pace, RegistryTransport

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS = RegistryCredentials("robot", "pass-word-of-the-robot")
CONFIG = json.dumps({"os": "linux", "architecture": "amd64", "created": "2026-11-20T10:00:00Z"}).encode()
SINGLE = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": manifests.digest_of(CONFIG),
            "size": 1,
        },
        "layers": [],
    }
).encode()
INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_INDEX,
        "annotations": {manifests.REVISION: "1a2b3c4d", manifests.CREATED: "2026-11-20T10:00:00Z"},
        "manifests": [
            {
                "mediaType": manifests.OCI_MANIFEST,
                "digest": manifests.digest_of(SINGLE),
                "size": 1,
                "platform": {"os": "linux", "architecture": "amd64"},
            }
        ],
    }
).encode()
TOKEN: tuple[int, dict[str, str], bytes] = (200, {}, b'{"token":"a-token"}')


class Internet(BaseAdapter):
    """Answers by the beginning of a URL, and a record of what was asked with which `Authorization`."""

    def __init__(self, answers: Mapping[str, tuple[int, dict[str, str], bytes]]) -> None:
        super().__init__()
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = str(request.url)
        self.asked.append((url.partition("?")[0], str(request.headers.get("Authorization", ""))))
        found = next((answer for begins, answer in self.answers.items() if url.startswith(begins)), None)
        if found is None:
            raise requests.ConnectionError("no route: network is unreachable")
        response = requests.Response()
        response.status_code, response.url = found[0], url
        response.headers = requests.structures.CaseInsensitiveDict(found[1])
        response.raw = HTTPResponse(io.BytesIO(found[2]), preload_content=False)
        return response

    def close(self) -> None:
        """Nothing is open."""

    def client(self, registry: str, credentials: RegistryCredentials | None = None) -> RegistryClient:
        transport = RegistryTransport(registry, "imageTag", adapter=self, pace=Pace(sleep=lambda _: None))
        return RegistryClient(registry, credentials=credentials, subject="imageTag", transport=transport)


def test_a_public_image_on_ghcr_costs_three_requests() -> None:
    """Token, index, manifest: the login is known (sigstore/cosign#3434), the annotations spare the config."""
    internet = Internet(
        {
            "https://ghcr.io/token": TOKEN,
            "https://ghcr.io/v2/xmtplabs/convos-runtime/manifests/scaling": (200, {}, INDEX),
            "https://ghcr.io/v2/xmtplabs/convos-runtime/manifests/sha256:": (200, {}, SINGLE),
        }
    )
    image = resolve("ghcr.io/xmtplabs/convos-runtime:scaling", client=internet.client("ghcr.io"))
    assert image.revision == "1a2b3c4d"
    assert [authorization for _, authorization in internet.asked] == ["", "Bearer a-token", "Bearer a-token"]


def test_ghcr_sees_the_password_at_its_token_server_alone() -> None:
    internet = Internet(
        {
            "https://ghcr.io/token": TOKEN,
            "https://ghcr.io/v2/a/b/manifests/": (200, {}, SINGLE),
            "https://ghcr.io/v2/a/b/blobs/": (307, {"Location": "https://storage.example/blob?signature=s"}, b""),
            "https://storage.example/blob": (200, {}, CONFIG),
        }
    )
    resolve("ghcr.io/a/b:scaling", client=internet.client("ghcr.io", CREDENTIALS))
    assert internet.asked == [
        ("https://ghcr.io/token", CREDENTIALS.basic),
        ("https://ghcr.io/v2/a/b/manifests/scaling", "Bearer a-token"),
        (f"https://ghcr.io/v2/a/b/blobs/{manifests.digest_of(CONFIG)}", "Bearer a-token"),
        ("https://storage.example/blob", ""),
    ]


def test_netrc_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests puts the password that ~/.netrc has for a host over any header of ours."""
    (tmp_path / "netrc").write_text("machine ghcr.io login robot password of-the-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    internet = Internet({"https://ghcr.io/token": TOKEN, "https://ghcr.io/v2/a/b/manifests/": (404, {}, b"")})
    assert internet.client("ghcr.io").digest("a/b", "scaling") == ""
    assert [authorization for _, authorization in internet.asked] == ["", "Bearer a-token"]


def test_docker_hub_has_its_login_on_a_host_of_its_own() -> None:
    challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
    internet = Internet(
        {
            "https://auth.docker.io/token": TOKEN,
            "https://registry-1.docker.io/v2/": (401, {"WWW-Authenticate": challenge}, b""),
        }
    )
    with pytest.raises(UnauthorizedError):
        resolve("alpine", client=internet.client("docker.io", CREDENTIALS))
    assert internet.asked == [
        ("https://registry-1.docker.io/v2/library/alpine/manifests/latest", ""),
        ("https://auth.docker.io/token", CREDENTIALS.basic),
        ("https://registry-1.docker.io/v2/library/alpine/manifests/latest", "Bearer a-token"),
    ]


@pytest.mark.parametrize(
    "realm",
    [
        "https://127.0.0.1/token",
        "http://localhost:8080/token",
        "https://[::1]/token",
        "https://169.254.169.254/",
        "/token",
    ],
)
def test_a_realm_on_this_machine_is_refused(realm: str) -> None:
    internet = Internet(
        {"https://registry.example/v2/": (401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}, b""), "http": TOKEN}
    )
    with pytest.raises(BadAnswerError, match=r"asks for a login at .*, which is refused"):
        resolve("registry.example/a:b", client=internet.client("registry.example", CREDENTIALS))
    assert len(internet.asked) == 1


@pytest.mark.parametrize("target", ["http://127.0.0.1:5000/", "https://127.0.0.1/", "http://registry.example/token"])
def test_realm_redirect_to_loopback_is_refused(target: str) -> None:
    internet = Internet(
        {
            "https://registry.example/v2/": (
                401,
                {"WWW-Authenticate": 'Bearer realm="https://registry.example/token"'},
                b"",
            ),
            "https://registry.example/token": (302, {"Location": target}, b""),
            "http": TOKEN,
        }
    )
    with pytest.raises(BadAnswerError, match="which is not followed"):
        resolve("registry.example/a:b", client=internet.client("registry.example", CREDENTIALS))
    assert len(internet.asked) == 2


def test_a_manifest_redirect_to_a_private_address_is_refused() -> None:
    internet = Internet({"https://registry.example/v2/": (307, {"Location": "https://10.0.0.1/"}, b"")})
    with pytest.raises(BadAnswerError) as caught:
        resolve("registry.example/a:b", client=internet.client("registry.example"))
    assert str(caught.value).startswith(
        "imageTag: registry.example redirects to 10.0.0.1, which is not followed: that address is not on the internet"
    )


def test_a_web_site_is_no_registry() -> None:
    page = (404, {"Content-Type": "text/html"}, b"<html>Not found</html>")
    internet = Internet({"https://www.example/v2/": page})
    with pytest.raises(BadAnswerError) as caught:
        resolve("www.example/a:b", client=internet.client("www.example"))
    assert (
        str(caught.value) == "imageTag: www.example answers 404 with a web page; check the name: that is not a registry"
    )


def test_a_token_server_that_gives_no_token_is_named() -> None:
    internet = Internet({"https://ghcr.io/token": (200, {}, b'{"token":"two\\nlines"}')})
    with pytest.raises(BadAnswerError, match=r"ghcr\.io, where ghcr\.io asks for a login, returned no token \(200\)"):
        resolve("ghcr.io/a/b:c", client=internet.client("ghcr.io"))


def test_no_network_says_what_to_check() -> None:
    with pytest.raises(UnreachableError) as caught:
        resolve("ghcr.io/a/b:c", client=Internet({}).client("ghcr.io"))
    assert str(caught.value) == (
        "imageTag: cannot reach ghcr.io: no route to it; check the name, the network, and HTTPS_PROXY if there is one"
    )


def test_credentials_do_not_show_their_password() -> None:
    assert "pass-word" not in repr(CREDENTIALS)
    assert "pass-word" not in f"{CREDENTIALS}"
