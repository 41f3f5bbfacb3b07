"""Whether a change of ours was allowed: whose the thing was, what the state knew of it, and what the preview said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.colleague.engine import Op, Step
from tests.colleague.recorded import knows
from tests.colleague.truth import Fact, Facts
from tests.railway.fix_resources import Made

THINGS = ("environment", "instance", "volume_instance", "domain", "custom_domain", "tcp_proxy", "shared")
_OF_SERVICE = (
    "variable",
    "field",
    "domain",
    "domain_port",
    "custom_domain",
    "custom_domain_port",
    "tcp_proxy",
    "deployment",
    "service",
)
_PORTS = {"domain_port": ("ServiceDomain", "/domain"), "custom_domain_port": ("CustomDomain", "/custom")}
_NAMED = {"project": "project", "environment": "environment"}


class Rule(Enum):
    """What must never happen."""

    STRANGER = "something of others was changed or deleted"
    UNSEEN = "a colleague's change of ours was overwritten unseen"
    ADOPTED = "something that was only taken over was deleted"
    RACE = "a change between the last read and the mutation was overwritten"
    READER = "a preview or a refresh changed something"
    DEPLOYMENTS = "the deployments made are not those announced"
    ORPHAN = "something of ours is left, or there twice"
    LATE = "a destroy refused after it had deleted something"
    CONFIG = "after refresh and up the environment is not as the config says"
    BLOCKED = "refresh and up refuse, and nothing is in the way"
    UNSTEADY = "an update right after an update changes something"
    DATA = "a volume with data was deleted, and the stack had not said that it may be"
    STATUS = "status is not the truth"
    BROKEN = "an error without a thing, or none of ours"


@dataclass(frozen=True)
class Violation:
    """One that happened.

    Attributes:
        rule: which.
        about: the fact or the thing.
        told: the rest, for people.
        during: the run in which it happened.
    """

    rule: Rule
    about: Fact
    told: str = field(default="", compare=False)
    during: str = ""

    @property
    def kind(self) -> tuple[Rule, str, str]:
        """What it has in common with others of its kind."""
        return self.rule, self.about[0], self.during

    def __str__(self) -> str:
        """Return it in a line."""
        return f"{self.rule.value}, during {self.during or 'the end'}: {'/'.join(self.about)}; {self.told}"


@dataclass(frozen=True)
class Write:
    """Who changed a fact last, and when."""

    theirs: bool
    at: int


@dataclass
class Book:
    """What was written by whom.

    Attributes:
        now: counts what happens.
        writes: the last change of a fact.
        theirs: the things that the colleague has made.
        ours: the things that the stack has made.
        touched: whatever the colleague has ever changed.
        taken: those of the colleague's that were empty, and that the stack has named as its own from then on.
    """

    now: int = 0
    writes: dict[Fact, Write] = field(default_factory=dict)
    theirs: set[Fact] = field(default_factory=set)
    ours: set[Fact] = field(default_factory=set)
    touched: set[Fact] = field(default_factory=set)
    taken: set[Fact] = field(default_factory=set)

    def note(self, before: Facts, after: Facts, keys: Iterable[Fact], *, theirs: bool) -> None:
        """Write changes down."""
        self.now += 1
        for key in keys:
            self.writes[key] = Write(theirs, self.now)
            self.touched |= {key} if theirs else set()
            if key not in before:
                (self.theirs if theirs else self.ours).add(key)
                (self.ours if theirs else self.theirs).discard(key)

    def is_theirs(self, key: Fact) -> bool:
        """Tell whether the colleague changed it last."""
        write = self.writes.get(key)
        return write is not None and write.theirs


@dataclass(frozen=True)
class Context:
    """What a run of ours knew when it began.

    Attributes:
        name: up or destroy, preview or refresh.
        steps: what the preview said; empty in a destroy.
        state: the resources at that time, and those that were made since.
        since: when the preview was made, by the book's count.
        read: when the last read was made.
        said: the lines that the run has printed, as it prints them.
    """

    name: str
    steps: Mapping[str, Step]
    state: Mapping[str, Made]
    since: int
    read: int
    said: Sequence[str] = ()


def judged(book: Book, context: Context, before: Facts, after: Facts, keys: Sequence[Fact]) -> list[Violation]:
    """Return what is wrong with one mutation of ours."""
    if context.name in ("preview", "refresh"):
        return [Violation(Rule.READER, key, during=context.name) for key in keys]
    gone = {key for key in keys if key not in after}
    found = [_of_one(book, context, before, after, key, gone) for key in keys]
    return [violation for violation in found if violation is not None]


def _of_one(book: Book, context: Context, before: Facts, after: Facts, key: Fact, gone: set[Fact]) -> Violation | None:
    told = f"{before.get(key)!r} became {after.get(key)!r}"
    owner = owner_of(key, context)
    if key[0] == "environment" and key not in book.theirs and any(fact[0] == "project" for fact in gone):
        # The base environment came with the project, whatever it is called by now. What is in it is judged itself.
        return None
    theirs = key in book.theirs - book.taken and key[0] in THINGS
    if key in gone and theirs and owner and not _falls_with(key, context, gone):
        return Violation(Rule.ADOPTED, key, told, context.name)
    if not book.is_theirs(key) or _falls_with(key, context, gone) or _is_made(key, before):
        return None
    if key[0] == "volume_instance" and before.get(key) == "pending deletion" and key not in book.theirs:
        # Ours, which the colleague deleted: with the environment it cannot be restored any more. Told as lost data.
        return None
    if key[0] == "volume_instance" and before.get(key) == "deleted while it was empty":
        return None
    if key[0] in ("mount", "attachment") and ("volume_instance", *key[1:]) in gone:
        # Told of the volume itself.
        return None
    if key[0] in ("deployment", "volume"):
        # What runs is retired by what comes after it; a volume's row goes with its last instance.
        service_is_ours = key[0] == "volume" or _service(context, key[2]) is not None
        return None if service_is_ours else Violation(Rule.STRANGER, key, told, context.name)
    write = book.writes[key]
    if owner is None:
        is_said = _is_taken_over(context, key, write, before, after)
        return None if is_said else Violation(Rule.STRANGER, key, told, context.name)
    if write.at > context.read:
        return Violation(Rule.RACE, key, told, context.name)
    return (
        None
        if _was_seen(context, owner, key, before.get(key), write)
        else Violation(Rule.UNSEEN, key, told, context.name)
    )


def _is_made(key: Fact, before: Facts) -> bool:
    """Tell whether it is a thing that was not there: made anew takes nothing away, and too many are counted later."""
    return key not in before and key[0] not in ("variable", "field", "shared")


def _was_seen(context: Context, owner: str, key: Fact, value: Any, write: Write) -> bool:
    step = context.steps.get(owner)
    if context.name == "destroy" or (step is not None and step.op in (Op.DELETE, Op.REPLACE)):
        # What becomes of it was said, whatever it is by then.
        return True
    if write.at > context.since:
        return False
    if step is None or step.op is Op.SAME:
        return False
    if step.before is None:
        # What is taken over is named; what is not there is made.
        return value is None or bool(step.inputs.get("adopts"))
    if key[0] == "variable" and key[-1] in (step.inputs.get("removes") or ()):
        return True
    # What others had set before the stack wanted it is recorded by its name alone.
    named = (step.before.outputs.get(mark) or () for mark in ("unmanaged", "unmanagedFields", "unmanagedSeen"))
    return knows(step.before, key, value) or any(key[-1] in names for names in named)


def _is_taken_over(context: Context, key: Fact, write: Write, before: Facts, after: Facts) -> bool:
    """Tell whether the run has named the thing as one that it takes over, and this very change of it.

    The preview has, where the thing was there by then; the update itself always does, before it changes anything.
    """
    if key[0] not in _PORTS:
        return False
    resource, end = _PORTS[key[0]]
    what = f"{before.get((key[0].removesuffix('_port'), *key[1:]))}, changes targetPort"
    name = next((name for name in context.steps if name.endswith(end)), "")
    step = context.steps.get(name)
    if step is None or step.op is not Op.CREATE or step.inputs.get("targetPort") != after.get(key):
        return False
    was_there = write.at <= context.since
    line = f"{resource} {name.partition('/')[0]}: takes over {what}"
    return line in context.said and (step.inputs.get("adopts") == what if was_there else True)


def _falls_with(key: Fact, context: Context, gone: set[Fact]) -> bool:
    """Tell whether it went along with a service or an environment of ours, whose part it was."""
    if key[0] in _OF_SERVICE:
        service_id = key[1] if key[0] == "service" else key[2]
        # A service's instances in other environments are not ours, nor is its row while they are there.
        is_ours = _service(context, service_id) is not None
        return is_ours and any(fact[0] == "instance" and fact[2] == service_id for fact in gone)
    if key[0] in ("shared", "staged", "project_token"):
        return any(fact[0] == "environment" for fact in gone)
    return False


def _service(context: Context, service_id: str) -> str | None:
    for key, made in context.state.items():
        if key.endswith("/service") and made.id == service_id:
            return key.partition("/")[0]
    return None


def owner_of(key: Fact, context: Context) -> str | None:
    """Name the resource of the stack that a fact belongs to; None if it is nobody's here."""
    kind, state = key[0], context.state
    if kind in _NAMED:
        return kind if kind in state and state[kind].id == key[1] else None
    if kind == "shared":
        names = _names(context, "shared")
        return "shared" if key[2] in names else None
    if kind in ("service", "instance"):
        name = _service(context, key[-1])
        return f"{name}/service" if name else None
    if kind in ("volume_instance", "mount", "attachment"):
        return next((name for name, made in state.items() if name.endswith("/volume") and made.id == key[2]), None)
    if kind in ("domain", "domain_port", "custom_domain", "custom_domain_port", "tcp_proxy"):
        name = {"domain": "/domain", "custom_domain": "/custom", "tcp_proxy": "/proxy"}[kind.removesuffix("_port")]
        return next((key_ for key_, made in state.items() if key_.endswith(name) and made.id == key[3]), None)
    if kind in ("variable", "field"):
        return _owner_of_value(key, context)
    return None


def _owner_of_value(key: Fact, context: Context) -> str | None:
    name = _service(context, key[2])
    if name is None:
        return None
    owner = f"{name}/instance"
    step = context.steps.get(owner)
    sources = [made.outputs for made in (context.state.get(owner),) if made is not None]
    sources += [step.inputs] if step is not None else []
    if key[0] == "field":
        return owner if any(key[-1] in props for props in sources) else None
    named = any(key[-1] in (props.get("variables") or {}) for props in sources)
    removed = any(key[-1] in (props.get("removes") or ()) for props in sources)
    return owner if named or removed else None


def _names(context: Context, owner: str) -> set[str]:
    made, step = context.state.get(owner), context.steps.get(owner)
    names = set((made.outputs.get("variables") or {}) if made is not None else {})
    return names | set((step.inputs.get("variables") or {}) if step is not None else {})
