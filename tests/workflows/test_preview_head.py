"""The head of a preview's comment: the plan, from what the real CLI printed."""

from __future__ import annotations

import re

from ops.ci.preview import head
from ops.ci.reviewed import parse
from tests.workflows.test_previewed import RECORDED, pool_document, read_twice


def test_the_head_says_what_one_looks_at_first() -> None:
    text = re.sub(r", built .* ago", "", head(read_twice(RECORDED)))
    assert text.splitlines()[:8] == [
        "### Preview of `dev`: 2 deployments, 2 calls that change Railway",
        "",
        "```diff",
        "! services convos-agent-pool-manager: 1 deployment: RAILWAY_RUNTIME_IMAGE",
        "!          convos-runtime-canary: 1 deployment: image",
        "  image    runtime: dev, sha256:7fde4bb4 → sha256:13a43480",
        "           revision 8a286ea → 9ef94b5; git does not know both commits",
        "```",
    ]
    assert text.endswith(f"\n\nfingerprint `{parse(RECORDED).fingerprint}`\n")
    assert head(read_twice({"steps": [], "changeSummary": {}})).startswith(
        "### Preview of `dev`: nothing to change\n\nfinger"
    )
    assert "pool: dev, sha256:66666666 → sha256:77777777" in head(read_twice(pool_document()))
