"""The documentation's site: every page is in the navigation, and every link of a page leads to a page or a file."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.errors import InfraError
from ops.site import charts, command, diagrams
from ops.site.nav import left_out, nav
from ops.site.pages import SitePage, link_map, linked, pages_of, place_of, slug

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> list[SitePage]:
    return command.site_pages()


def test_every_page_is_in_the_navigation_once(pages: list[SitePage]) -> None:
    assert len(pages) > 50
    assert left_out(pages) == []
    text = json.dumps(nav(pages))
    assert [page.place for page in pages if text.count(json.dumps(page.place)) != 1] == []
    assert len({page.place for page in pages}) == len(pages)


def test_every_incident_is_a_page_with_its_commands(pages: list[SitePage]) -> None:
    found = [page for page in pages if page.place.startswith("incidents/")]
    assert len(found) == 10
    assert [page.title for page in found if "```sh" not in page.text or "*Noticed by*" not in page.text] == []


def test_every_link_leads_to_a_page_or_a_file(pages: list[SitePage], tmp_path: Path) -> None:
    command.stage(pages, tmp_path / "site")
    source = tmp_path / "site" / "src"
    dead = []
    count = 0
    for page in pages:
        text = re.sub(r"```.*?```|`[^`\n]+`", "", (source / page.place).read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s#]+)", text):
            if not re.match("[a-z]+:", target):
                count += 1
                if not (source / page.place).parent.joinpath(target).is_file():
                    dead.append(f"{page.place}: {target}")
    assert count > 80
    assert dead == []
    config = (tmp_path / "site" / "mkdocs.yml").read_text()
    assert "nav:" in config
    assert "http" not in config, "nothing is loaded from elsewhere"


PAGE = SitePage("docs/a.md", "a.md", "A", "")
LINKS = link_map(
    [
        PAGE,
        SitePage("README.md", "index.md", "R", ""),
        *pages_of({"docs/incidents.md": "# I\n\n## It is `down`, or full\nx\n"}),
    ],
    ["docs/a.md", "README.md", "docs/incidents.md", "docs/x/y.json", "pool/z.py"],
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("../README.md#parts", "index.md#parts"),
        ("..", "index.md"),
        ("#here", "#here"),
        ("incidents.md", "incidents.md"),
        ("incidents.md#it-is-down-or-full", "incidents/it-is-down-or-full.md"),
        ("x/y.json", "x/y.json"),
        ("../pool/z.py", "pool/z.py"),
        ("https://railway.com/x#y", "https://railway.com/x#y"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(target: str, expected: str) -> None:
    page = SitePage(PAGE.source, PAGE.place, PAGE.title, f"see [it](<>) [t [x]]({target}) and `[code]({target})`\n")
    text, _ = linked(SitePage(page.source, page.place, page.title, page.text.replace("[it](<>) ", "")), LINKS)
    assert text == f"see [t [x]]({expected}) and `[code]({target})`\n"


def test_a_link_that_leads_nowhere_is_named_with_its_page() -> None:
    with pytest.raises(InfraError, match=r"docs/a.md: a link leads nowhere: gone.md"):
        linked(SitePage(PAGE.source, PAGE.place, PAGE.title, "[x](gone.md)"), LINKS)


@given(st.text(alphabet="ab`*[](),-_ é0.", max_size=30))
def test_an_anchor_has_nothing_that_needs_quoting(heading: str) -> None:
    assert re.fullmatch(r"[\w-]*", slug(heading))


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("README.md", "index.md"),
        ("docs/runbook.md", "runbook.md"),
        ("docs/decisions/README.md", "decisions/index.md"),
        ("emulator/README.md", "emulator/index.md"),
        ("docs/examples/x/README.md", "examples/x/index.md"),
    ],
)
def test_a_readme_is_the_first_page_of_its_folder(source: str, place: str) -> None:
    assert place_of(source) == place


def test_a_chart_has_its_first_and_its_last_number_as_text() -> None:
    rows = [{"suite": "railway", "case": "create", "size": size, "seconds": size * 2.0} for size in (1, 50)]
    odd = [
        {"suite": "ci", "case": "tests", "size": "0.2", "seconds": None},
        {"suite": "ci", "case": "<b>", "size": "x"},
    ]
    text = charts.section(
        [("aaaaaaa", rows[:1]), ("bbbbbbb", [{**rows[1], "seconds": 40.0}]), ("ccccccc", [*rows, *odd])]
    )
    assert "railway: create, 50: 40 s at bbbbbbb, 100 s at ccccccc" in text
    assert text.count("<svg") == 1
    assert charts.section([]) == ""
    assert 'points="6.0,58.0"' in charts.chart(charts.Series("flat & none", (("a", 0.0),)))


def test_the_generator_is_pinned_with_hashes_apart_from_what_the_tests_need() -> None:
    locked = (CHECKOUT / "ops" / "site" / "requirements.txt").read_text()
    assert "zensical==" in locked
    assert locked.count("--hash=sha256:") > 10
    assert "zensical" not in (CHECKOUT / "ops" / "requirements.txt").read_text()
    text = (CHECKOUT / "ops" / "site" / "mkdocs.yml").read_text()
    base = yaml.safe_load(re.sub(r"!!python/\S+", "", text))  # these name functions of the generator
    assert base["theme"]["font"] is False
    assert all(name.startswith("assets/") for name in [*base["extra_css"], *base["extra_javascript"]])
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    assert "docs/runbook.md" in listed


def test_a_script_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "mermaid.tgz"
    with tarfile.open(archive, "w:gz") as files:
        data = b"draw()"
        member = tarfile.TarInfo(diagrams.MEMBER)
        member.size = len(data)
        files.addfile(member, io.BytesIO(data))
    with pytest.raises(InfraError, match="is not the pinned archive; do not use it"):
        diagrams.unpacked(archive)
    assert diagrams.unpacked(archive, hashlib.sha256(archive.read_bytes()).hexdigest()) == "draw()"
