"""What is known to be wrong, by its entry; empty is the aim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.colleague.judge import Rule, Violation

KNOWN: Mapping[str, Callable[[Violation], bool]] = {
    "S6 the wait for a deployment makes one that no preview announced": lambda one: (
        one.rule is Rule.DEPLOYMENTS and one.about[1] == "more"
    ),
    "N2 a deployment is announced, and what runs is as wanted already": lambda one: (
        one.rule is Rule.DEPLOYMENTS and one.about[1] == "fewer"
    ),
    "N9 an empty project or environment of the stack's name counts as its own leftovers": lambda one: (
        one.rule is Rule.STRANGER and one.during == "destroy" and one.about[0] in ("project", "environment")
    ),
    "S4, S6 what runs is not what is stored, and no update mends it": lambda one: (
        one.rule is Rule.CONFIG and one.about[0] == "running"
    ),
    "S4, S6, S13 status is not the truth": lambda one: one.rule is Rule.STATUS,
}
