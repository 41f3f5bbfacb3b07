"""Builds the documentation's site: `make docs`.

python -m ops docs [--to FOLDER]; the site is in .cache/site/html. A link or an anchor that leads nowhere fails it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from convos_infra.errors import InfraError
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT
from ops.site.charts import Row, section
from ops.site.diagrams import script
from ops.site.nav import nav
from ops.site.pages import SitePage, link_map, linked, pages_of

GENERATOR = CHECKOUT / ".cache" / "docs" / "bin" / "zensical"
LEFT_OUT = ("docs/STATUS.md",)
BENCHMARKS = "docs/benchmarks/latest.json"
BUILD_SECONDS = 300.0
MOST_COMMITS = 12


def texts() -> dict[str, str]:
    """Return the pages' files by name: every Markdown file of the repository except those of the tests."""
    names = sorted(name for name in _git("ls-files", "*.md").splitlines() if not name.startswith("tests/"))
    return {name: (CHECKOUT / name).read_text(encoding="utf-8") for name in names if name not in LEFT_OUT}


def site_pages() -> list[SitePage]:
    """Return the pages of the site."""
    found = pages_of(texts())
    charts = section(_recorded())
    return [
        SitePage(one.source, one.place, one.title, f"{one.text.rstrip()}\n\n{charts}")
        if one.place == "benchmarks/index.md"
        else one
        for one in found
    ]


def stage(pages: Sequence[SitePage], folder: Path) -> None:
    """Write what the generator reads: pages with the site's links, files that they lead to, the config.

    Raises:
        InfraError: a link leads nowhere.
    """
    shutil.rmtree(folder, ignore_errors=True)
    links = link_map(pages, _git("ls-files").splitlines())
    for page in pages:
        text, files = linked(page, links)
        _write(folder / "src" / page.place, text)
        for file in files:
            target = folder / "src" / file.removeprefix("docs/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / file, target)
    shutil.copytree(CHECKOUT / "ops" / "site" / "assets", folder / "src" / "assets")
    base = (CHECKOUT / "ops" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    _write(folder / "mkdocs.yml", f"{base}\n{yaml.safe_dump({'nav': nav(pages)}, sort_keys=False, allow_unicode=True)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(prog="ops docs", description=__doc__)
    parser.add_argument("--to", type=Path, default=CHECKOUT / ".cache" / "site", help="the folder of the build")
    folder = parser.parse_args(argv).to.resolve()
    if not GENERATOR.exists():
        raise InfraError("docs", "the generator is not installed", "run: make docs")
    pages = site_pages()
    stage(pages, folder)
    shutil.copyfile(script(CHECKOUT / ".cache" / "docs-script"), folder / "src" / "assets" / "mermaid.min.js")
    command = [str(GENERATOR), "build", "--strict", "--clean", "--config-file", str(folder / "mkdocs.yml")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise InfraError("docs", "the site was not built", "correct the errors above")
    sys.stdout.write(f"  {len(pages)} pages: {folder / 'html' / 'index.html'}\n")
    return 0


def _recorded() -> list[tuple[str, list[Row]]]:
    """Return the benchmarks of each commit that recorded them, oldest first; those of this checkout are the last."""
    commits = _git("log", "--format=%h", "--no-merges", f"-{MOST_COMMITS}", "--", BENCHMARKS).split()
    rows = [(commit, _rows(json.loads(_git("show", f"{commit}:{BENCHMARKS}")))) for commit in reversed(commits)]
    now = _rows(json.loads((CHECKOUT / BENCHMARKS).read_text(encoding="utf-8")))
    return rows if rows and rows[-1][1] == now else [*rows, ("this checkout", now)]


def _rows(document: Any) -> list[Row]:
    return [row for row in document if isinstance(row, Mapping)] if isinstance(document, list) else []


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfraError("git", done.stderr.strip()[:200] or "failed", "run this in a clone of the repository")
    return done.stdout


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
