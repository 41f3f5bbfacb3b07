"""Who sees a password or a token: a real registry behind gates of ours, each on a loopback address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from convos_infra.registry.challenge import Challenge
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import UnauthorizedError
from convos_infra.registry.resolve import resolve
from convos_infra.registry.token import RegistryCredentials
from tests.registry.gate import Canned, Gate, Seen
from tests.registry.pushing import REVISION, Repository

COMMIT = "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b"
CREDENTIALS = RegistryCredentials("robot", "pass-word-of-the-robot")
ACCOUNTS = {"robot": "pass-word-of-the-robot"}


@pytest.fixture
def gates() -> Iterator[Any]:
    """Open gates that close with the test."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Gate(*args, **kwargs))


@pytest.fixture
def image(repository: Repository) -> str:
    """`repository:tag` of an attested image, without its registry."""
    repository.attested("scaling", labels={REVISION: COMMIT})
    return f"{repository.name}:scaling"


def known(gate: Gate) -> Challenge:
    """What the program knows of GHCR in advance, said of a gate."""
    return Challenge("bearer", {"realm": gate.realm, "service": "gate"})


def test_a_public_image_needs_a_token_for_nobody(gates: Any, repository: Repository, image: str) -> None:
    gate = gates(repository.host, "bearer")
    assert resolve(f"{gate.host}/{image}").revision == COMMIT
    token = next(seen for seen in gate.seen if seen.path.startswith("/token"))
    assert token == Seen(
        "GET", f"/token?service=gate&scope=repository%3A{repository.name.replace('/', '%2F')}%3Apull", ""
    )
    assert [seen.authorization for seen in gate.seen][2:] == ["Bearer token-1"] * 3


def test_a_login_that_is_known_in_advance_saves_the_question(gates: Any, repository: Repository) -> None:
    """GHCR's: token, index, manifest; revision and created are annotations, as the workflow writes them."""
    annotations = {REVISION: COMMIT, "org.opencontainers.image.created": "2026-11-20T10:00:00Z"}
    repository.attested("scaling", index_annotations=annotations)
    gate = gates(repository.host, "bearer")
    client = RegistryClient(gate.host, known=known(gate))
    assert resolve(f"{gate.host}/{repository.name}:scaling", client=client).revision == COMMIT
    assert client.requests == len(gate.seen) == 3


def test_a_password_buys_a_token_at_the_registry_itself(gates: Any, repository: Repository, image: str) -> None:
    gate = gates(repository.host, "bearer", ACCOUNTS)
    assert resolve(f"{gate.host}/{image}", credentials=CREDENTIALS).revision == COMMIT
    basic = [seen.path.partition("?")[0] for seen in gate.seen if seen.authorization.startswith("Basic")]
    assert basic == ["/token"]


def test_a_registry_with_basic_auth_gets_the_password_after_it_asked(
    gates: Any, repository: Repository, image: str
) -> None:
    gate = gates(repository.host, "basic", ACCOUNTS)
    assert resolve(f"{gate.host}/{image}", credentials=CREDENTIALS).revision == COMMIT
    assert gate.seen[0].authorization == ""
    assert set(gate.authorizations()) == {CREDENTIALS.basic}


@pytest.mark.parametrize("login", ["bearer", "basic"])
def test_private_without_a_login_is_one_line(gates: Any, repository: Repository, image: str, login: str) -> None:
    gate = gates(repository.host, login, ACCOUNTS)
    with pytest.raises(UnauthorizedError) as caught:
        resolve(f"{gate.host}/{image}", subject="imageTag")
    place = f"{gate.host}/{repository.name}"
    expected = f"imageTag: {place} is private or missing; check the name, or set registry credentials"
    assert str(caught.value) == expected


@pytest.mark.parametrize("login", ["bearer", "basic"])
def test_a_wrong_password_is_tried_once_and_not_shown(
    gates: Any, repository: Repository, image: str, login: str
) -> None:
    gate = gates(repository.host, login, ACCOUNTS)
    with pytest.raises(UnauthorizedError) as caught:
        resolve(f"{gate.host}/{image}", credentials=RegistryCredentials("robot", "wrong-password"))
    assert "wrong-password" not in str(caught.value)
    assert "does not accept these credentials" in str(caught.value)
    assert len(gate.authorizations()) == 1


def test_a_token_that_expired_is_exchanged_again(gates: Any, repository: Repository, image: str) -> None:
    gate = gates(repository.host, "bearer")
    client = RegistryClient(gate.host)
    first = resolve(f"{gate.host}/{image}", client=client)
    gate.expire()
    assert resolve(f"{gate.host}/{image}", client=client) == first
    assert gate.authorizations()[-4:] == ["Bearer token-1", *["Bearer token-2"] * 3]


def test_a_second_image_of_the_repository_uses_the_same_token(gates: Any, repository: Repository, image: str) -> None:
    gate = gates(repository.host, "bearer")
    client = RegistryClient(gate.host)
    for _ in range(2):
        resolve(f"{gate.host}/{image}", client=client)
    assert len([seen for seen in gate.seen if seen.path.startswith("/token")]) == 1


