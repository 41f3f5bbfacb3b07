"""`pulumi stack rename` with the real CLI: the next preview says that the environment on Railway is renamed as well."""

from __future__ import annotations

import pytest

from tests.adopt.live import Checkout

pytestmark = pytest.mark.stack


def test_a_renamed_stack_says_in_its_preview_that_the_environment_is_renamed_too(first: Checkout) -> None:
    assert first.pulumi("stack", "rename", "second", "--stack", "first").code == 0
    try:
        preview = first.preview("second")
        assert preview.code == 0, preview.text
        line = "environment first: is renamed to second on Railway, since environment is not set"
        assert preview.text.count(line) == 1
        assert preview.text.index(line) < preview.text.index("dynamic/railway:Environment")
        assert first.pulumi("config", "set", "environment", "first", "--stack", "second").code == 0
        kept = first.preview("second")
        assert kept.code == 0, kept.text
        assert "is renamed to" not in kept.text
        assert "dynamic/railway:Environment: (update)" not in kept.text
    finally:
        first.pulumi("config", "rm", "environment", "--stack", "second")
        assert first.pulumi("stack", "rename", "first", "--stack", "second").code == 0
    assert "is renamed to" not in first.preview("first").text
