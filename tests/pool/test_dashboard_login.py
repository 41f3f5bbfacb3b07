"""The dashboard's door: who gets in, what a form has to carry, and what everybody may see."""

from __future__ import annotations

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
import requests
from convos_pool.dashboard.markup import Markup, joined, tag
from convos_pool.dashboard.session import MOST_FAILED, MOST_FAILED_ALL, SESSION_SECONDS, Attempts, Sessions

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, IMAGE, Pool, running_pool, variables
from tests.pool.surroundings import Surroundings, until_idle

if TYPE_CHECKING:
    from pathlib import Path

ACTS = ["claim", "add", "drain", "kill", "dismiss", "redeploy", "finish", "abort", "retry"]
WISH = {"agentName": "Ada <b>", "instructions": "Be brief."}


class Visitor:
    """A browser without JavaScript: it keeps cookies, and sends what a form has."""

    def __init__(self, pool: Pool, **headers: str) -> None:
        self.pool = pool
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(headers)

    def get(self, path: str = "/") -> requests.Response:
        return self.session.get(self.pool.url + path, timeout=20)

    def post(self, path: str, **more: Any) -> requests.Response:
        return self.session.post(self.pool.url + path, timeout=60, **{"allow_redirects": False, **more})

    def login(self, key: str = API_KEY) -> requests.Response:
        return self.post("/login", data={"key": key})

    def act(self, act: str, **fields: str) -> requests.Response:
        """Send a form as the page shows it, and return the page that follows."""
        return self.post(f"/dashboard/{act}", data={"token": self.token(), **fields}, allow_redirects=True)

    def token(self) -> str:
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.get().text)
        assert found, "logged out"
        return found[1]


def test_without_a_login_there_are_counts_and_nothing_else(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        claimed = pool.json("POST", "/api/pool/claim", WISH)
        shown = Visitor(pool).get()
        assert shown.status_code == 200
        assert IMAGE in shown.text
        assert claimed["instanceId"] not in shown.text
        assert "Ada" not in shown.text
        assert claimed["inviteUrl"] not in shown.text
        for path in ("/dashboard/live", "/dashboard/stream", f"/dashboard/agents/{claimed['instanceId']}"):
            answer = requests.get(pool.url + path, timeout=20, allow_redirects=False)
            assert answer.status_code in {204, 303, 401}
            assert answer.text == ""


def test_a_login_gives_a_cookie_that_no_script_and_no_other_site_has(idle_pool: Pool) -> None:
    visitor = Visitor(idle_pool)
    answer = visitor.login()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert API_KEY not in answer.headers["set-cookie"]
    assert not cookie["secure"], "plain HTTP, as on this machine"
    proxied = Visitor(idle_pool, **{"X-Forwarded-Proto": "https"}).login()
    (secured,) = SimpleCookie(proxied.headers["set-cookie"]).values()
    assert secured["secure"]
    assert "Launch or join" in visitor.get().text


def test_a_logout_ends_the_session_for_whoever_kept_the_cookie(idle_pool: Pool) -> None:
    visitor, thief = Visitor(idle_pool), Visitor(idle_pool)
    visitor.login()
    thief.session.cookies.update(visitor.session.cookies)
    assert "Log out" in thief.get().text
    visitor.post("/logout", data={"token": "0" * 64})
    assert "Log out" in thief.get().text, "no other site can log somebody out"
    visitor.session.cookies.update(thief.session.cookies)
    visitor.post("/logout", data={"token": visitor.token()})
    assert "Log out" not in thief.get().text


@pytest.mark.parametrize("path", ["/", "/login", "/metrics", "/dashboard/live", "/static/dashboard.js"])
def test_pages_load_nothing_from_elsewhere_and_run_nothing_that_is_in_them(idle_pool: Pool, path: str) -> None:
    visitor = Visitor(idle_pool)
    visitor.login()
    answer = visitor.get(path)
    if path not in {"/metrics", "/login"}:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", answer.text)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("0" * 64, {}),
        ("own", {"Origin": "https://evil.example"}),
        ("own", {"Origin": "null"}),
        ("own", {"Sec-Fetch-Site": "cross-site"}),
        ("own", {"Sec-Fetch-Site": "same-site"}),
        ("another session's", {}),
    ],
)
def test_a_form_of_another_site_does_nothing(idle_pool: Pool, act: str, token: str, headers: dict[str, str]) -> None:
    visitor, other = Visitor(idle_pool), Visitor(idle_pool)
    visitor.login()
    other.login()
    given = {"own": visitor.token, "another session's": other.token}.get(token, lambda: token)()
    answer = visitor.post(f"/dashboard/{act}", data={"token": given, **WISH}, headers={"X-Part": "result", **headers})
    assert (answer.status_code, "did not come from this page" in answer.text) == (403, True)


@pytest.mark.parametrize("act", [*ACTS, "nothing"])
def test_without_a_login_an_act_leads_to_the_login(idle_pool: Pool, act: str) -> None:
    answer = Visitor(idle_pool).post(f"/dashboard/{act}", data={"token": "0" * 64})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


