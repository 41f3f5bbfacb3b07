"""The page of `make status HTML=file`: the rows of the terminal, no secret, nothing from elsewhere, readable by all."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.running import Condition
from ops.printable import escaped
from ops.status.command import html_file
from ops.status.headline import headline
from ops.status.html_page import html_page
from ops.status.report import Part, Report, of_outputs, of_pool
from ops.status.rows import rows
from tests import needs
from tests.pool.browser import (
    DESKTOP,
    EXECUTABLE,
    PHONE,
    Seen,
    opened,
    running_browser,
    violations,
)
from tests.workflows.status_parts import (
    CLEAR,
    ENVIRONMENT,
    LOCK,
    MOMENT,
    OUTPUTS,
    SCHEMA,
    SERVES,
    STATUS,
    UPDATED,
    deployment,
    report,
    service,
)
from tests.workflows.test_text_from_outside import HOSTILE, STEERING

CRASHED = service(Condition.FAILED, "CRASHED", deployment("SUCCESS"), "https://canary.example")
agents, rollout = of_pool(STATUS)
WELL: dict[Part, Any] = {
    Part.BACKEND: {"url": "s3://states", "origin": "PULUMI_BACKEND_URL"},
    Part.UPDATE: CLEAR,
    Part.ENVIRONMENT: ENVIRONMENT,
    Part.SERVICES: [SERVES],
    Part.IMAGE: of_outputs(OUTPUTS),
    Part.AGENTS: agents,
    Part.ROLLOUT: rollout,
    Part.SCHEMA: SCHEMA,
    Part.DRIFT: [],
    Part.UPDATES: UPDATED,
}
ILL = {**WELL, Part.UPDATE: {**CLEAR, "locks": [LOCK]}, Part.SERVICES: [CRASHED]}
SCRIPT = "<script>document.title='owned'</script><img src=https://evil.example/x onerror=alert(1)>&amp;\"'"


class _Read(HTMLParser):
    """Texts of a page in their order, and what its elements refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "data"}]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(parts: dict[Part, Any], **unread: str) -> str:
    return html_page(report(parts, **unread), MOMENT)


@pytest.mark.parametrize("parts", [WELL, ILL], ids=["well", "ill"])
def test_the_page_has_the_rows_of_the_terminal_in_their_order(parts: dict[Part, Any]) -> None:
    found, shown = _Read(page(parts, keys="no such file")), rows(report(parts, keys="no such file"))
    texts = [text for text in found.texts[found.texts.index("All rows") + 1 :] if text.strip()]
    sources = [row.source for row in shown if row.source]
    assert [text for text in texts if text not in sources] == [
        part for row in shown[1:] for part in (row.label, row.text) if part
    ]
    assert [text for text in texts if text in sources] == sources
    assert len(shown) > 8
    assert len(found.ids) == len(set(found.ids)) == len(shown) - 1


@pytest.mark.parametrize("text", [*HOSTILE, SCRIPT, "</style><script>1</script>", "]]>", "<!--"])
def test_texts_of_others_are_shown_and_do_nothing(text: str) -> None:
    made, harmless = (
        html_page(Report(one, report({Part.ENVIRONMENT: {**ENVIRONMENT, "name": one}}).parts), MOMENT)
        for one in (text, "harmless")
    )
    made.encode("utf-8")
    assert not set(made) & STEERING
    found, other = _Read(made), _Read(harmless)
    assert (found.tags, found.addresses, found.ids) == (other.tags, other.addresses, other.ids)
    assert found.texts[-3:-1] != other.texts[-3:-1]
    assert [one.replace(escaped(text), "harmless") for one in found.texts] == other.texts


def test_nothing_of_the_page_comes_from_elsewhere_and_no_secret_is_in_it() -> None:
    made = page(ILL, newestImage="the registry does not answer")
    assert "S3CRET" not in made
    assert "S3CRET" not in page(WELL)
    found = _Read(made)
    assert {one for one in found.addresses if not one.startswith("#")} == {"data:,"}
    assert {one.removeprefix("#") for one in found.addresses} - {"data:,"} <= set(found.ids)
    assert not found.tags & {"script", "iframe", "object", "form", "img"}
    assert "default-src 'none'" in made


@pytest.mark.parametrize(
    ("parts", "unread", "said"),
    [
        (WELL, {}, "all is well"),
        (ILL, {}, "2 rows to look at: update, canary"),
        (WELL, {"keys": "no file"}, "1 row to look at: keys"),
    ],
)
def test_the_first_line_says_what_to_look_at(parts: dict[Part, Any], unread: dict[str, str], said: str) -> None:
    found = report(parts, **unread)
    assert headline(found, rows(found)) == said
    assert found.is_fine is (said == "all is well")


def test_only_a_file_is_replaced(tmp_path: Path) -> None:
    assert html_file(str(tmp_path / "new.html")) == tmp_path / "new.html"
    for name in (str(tmp_path), "/dev/null"):
        with pytest.raises(InfraError, match="is not a file"):
            html_file(name)


@pytest.mark.skipif(not EXECUTABLE, reason=needs.CHROMIUM.reason)
def test_a_browser_opens_the_file_on_a_screen_and_on_a_phone(tmp_path: Path) -> None:
    file, seen = tmp_path / "status.html", Seen()
    file.write_text(page({**ILL, Part.DRIFT: []}, newestImage=f"no answer {SCRIPT} {'e' * 400}"), encoding="utf-8")
    with running_browser() as browser:
        for size, dark in ((DESKTOP, False), (PHONE, True)):
            with opened(browser, file.as_uri(), seen, size, dark=dark) as shown:
                assert violations(shown) == []
                assert shown.evaluate("document.documentElement.scrollWidth") <= size["width"]
                assert shown.title() == "scaling: 3 rows to look at: update, canary, newest image"
                shown.get_by_role("link", name="canary").click()
                assert shown.evaluate("document.querySelector(':target').textContent").startswith("CRASHED")
    assert seen.problems == []


def test_make_names_both_variables(tmp_path: Path) -> None:
    asked = ["make", "-n", "status", "STACK=x", "WATCH=1", f"HTML={tmp_path}/it is.html"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert '--watch --html="$HTML"' in said
