"""What is known to be wrong, by its entry; empty is the aim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.colleague.judge import Violation

KNOWN: Mapping[str, Callable[[Violation], bool]] = {}
