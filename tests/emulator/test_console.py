"""The console over HTTP: what is shown to whom, what forms change, filters, and texts of others."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulator.fix_emulator import TOKEN, Emulator, running_emulator, until
from tests.emulator.world import IMAGE, World

SECRET, SEALED, SHARED = "pLaNtEd-plain", "pLaNtEd-sealed", "pLaNtEd-shared"
SCRIPT = "<script>document.title='owned'</script>"
PAGES = ("/console", "/console/calls", "/console/switches", "/console/login")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator of this file's own: settings and faults are changed here."""
    with running_emulator(tmp_path_factory.mktemp("console"), deploy_step_seconds=0) as found:
        yield found


@pytest.fixture(scope="module")
def scene(own: Emulator) -> dict[str, str]:
    """A service with variables of each kind, a deployment, a volume and a domain."""
    world = World.new(own)
    web, api = (world.service(name) for name in ("web", "api"))
    variables: dict[str, Any] = {
        "PLAIN": {"value": SECRET},
        "SEALED": {"value": SEALED, "isSealed": True},
        "API_URL": {"value": "https://x:${{api.SECRET}}@${{api.RAILWAY_PRIVATE_DOMAIN}}/${{gone.NAME}}"},
        "FROM_SHARED": {"value": "${{shared.SHARED}}"},
    }
    world.commit(
        {
            "sharedVariables": {"SHARED": {"value": SHARED}},
            "services": {
                web: {"source": {"image": IMAGE}, "variables": variables},
                api: {"source": {"image": IMAGE}, "variables": {"SECRET": {"value": SECRET}}},
            },
        }
    )
    deployment = until(lambda: world.deployments(web), 10.0)[0]["id"]
    at = f"{world.environment_id}/{web}"
    return {
        "environment": f"/console/environments/{world.environment_id}",
        "service": f"/console/services/{at}",
        "deployment": f"/console/deployments/{deployment}",
    }


class Visit:
    """Somebody who looks, with a browser's cookies."""

    def __init__(self, emulator: Emulator) -> None:
        self._base, self.session = emulator.base, requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self._base}{path}", timeout=10, allow_redirects=False)

    def post(self, path: str, **fields: str) -> requests.Response:
        url = f"{self._base}{path}"
        return self.session.post(url, data=fields, headers={"Origin": self._base}, timeout=10, allow_redirects=False)

    def log_in(self, token: str = TOKEN, to: str = "/console") -> requests.Response:
        return self.post("/console/login", token=token, to=to)

    def form_token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.get("/console/switches").text)
        return found[1] if found else ""

    def act(self, name: str, **fields: str) -> requests.Response:
        return self.post(f"/console/{name}", form_token=self.form_token(), **fields)


@pytest.fixture
def stranger(own: Emulator) -> Visit:
    return Visit(own)


@pytest.fixture
def operator(own: Emulator) -> Visit:
    found = Visit(own)
    assert found.log_in().status_code == 303
    return found


def test_without_the_token_no_value_and_no_log_is_shown(stranger: Visit, scene: dict[str, str]) -> None:
    for path in [*PAGES, *scene.values(), *(f"{one}?values=shown" for one in scene.values())]:
        answer = stranger.get(path)
        assert answer.status_code == 200, path
        assert "pLaNtEd" not in answer.text, path
        assert TOKEN not in answer.text, path
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["Cache-Control"] == "no-store", path
    assert "may contain secrets" in stranger.get(scene["deployment"]).text
    assert 'id="log"' not in stranger.get(scene["deployment"]).text


def test_a_snapshot_has_values_with_the_token_alone(own: Emulator, stranger: Visit, scene: dict[str, str]) -> None:
    id_ = scene["environment"].rpartition("/")[2]
    assert "pLaNtEd" not in stranger.get(f"/_emulator/snapshot?environment={id_}").text
    opened = own.snapshot(id_)
    assert SECRET in opened
    assert SEALED not in opened


def test_with_the_token_values_are_shown_where_asked_and_sealed_ones_never(
    operator: Visit, scene: dict[str, str]
) -> None:
    assert "pLaNtEd" not in operator.get(scene["service"]).text
    shown = operator.get(f"{scene['service']}?values=shown").text
    assert SECRET in shown
    assert "sealed" in shown
    assert SHARED in operator.get(f"{scene['environment']}?values=shown").text
    assert 'id="log"' in operator.get(scene["deployment"]).text
    for path in [*PAGES, *scene.values(), *(f"{one}?values=shown" for one in scene.values())]:
        assert SEALED not in operator.get(path).text, path


def test_references_are_told_by_name_and_broken_ones_as_such(stranger: Visit, scene: dict[str, str]) -> None:
    text = html.unescape(stranger.get(scene["environment"]).text)
    assert "web: API_URL refers to api" in text
    assert "web: FROM_SHARED refers to shared" in text
    assert "web: API_URL refers to gone<strong" in text
    assert text.count("<svg") == 1
    assert "api.SECRET" in stranger.get(scene["service"]).text


@pytest.mark.parametrize("token", ["", "wrong", f"{TOKEN}x", TOKEN[:-1], "ä"])
def test_another_token_logs_nobody_in(stranger: Visit, token: str) -> None:
    answer = stranger.log_in(token)
    assert answer.status_code == 401
    assert "That is not the account token." in answer.text
    assert not stranger.session.cookies
    assert stranger.form_token() == ""


@pytest.mark.parametrize(
    ("to", "then"),
    [
        ("/console/calls?client=x", "/console/calls?client=x"),
        *(
            (to, "/console")
            for to in ("https://evil.example", "//evil.example", "/\\evil.example", "/console/\\x", "x\r\ny: z")
        ),
    ],
)
def test_a_login_leads_only_to_pages_of_the_console(stranger: Visit, to: str, then: str) -> None:
    answer = stranger.log_in(to=to)
    assert (answer.status_code, answer.headers["Location"]) == (303, then)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie


