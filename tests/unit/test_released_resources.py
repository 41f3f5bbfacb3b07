"""What `make release` lists of a state: resources that exist on Railway or elsewhere, and nothing of Pulumi's own."""

from __future__ import annotations

import json
from pathlib import Path

from ops.adopt.release import managed

RECORDED = Path(__file__).parents[1] / "upgrade" / "data" / "0.1" / "stack.json"


def test_pulumis_own_providers_are_not_listed() -> None:
    state = json.loads(RECORDED.read_text())
    rows = state["deployment"]["resources"]
    providers = [row for row in rows if row["type"].startswith("pulumi:providers:")]
    assert providers
    names = managed(state)
    assert len(names) == sum(bool(row.get("custom")) for row in rows) - len(providers)
    assert not [name for name in names if name.startswith("pulumi-python ")]
    assert managed({}) == []
