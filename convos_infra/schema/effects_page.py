"""The table of the effects of statements as a Markdown page: docs/schema-statements.md."""

from __future__ import annotations

from convos_infra.schema.effects import EFFECTS
from convos_infra.schema.rules import RULES


def page() -> str:
    """Return the page."""
    lines = [
        "# What a statement of a migration does",
        "",
        "Generated from `convos_infra/schema/effects.py` by `python -m convos_infra.schema statements`; a test runs",
        "each example on PostgreSQL and compares the verdict and the lock. A statement that loses data, breaks",
        "running code or cannot be judged is refused unless the file contains `-- allow: …`; a lock alone is not",
        "refused. The check also reads DO blocks and the functions, triggers, rules, views and foreign keys of earlier",
        "migrations.",
        "",
        "| statement | verdict | lock | held | example, and the directive that allows it |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in EFFECTS:
        allow = "".join(f"<br>`-- allow: {each}`" for each in one.allowances)
        held = one.duration if one.lock else ""
        alone = " (alone, `-- no-transaction`)" if one.is_alone else ""
        lines.append(f"| {one.statement} | {one.verdict.value} | {one.lock} | {held} | `{one.example}`{alone}{allow} |")
    rules = ["", "## Rules", "", "| `-- allow:` | verdict | message of the refusal |", "| --- | --- | --- |"]
    rules += [f"| `{rule}` | {verdict.value} | {says} |" for rule, (verdict, says) in RULES.items()]
    return "\n".join([*lines, *rules]) + "\n"