FORGED = [
    "",
    "a",
    "a.b",
    "a.b.c",
    "a.9999999999.",
    "..",
    "a.99999999999999999999.x",
    "é.1.é",
    "a.٩٩٩٩٩٩٩٩٩٩.x",
    "a.-1.x",
    f"{'x' * 3000}.9999999999.{'0' * 64}",
]


@pytest.mark.parametrize("cookie", FORGED)
def test_a_cookie_that_is_not_ours_is_none(cookie: str) -> None:
    assert Sessions("key").read(cookie) is None


def test_a_cookie_ends_with_its_time_with_the_key_and_where_a_character_differs() -> None:
    now = [1_000_000.0]
    sessions = Sessions("key", lambda: now[0])
    cookie = sessions.begin()
    found = sessions.read(cookie)
    assert found is not None
    assert found.form_token not in cookie
    assert Sessions("other key", lambda: now[0]).read(cookie) is None
    assert Sessions("key", lambda: now[0]).read(cookie) == found, "a restart keeps it"
    for place in range(len(cookie)):
        forged = cookie[:place] + ("0" if cookie[place] != "0" else "1") + cookie[place + 1 :]
        assert sessions.read(forged) is None, place
    now[0] += SESSION_SECONDS
    assert sessions.read(cookie) is None


def test_wrong_keys_are_counted_an_address_and_in_all() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(MOST_FAILED):
        assert attempts.seconds_to_wait("a") == 0
        attempts.failed("a")
    assert attempts.seconds_to_wait("a") == 60
    assert attempts.seconds_to_wait("b") == 0
    now[0] = 59.0
    assert attempts.seconds_to_wait("a") == 1
    now[0] = 60.0
    assert attempts.seconds_to_wait("a") == 0
    for number in range(MOST_FAILED_ALL):
        attempts.failed(f"made up {number}")
    assert attempts.seconds_to_wait("new") == 60


def test_whoever_tries_keys_waits_and_the_right_one_is_no_help(tmp_path: Path) -> None:
    with running_pool(tmp_path, variables()) as pool:
        visitor = Visitor(pool)
        for key in ["", " ", API_KEY[:-1], API_KEY + "x", API_KEY.upper(), "é", "x" * 5000, "%00", "a", "b"]:
            assert visitor.login(key).status_code == 401
        answer = visitor.login()
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"&".join(b"a=b" for _ in range(100)), 400), (b"\xff\xfe", 400), (b"token=" + b"x" * 800_000, 413)],
)
def test_a_form_that_no_page_has_is_one_line(idle_pool: Pool, body: bytes, status: int) -> None:
    visitor = Visitor(idle_pool)
    visitor.login()
    assert visitor.post("/dashboard/kill", data=body).status_code == status


def test_in_production_nothing_is_done_without_a_second_word(tmp_path: Path) -> None:
    with running_pool(tmp_path, variables(POOL_ENVIRONMENT="production")) as pool:
        visitor = Visitor(pool)
        visitor.login()
        assert '<body class="production">' in visitor.get().text
        for act in ACTS:
            answer = visitor.act(act, **WISH, count="1", agent="abcdefghijkm")
            assert "This is production: confirm it." in answer.text, act


def test_every_act_works_without_javascript_and_what_a_user_wrote_stays_text(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        visitor = Visitor(pool)
        visitor.login()
        page = visitor.act("claim", **WISH)
        assert page.url == f"{pool.url}/"
        assert "Ada &lt;b&gt; was launched on agent" in page.text
        (link,) = re.findall(r'class="link" value="([^"]+)"', page.text)
        ((id_, name, stored),) = around.sql("SELECT id, agent_name, invite_url FROM agent_metadata")
        assert (name, stored) == ("Ada <b>", unescape(link))
        assert '<svg role="img"' in page.text
        assert "was launched" not in visitor.get().text, "loading it again shows nothing, and does nothing"
        until(lambda: f'id="agent-{id_}"' in visitor.get("/?q=ada&state=claimed").text, 10)
        assert f'id="agent-{id_}"' not in visitor.get("/?state=idle").text
        assert "Be brief." in visitor.get(f"/dashboard/agents/{id_}").text
        assert f"{id_} was killed." in visitor.act("kill", agent=id_).text
        assert around.sql("SELECT id FROM agent_metadata") == []
        until_idle(pool, 2)
        assert "1 agent was created" in visitor.act("add", count="1").text
        until_idle(pool, 3)
        assert "1 idle agent was deleted" in visitor.act("drain", count="1").text
        assert "count: must be a whole number" in visitor.act("drain", count="-1").text
        assert "nothing is rolled out" in visitor.act("abort").text
        for other in ("tick", "a b", "", "x" * 65):
            assert "id: not an agent" in unescape(visitor.act("kill", agent=other).text)
        assert "agentName: missing" in visitor.act("claim").text
        assert "joinUrl" in visitor.act("claim", **{**WISH, "joinUrl": "javascript:alert(1)"}).text


def test_markup_escapes_whatever_is_not_markup() -> None:
    built = tag("a", '<&"', tag("br"), href='"><script>', data_x=True, y=None, z=False, class_="k")
    assert built == '<a href="&quot;&gt;&lt;script&gt;" data-x class="k">&lt;&amp;&quot;<br></a>'
    assert joined(Markup("<b>"), "<b>") == "<b>&lt;b&gt;"
