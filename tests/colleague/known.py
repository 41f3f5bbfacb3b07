"""What is known to be wrong, by its entry; empty is the aim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.colleague.judge import Rule, Violation

KNOWN: Mapping[str, Callable[[Violation], bool]] = {
    "S1 adopted things are deleted": lambda one: (
        one.rule is Rule.ADOPTED or (one.rule is Rule.STRANGER and one.about[0] in ("project", "environment"))
    ),
    "S2 a destroy refuses late, or takes a stranger's volume along": lambda one: (
        one.rule is Rule.LATE
        or (one.rule is Rule.STRANGER and one.during == "destroy" and one.about[0] in ("volume_instance", "attachment"))
    ),
    "S6 the wait for a deployment makes one that no preview announced": lambda one: (
        one.rule is Rule.DEPLOYMENTS and one.about[1] == "more"
    ),
    "N1 a variable that the colleague removed, or set before us, is overwritten unseen": lambda one: (
        one.rule is Rule.UNSEEN and one.about[0] == "variable"
    ),
    "N2 a deployment is announced, and what runs is as wanted already": lambda one: (
        one.rule is Rule.DEPLOYMENTS and one.about[1] == "fewer"
    ),
    "N3 a field that the colleague set before us is refused for ever": lambda one: one.rule is Rule.BLOCKED,
    "N4 a fork of a base environment copies a stranger's services": lambda one: (
        one.rule is Rule.ORPHAN and one.during == "up"
    ),
    "N5 a volume that the colleague detached is attached again unseen": lambda one: (
        one.rule is Rule.UNSEEN and one.about[0] == "attachment"
    ),
    "S4, S6 what runs is not what is stored, and no update mends it": lambda one: (
        one.rule is Rule.CONFIG and one.about[0] == "running"
    ),
    "S4, S6, S13 status is not the truth": lambda one: one.rule is Rule.STATUS,
}
