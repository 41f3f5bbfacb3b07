"""docs/railway-facts.md, from the register, the citations of the checkout and the scenarios. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

from ops.railway_facts.register import Belief, Confidence, Register, source_of

_HEAD = """\
# Railway: what this program relies on

This page is written by `make config-docs` from `ops/railway_facts/register.toml`; a test compares. Each entry is one
behaviour of Railway that some line of this project relies on. A comment cites it by its id, as in
`(fact: read-lag)`; a test finds ids that are missing here, and entries that nothing cites.

*Documented*: Railway's documentation or public schema says so. *Seen*: a public client of Railway ran into it, and its
code, changelog or issues say so. *Inferred*: the sources suggest it. *Disputed*: the sources disagree; the emulator
has both behaviours, and by default the one that hurts the program most. This project has tried nothing here on Railway
itself: `make conformance REAL=1` does so, with your token ([conformance](conformance.md)).

"""


def page(register: Register, cited: Mapping[str, Sequence[str]], checked: Mapping[str, Sequence[str]]) -> str:
    """Return the page.

    Args:
        register: the beliefs.
        cited: the files that cite each.
        checked: the names of the scenarios that check each.
    """
    counted = Counter(belief.confidence for belief in register.belief.values())
    counts = ", ".join(f"{counted[kind]} {kind}" for kind in get_args(Confidence))
    with_scenario = sum(id_ in checked for id_ in register.belief)
    summary = f"{len(register.belief)} beliefs: {counts}. {with_scenario} have a scenario of `make conformance`.\n"
    entries = (
        _entry(register, id_, belief, cited.get(id_, ()), checked.get(id_, ()))
        for id_, belief in register.belief.items()
    )
    return _HEAD + summary + "".join(entries) + _sources(register)


def _entry(register: Register, id_: str, belief: Belief, files: Sequence[str], scenarios: Sequence[str]) -> str:
    known = "; ".join(_evidence(register, text) for text in belief.evidence)
    lines = [f"\n## {id_}\n", belief.says, "", f"- {belief.confidence.capitalize()}: {known}"]
    lines.append(f"- Emulator: {belief.emulator}")
    lines.append(f"- Relied on in: {', '.join(f'`{name}`' for name in files) or 'nothing'}")
    lines += [f"- Checked by: {', '.join(f'`{name}`' for name in scenarios)}"] if scenarios else []
    return "\n".join(lines) + "\n"


def _evidence(register: Register, text: str) -> str:
    key, place = source_of(text)
    source = register.source[key]
    if key == "docs":
        return f"[{place}]({source.url}/{place})"
    repository = source.url.startswith("https://github.com/")
    if repository and place.split("/")[0] in {"pull", "issues", "commit"}:
        kind, _, number = place.partition("/")
        return f"[{key} {kind.removesuffix('s')} {number}]({source.url}/{place})"
    return f"{key}, `{place}`" if "." in place or "/" in place else f"{key}, {place}"


def _sources(register: Register) -> str:
    rows = (
        f"| {key} | {f'[{source.name}]({source.url})' if source.url else source.name} | {source.version} |\n"
        for key, source in register.source.items()
    )
    return "\n## Sources\n\n| In short | Source | Version that was read |\n| --- | --- | --- |\n" + "".join(rows)
