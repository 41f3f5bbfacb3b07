"""The pages of the site and the links between them: a page is a file of the repository, or a section of one. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convos_infra.errors import InfraError

INCIDENTS = "docs/incidents.md"
_FENCED = re.compile(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<head>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True)
class SitePage:
    """One page.

    Attributes:
        source: the file that its text is from, from the repository's root.
        place: the file of the site, from its root.
        title: what the navigation calls it.
        text: its Markdown.
    """

    source: str
    place: str
    title: str
    text: str


def place_of(source: str) -> str:
    """Return where a file of the repository stands in the site: `README.md` is a folder's first page."""
    folder, name = posixpath.split(source)
    folder = folder.removeprefix("docs").removeprefix("/") if folder == "docs" or folder.startswith("docs/") else folder
    return posixpath.join(folder, "index.md" if name == "README.md" else name)


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def title_of(text: str) -> str:
    """Return a page's title: its first heading.

    Raises:
        InfraError: it has none.
    """
    found = re.search(r"^# +(.+)$", text, re.MULTILINE)
    if not found:
        raise InfraError("docs", "a page has no title", "begin it with a line `# …`")
    return found[1].replace("`", "").strip()


def pages_of(texts: Mapping[str, str]) -> list[SitePage]:
    """Return the pages of files by name; the incidents are a page each."""
    found = [SitePage(source, place_of(source), title_of(text), text) for source, text in texts.items()]
    return [one for page in found for one in (split(page) if page.source == INCIDENTS else [page])]


def split(page: SitePage) -> list[SitePage]:
    """Return a page's introduction with a list of its sections, and each section as a page of its own."""
    head, *sections = re.split(r"^(?=## )", page.text, flags=re.MULTILINE)
    folder = page.place.removesuffix(".md")
    made = []
    for section in sections:
        heading, _, rest = section.partition("\n")
        name = heading.removeprefix("## ").strip()
        made.append(SitePage(page.source, f"{folder}/{slug(name)}.md", name, f"# {name}\n{rest}"))
    listed = "".join(f"- [{one.title}](#{slug(one.title)})\n" for one in made)
    return [SitePage(page.source, page.place, page.title, f"{head.rstrip()}\n\n{listed}"), *made]


@dataclass(frozen=True)
class LinkMap:
    """The targets of the repository's links in the site.

    Attributes:
        pages: the place of each page's file.
        sections: the place of a section that is a page of its own, by file and anchor.
        files: other files of the repository, which are copied where a page links to them.
    """

    pages: Mapping[str, str]
    sections: Mapping[tuple[str, str], str]
    files: frozenset[str]

    def of(self, page: SitePage, target: str) -> tuple[str, str]:
        """Return a link's target in the site, and the file that has to be copied for it (empty for none).

        Raises:
            InfraError: it leads nowhere.
        """
        if _ELSEWHERE.match(target) or target.startswith("//"):
            return target, ""
        path, _, anchor = target.partition("#")
        source = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), path)) if path else page.source
        first = posixpath.normpath(posixpath.join(source, "README.md"))
        source = first if source not in self.pages and first in self.pages else source
        place = self.sections.get((source, anchor))
        if place is not None:
            return _relative(page.place, place), ""
        hash_ = f"#{anchor}" if anchor else ""
        if source in self.pages:
            return (_relative(page.place, self.pages[source]) if path else "") + hash_, ""
        if source in self.files:
            return _relative(page.place, place_of(source)) + hash_, source
        raise InfraError(page.source, f"a link leads nowhere: {target}", "correct it")


def link_map(pages: Sequence[SitePage], files: Sequence[str]) -> LinkMap:
    """Return the map of a site's links."""
    first: dict[str, str] = {}
    sections: dict[tuple[str, str], str] = {}
    for page in pages:
        if page.source in first:
            sections[page.source, slug(page.title)] = page.place
        else:
            first[page.source] = page.place
    return LinkMap(first, sections, frozenset(files) - first.keys())


def linked(page: SitePage, links: LinkMap) -> tuple[str, set[str]]:
    """Return a page's text with the links of the site, and the files that they lead to. Code is left as it is.

    Raises:
        InfraError: a link leads nowhere.
    """
    copied: set[str] = set()

    def link(found: re.Match[str]) -> str:
        target, file = links.of(page, found["target"])
        copied.update({file} - {""})
        return f"{found['head']}({target})"

    # A link's text may have code in it: parts in backquotes are taken out first, and put back afterwards.
    kept: list[str] = []

    def aside(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(link, _FENCED.sub(aside, page.text))
    return re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text), copied


def _relative(place: str, target: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(place) or ".")
