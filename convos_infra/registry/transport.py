"""Sends one HTTP request to a registry: bounded, retried if that is safe, and only to hosts that it may reach."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests

from convos_infra.registry import hosts, retry
from convos_infra.registry.errors import BadAnswerError, BusyError, UnreachableError

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

USER_AGENT = "convos-infra (+https://github.com/xmtplabs)"
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
LARGEST_BODY = 4 * 1024 * 1024
"""Registries must take manifests up to 4 MiB and need not take larger ones (distribution-spec, "Pushing Manifests")."""
_MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Pace:
    """Time and randomness, which tests replace."""

    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class RegistryAnswer:
    """An answer: status, headers (keys of any case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class RegistryTransport:
    """Sends the requests to one registry; like `requests.Session`, it must not be shared between threads."""

    def __init__(
        self,
        registry: str,
        subject: str,
        *,
        adapter: BaseAdapter | None = None,
        budget: retry.RegistryBudget | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.requests = 0
        """The number of requests sent, including redirects, logins and retries."""
        self._registry = registry
        self._subject = subject
        self._budget = budget or retry.RegistryBudget()
        self._pace = pace or Pace()
        self._session = _session(hosts.api_url(registry), adapter)

    def send(self, method: str, url: str, headers: Mapping[str, str], authorization: str = "") -> RegistryAnswer:
        """Send a request and follow redirects; credentials stay with the origin of `url`.

        Raises:
            UnreachableError: no answer.
            BusyError: 429 or 5xx until the retry budget was used up.
            BadAnswerError: a redirect that must not be followed, or an endless body.
        """
        home = hosts.origin_of(url)
        for _ in range(_MOST_REDIRECTS + 1):
            mine = {"Authorization": authorization} if authorization else {}
            answer = self._patiently(method, url, {**headers, **mine})
            if answer.status not in _REDIRECTS or not answer.headers.get("Location"):
                return answer
            if method == "DELETE":
                raise BadAnswerError(self._subject, f"{self._registry} redirects a DELETE, which is never followed")
            url = self._next(url, urljoin(url, answer.headers["Location"]))
            if hosts.origin_of(url) != home:
                authorization = ""  # also for later redirects: one that leads back may come from the other host
        raise BadAnswerError(self._subject, f"{self._registry} redirected {_MOST_REDIRECTS} times and did not answer")

    def _next(self, source: str, target: str) -> str:
        if reason := hosts.why_not_follow(source, target):
            problem = f"{self._registry} redirects to {_place(target)}, which is not followed: {reason}"
            raise BadAnswerError(self._subject, problem, "check the registry's name, and any proxy in front of it")
        return target

    def _patiently(self, method: str, url: str, headers: Mapping[str, str]) -> RegistryAnswer:
        """Retry within the budget. All methods used here are idempotent (a DELETE always names a digest)."""
        attempt, spent = 0, 0.0
        while True:
            attempt += 1
            failure: UnreachableError | BusyError
            told = None
            try:
                answer = self._once(method, url, headers)
                if not retry.is_worth_asking_again(answer.status):
                    return answer
                told = retry.retry_after(answer.headers.get("Retry-After"), self._pace.now())
                failure = self._busy(url, answer.status, told)
            except requests.exceptions.SSLError:
                problem = f"{_place(url)} has no TLS certificate that this machine trusts"
                raise UnreachableError(self._subject, problem, "check the name, the clock and any proxy") from None
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader):
                raise BadAnswerError(self._subject, f"{_place(url)} is not a valid URL") from None
            except requests.RequestException as error:
                failure = self._unreachable(url, error)
            pause = retry.delay(self._budget, attempt, spent, self._pace.random(), told)
            if pause is None:
                raise failure
            spent += pause
            self._pace.sleep(pause)

    def _once(self, method: str, url: str, headers: Mapping[str, str]) -> RegistryAnswer:
        self.requests += 1
        began = self._pace.monotonic()
        with self._session.request(
            method,
            url,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        ) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > LARGEST_BODY:
                    problem = f"{_place(url)} sends more than {LARGEST_BODY // 1024**2} MiB, which cannot be a manifest"
                    raise BadAnswerError(self._subject, problem)
                if self._pace.monotonic() - began > 2 * READ_SECONDS:  # a read timeout does not stop a slow drip
                    raise requests.ReadTimeout
            return RegistryAnswer(response.status_code, response.headers, bytes(body), url)

    def _busy(self, url: str, status: int, told: float | None) -> BusyError:
        asked = f" and asks to wait {told:.0f} s" if told else ""
        if status == retry.TOO_MANY_REQUESTS:
            problem = f"{_place(url)} limits our requests (429){asked}"
            return BusyError(self._subject, problem, "wait, or log in, as most registries then allow more")
        return BusyError(
            self._subject, f"{_place(url)} answers {status}{asked}", "the registry has a problem: try later"
        )

    def _unreachable(self, url: str, error: requests.RequestException) -> UnreachableError:
        here = hosts.origin_of(url)
        if here and hosts.is_loopback(here.host):
            step = "start the registry, or correct its port"
        else:
            step = "check the name, the network, and HTTPS_PROXY if there is one"
        return UnreachableError(self._subject, f"cannot reach {_place(url)}: {_reason(error)}", step)


class _Session(requests.Session):
    """Follows no redirect: `RegistryTransport.send` does, and drops the credentials.

    requests keeps the credentials on some redirects and reads ~/.netrc on others. Even with `allow_redirects=False`, it
    reads the whole body of a redirect, whatever its size.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Treat no answer as a redirect."""
        del resp


def _session(base_url: str, adapter: BaseAdapter | None) -> requests.Session:
    session = _Session()
    if adapter is not None:
        session.mount("https://", adapter)
        session.mount("http://", adapter)
    # Any `auth` prevents requests from replacing our header by the password for the host from ~/.netrc.
    session.auth = _as_it_is
    origin = hosts.origin_of(base_url)
    session.trust_env = not (origin and hosts.is_loopback(origin.host))  # no proxy between us and this machine
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _place(url: str) -> str:
    """Return the host and port of a URL, as signed URLs contain secrets in the rest."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"
    except ValueError:
        return "nowhere"


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection in {CONNECT_SECONDS:.0f} s"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer in {READ_SECONDS:.0f} s"
    text = str(error)
    for sign, words in (
        ("NameResolutionError", "no such host"),
        ("Connection refused", "connection refused"),
        ("unreachable", "no route to it"),
    ):
        if sign in text:
            return words
    return "the connection broke"
