"""What is known to be wrong, by its entry; empty is the aim."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.colleague.judge import Rule, Violation

KNOWN: Mapping[str, Callable[[Violation], bool]] = {
    # docs/decisions/0015: an empty fork may be what an interrupted update of ours has left behind; Railway has no place
    # for a mark that is set with its creation, as a project's description is.
    "N9 an empty environment of the stack's name, forked from its base, counts as its own leftovers": lambda one: (
        one.rule is Rule.STRANGER and one.during == "destroy" and one.about[0] == "environment"
    ),
    "N12 a reference through what Railway itself provides, such as the private domain, is not compared": lambda one: (
        one.rule is Rule.STATUS and one.about[-1].endswith("does not run")
    ),
    # Whose it is cannot be known any more, and what cannot be known is kept (and said).
    "N13 a service that a killed update had made, and a colleague has filled since, is kept": lambda one: (
        one.rule is Rule.ORPHAN and one.during == "destroy"
    ),
    # It is ours by its place; the preview says "adopts ..., changes targetPort", which the judge does not read.
    "N14 a domain that a colleague made in the place of ours is taken over with the port that is wanted": lambda one: (
        one.rule is Rule.STRANGER and one.during == "up" and one.about[0] == "domain_port"
    ),
    # Pulumi hands nothing of a preview to its update: the update's own check sees what the colleague did since, and
    # announces the deployment that mends it in a preview that nobody reads any more.
    "N16 what a colleague did after the preview is mended by a deployment that only the update announced": (
        lambda one: one.rule is Rule.DEPLOYMENTS and one.about[1:] == ("more", "the colleague acted since")
    ),
    # The update puts a name or a value back, and what refers to it runs with what a refresh found in order before.
    "N11 what an update reverts for one service is known to those that refer to it a refresh later": lambda one: (
        one.rule is Rule.CONFIG and one.about[0] == "running"
    ),
}