def test_switches_want_a_login_and_a_form_of_ours(own: Emulator, stranger: Visit, operator: Visit) -> None:
    before = own.admin("GET", "/settings")
    others = Visit(own)
    others.log_in()
    for visit, form_token in ((stranger, ""), (operator, ""), (operator, others.form_token()), (operator, "ä")):
        for name in ("settings", "faults", "no-faults"):
            answer = visit.post(f"/console/{name}", form_token=form_token, kind="502", latency_ms="7")
            assert answer.status_code == 403, name
    assert own.admin("GET", "/settings") == before
    foreign = operator.session.post(
        f"{own.base}/console/settings", headers={"Origin": "https://evil.example"}, timeout=10
    )
    assert foreign.status_code == 403
    token = operator.form_token()
    operator.post("/console/logout", form_token=token)
    assert operator.post("/console/settings", form_token=token, latency_ms="7").status_code == 403
    assert own.admin("GET", "/settings") == before


def test_a_fault_is_planted_hits_and_is_forgotten(own: Emulator, operator: Visit) -> None:
    said = operator.act("faults", kind="opaque", operation="me", times="1", after="0", seconds="1")
    assert "Planted: opaque for me." in said.text
    assert "<td>opaque</td><td>me</td><td>1</td>" in operator.get("/console/switches").text
    assert own.post("query { me { id } }").json()["errors"]
    assert "<td>opaque</td>" not in operator.get("/console/switches").text
    operator.act("faults", kind="502", operation="projects", times="3")
    assert "All faults are forgotten." in operator.act("no-faults").text
    assert own.run("query { me { id } }")["me"]["id"]
    for fields in (
        {"kind": "none"},
        {"kind": "502", "times": "x"},
        {"kind": "502", "times": "0"},
        {"kind": SCRIPT},
        {},
    ):
        answer = operator.act("faults", **fields)
        assert answer.status_code == 400, fields
        assert 'role="alert"' in answer.text
        assert SCRIPT not in answer.text
    assert "None." in operator.get("/console/switches").text


def test_settings_are_changed_as_they_are_by_the_api(own: Emulator, operator: Visit) -> None:
    before = own.admin("GET", "/settings")
    said = operator.act(
        "settings", latency_ms="1.5", update_source_deploys="true", outcomes='{"x": "crash"}', other_workspace_token=""
    )
    assert "Changed: latency_ms, update_source_deploys, outcomes." in said.text
    changed = {"latency_ms": 1.5, "update_source_deploys": True, "outcomes": {"x": "crash"}}
    assert own.admin("GET", "/settings") == {**before, **changed}
    operator.act("settings", other_workspace_token="pLaNtEd-token")
    for visit in (operator, Visit(own)):
        assert "pLaNtEd-token" not in visit.get("/console/switches").text
    own.settings(**before)
    for fields in (
        {"latency_ms": "-1"},
        {"latency_ms": "x"},
        {"outcomes": "["},
        {"deleted_answer": "y"},
        {"latency_ms": "NaN"},
    ):
        assert operator.act("settings", **fields).status_code == 400, fields
    assert own.admin("GET", "/settings") == before
    assert "Nothing was changed." in operator.act("settings", latency_ms=str(before["latency_ms"])).text


def test_calls_are_filtered(own: Emulator, stranger: Visit, scene: dict[str, str]) -> None:
    own.post("query { me { id } }", headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": "one-client/2"})
    own.post("query { nothing }")
    listed = {
        "": r"(\d+) of \1 calls",
        "client=ONE-cl": r"1 of \d+ calls",
        "operation=environmentPatchCommit&deploys=on": r"1 of \d+ calls",
        "outcome=error&operation=serviceCreate": r"0 of \d+ calls",
        "outcome=invented": r"(\d+) of \1 calls",
    }
    for query, counted in listed.items():
        assert re.search(counted, stranger.get(f"/console/calls?{query}").text), query
    assert "Cannot query field" in stranger.get("/console/calls?outcome=error").text
    assert scene["deployment"] in stranger.get("/console/calls?deploys=on").text
    hostile = stranger.get(f"/console/calls?operation={requests.utils.quote(SCRIPT)}").text
    assert SCRIPT not in hostile


def test_names_of_others_are_text(own: Emulator, stranger: Visit) -> None:
    world = World.new(own)
    service = world.service("x<b>y")
    world.commit({"services": {service: {"variables": {"A": {"value": "${{<i>.B}}"}}}}})
    for path in (
        "/console",
        f"/console/environments/{world.environment_id}",
        f"/console/services/{world.environment_id}/{service}",
    ):
        text = stranger.get(path).text
        assert "<b>" not in text, path
        assert "<i>" not in text, path


def test_the_address_alone_leads_to_the_console(stranger: Visit) -> None:
    answer = stranger.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/console")


def test_what_is_not_there_is_404(stranger: Visit, scene: dict[str, str]) -> None:
    for path in ("/console/environments/x", "/console/services/x/y", "/console/deployments/x", "/console/static/x.css"):
        answer = stranger.get(path)
        assert answer.status_code == 404, path
        assert "There is no such page" in answer.text, path
    assert stranger.get("/console/nothing").status_code == 404


def test_a_stream_tells_of_news(own: Emulator, stranger: Visit) -> None:
    with stranger.session.get(f"{own.base}/console/stream?of=calls", stream=True, timeout=10) as answer:
        lines = answer.iter_lines(chunk_size=1)
        assert next(lines) == b"event: look"
        own.run("query { me { id } }")
        assert b"event: look" in [next(lines) for _ in range(3)]