def test_a_token_is_for_one_repository_and_for_pulling_whatever_the_registry_asks(
    gates: Any, repository: Repository, image: str
) -> None:
    gate = gates(repository.host, "bearer")  # its challenge asks for pull,push
    resolve(f"{gate.host}/{image}")
    assert list(gate.tokens.values()) == [f"repository:{repository.name}:pull"]


def test_token_is_not_sent_to_another_host(gates: Any, repository: Repository, image: str) -> None:
    """GHCR redirects blobs to a storage host with a signed URL: the token must stay at home."""
    storage = gates(repository.host, address="127.0.0.2")
    gate = gates(repository.host, "bearer", ACCOUNTS)
    gate.blob_host = storage.host
    assert resolve(f"{gate.host}/{image}", credentials=CREDENTIALS).revision == COMMIT
    assert len(storage.seen) == 1
    assert storage.authorizations() == []


def test_password_is_not_sent_to_another_host(gates: Any, repository: Repository, image: str) -> None:
    storage = gates(repository.host, address="127.0.0.2")
    gate = gates(repository.host, "basic", ACCOUNTS)
    gate.blob_host = storage.host
    assert resolve(f"{gate.host}/{image}", credentials=CREDENTIALS).revision == COMMIT
    assert len(storage.seen) == 1
    assert storage.authorizations() == []


def test_another_port_is_another_host(gates: Any, repository: Repository, image: str) -> None:
    storage = gates(repository.host)
    gate = gates(repository.host, "basic", ACCOUNTS)
    gate.blob_host = storage.host
    resolve(f"{gate.host}/{image}", credentials=CREDENTIALS)
    assert len(storage.seen) == 1
    assert storage.authorizations() == []


def test_a_redirect_back_home_does_not_bring_the_password_back(gates: Any, repository: Repository, image: str) -> None:
    gate = gates(repository.host, "basic", ACCOUNTS)
    storage = gates(repository.host, address="127.0.0.2")
    gate.blob_host = storage.host
    storage.can("GET /v2/", Canned(307, {"Location": f"http://{gate.host}/token?stolen"}))
    with pytest.raises(UnauthorizedError):
        resolve(f"{gate.host}/{image}", credentials=CREDENTIALS)
    assert [seen.authorization for seen in gate.seen if "stolen" in seen.path] == [""]


def test_a_realm_on_another_host_does_not_see_the_password(gates: Any, repository: Repository, image: str) -> None:
    stranger = gates(repository.host, "bearer", ACCOUNTS, address="127.0.0.2")
    gate = gates(repository.host, "bearer", ACCOUNTS)
    gate.realm, gate.tokens = stranger.realm, stranger.tokens
    with pytest.raises(UnauthorizedError) as caught:
        resolve(f"{gate.host}/{image}", credentials=CREDENTIALS)
    assert f"asks for a login at {stranger.host}, which may not receive its password" in str(caught.value)
    assert stranger.seen
    assert stranger.authorizations() == []


def test_a_realm_on_another_host_gives_tokens_to_nobody_all_the_same(
    gates: Any, repository: Repository, image: str
) -> None:
    login = gates(repository.host, "bearer", address="127.0.0.2")
    gate = gates(repository.host, "bearer")
    gate.realm, gate.tokens = login.realm, login.tokens
    assert resolve(f"{gate.host}/{image}", credentials=CREDENTIALS).revision == COMMIT
    assert login.authorizations() == []


def test_a_realm_that_is_allowed_sees_the_password_and_no_token(gates: Any, repository: Repository, image: str) -> None:
    login = gates(repository.host, "bearer", ACCOUNTS, address="127.0.0.2")
    gate = gates(repository.host, "bearer", ACCOUNTS)
    gate.realm, gate.tokens = login.realm, login.tokens
    client = RegistryClient(gate.host, credentials=CREDENTIALS, realm_hosts=frozenset({"127.0.0.2"}))
    assert resolve(f"{gate.host}/{image}", client=client).revision == COMMIT
    assert login.authorizations() == [CREDENTIALS.basic]
    assert set(gate.authorizations()) == {"Bearer token-1"}


def test_a_realm_that_redirects_does_not_take_the_password_along(
    gates: Any, repository: Repository, image: str
) -> None:
    stranger = gates(repository.host, "bearer", address="127.0.0.2")
    gate = gates(repository.host, "bearer", ACCOUNTS)
    gate.tokens = stranger.tokens
    gate.can("GET /token", Canned(302, {"Location": stranger.realm}))
    with pytest.raises(UnauthorizedError):
        resolve(f"{gate.host}/{image}", credentials=CREDENTIALS)
    assert stranger.seen
    assert stranger.authorizations() == []


def test_a_proxy_does_not_come_between_us_and_this_machine(
    gates: Any, repository: Repository, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = gates(repository.host, address="127.0.0.3")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
    monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
    gate = gates(repository.host)
    assert resolve(f"{gate.host}/{image}").revision == COMMIT
    assert proxy.seen == []


def test_deleting_asks_for_the_right_to_delete(gates: Any, repository: Repository) -> None:
    pushed = repository.image("scaling")
    gate = gates(repository.host, "bearer", ACCOUNTS)
    client = RegistryClient(gate.host, credentials=CREDENTIALS)
    assert client.delete(repository.name, pushed.digest)
    assert list(gate.tokens.values()) == [f"repository:{repository.name}:pull,delete"]
    assert not client.delete(repository.name, pushed.digest)
