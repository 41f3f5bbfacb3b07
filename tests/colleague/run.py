"""A program under way: it drives the stack and the colleague, and writes down what must not have happened."""

from __future__ import annotations

import random
from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from convos_infra.railway.change import announced_at_most
from railway_api.failure import Failure
from tests.colleague import checks, status
from tests.colleague.acts import ACTS
from tests.colleague.engine import REFUSALS, Engine
from tests.colleague.engine import Step as PreviewStep
from tests.colleague.inside import Inside
from tests.colleague.judge import Book, Context, Rule, Violation, judged
from tests.colleague.look import Look, document
from tests.colleague.start import Killed
from tests.colleague.steps import Do, Step, When
from tests.colleague.truth import Facts, changed, facts
from tests.colleague.wanted import Wanted


@dataclass
class Run:
    """One program.

    Attributes:
        emulator: where.
        engine: the stack.
        wanted: its code.
        told: the steps, for people.
        wrong: what must not have happened; the first ends the program.
        known: names the entry of a violation that is known; one that changes nothing does not end the program.
        passed: those.
    """

    emulator: Inside
    engine: Engine
    wanted: Wanted = field(default_factory=Wanted)
    told: list[str] = field(default_factory=list)
    wrong: list[Violation] = field(default_factory=list)
    known: Callable[[Violation], str] = lambda _: ""
    passed: list[Violation] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    _between: list[Step] = field(default_factory=list)
    _during: list[Step] = field(default_factory=list)
    _kill_at: int = -1
    _fault: Step | None = None
    _context: Context | None = None
    _before: Facts = field(default_factory=dict)
    _requests: int = 0
    _mutations: int = 0
    _deletions: int = 0
    _made: dict[str, int] = field(default_factory=dict)
    _acted_at: int = 0

    def steps(self, steps: Sequence[Step]) -> None:
        """Carry a program out, and judge its end; stops at the first thing that is wrong."""
        self.emulator.before, self.emulator.after = self._before_request, self._after_request
        for step in steps:
            self._step(step)
            if not self.wrong:
                self._check_status()
            if self.wrong:
                return
        self._end()

    def _step(self, step: Step) -> None:
        if step.do is Do.EDIT:
            self.told.append(f"edit: {self.wanted.edited(random.Random(step.seed))}")
        elif step.do is Do.ACT:
            self._arm(step)
        elif step.do is Do.KILL:
            self._kill_at = step.at
        elif step.do is Do.FAULT:
            self._fault = step
        elif step.do is Do.UP:
            self._up()
        elif step.do is Do.REFRESH:
            self._refresh()
        else:
            self._destroy()

    def _arm(self, step: Step) -> None:
        if step.when is When.NOW:
            self._act(step)
        else:
            (self._between if step.when is When.BETWEEN else self._during).append(step)

    def _act(self, step: Step) -> None:
        store = self.emulator.store
        given = ACTS[step.what](Look(store, random.Random(step.seed)))
        if given is None:
            return
        before = facts(store)
        answer = self.emulator.send(document(step.what, tuple(given)), given)
        after = facts(store)
        self.book.note(before, after, changed(before, after), theirs=True)
        self._acted_at = self.book.now
        refused = "; ".join(str(error["message"]) for error in answer.get("errors") or [])
        self.told.append(f"colleague: {step.what} {given}{' REFUSED: ' * bool(refused)}{refused}")

    # What happens around a request of ours.

    def _before_request(self, writes: bool) -> None:
        self._requests += 1
        for step in [step for step in self._during if step.at == self._requests]:
            self._during.remove(step)
            self._act(step)
        if writes:
            self._before = facts(self.emulator.store)
        elif self._context is not None:
            self._context = Context(**{**vars(self._context), "read": self.book.now})

    def _after_request(self, writes: bool, operation: str) -> None:
        if not writes or self._context is None:
            return
        before, after = self._before, facts(self.emulator.store)
        keys = changed(before, after)
        self.wrong += judged(self.book, self._context, before, after, keys)
        # A fork brings along what others have put into its base, and the preview has said so.
        environment = self._context.steps.get("environment")
        copies = environment is not None and bool(environment.inputs.get("copies"))
        # What came into the base after the preview was made, no preview can name.
        copies = copies or self._acted_at > self._context.since
        is_fork = any(key[0] == "environment" and key not in before for key in keys)
        ours = [key for key in keys if not (copies and is_fork) or key[0] == "environment"]
        if any(key[0] == "project" and key not in before for key in keys):
            # The base environment comes with its project, and stays with it, whatever it is called.
            ours = [key for key in ours if key[0] != "environment"]
        self.book.note(before, after, ours, theirs=False)
        for key in keys:
            if key[0] == "deployment" and key not in before:
                self._made[key[2]] = self._made.get(key[2], 0) + 1
            self._deletions += key not in after
        self.told.append(f"    we: {operation}")
        self._mutations += 1
        if self._kill_at == 0:
            self._kill_at = -1
            raise Killed
        self._kill_at -= self._kill_at > 0

    def _begin(self, name: str, steps: dict[str, PreviewStep] | None = None) -> None:
        now = self.book.now
        state = ChainMap(dict(self.engine.state), self.engine.state)
        self._context = Context(name, steps or {}, state, now, now, self.engine.said)
        self._requests = self._mutations = self._deletions = 0
        self._made = {}

    # The runs.

    def _up(self) -> bool:
        """Preview and update; returns whether it went through."""
        self.told.append("up")
        specs = self.wanted.specs()
        self.engine.config = {"dataOnDestroy": self.wanted.data}
        armed, self._during = self._during, []
        try:
            self._begin("preview")
            steps = self.engine.preview(specs)
        except REFUSALS as error:
            self._refused(error)
            self._during.clear()
            self._between.clear()
            self._kill_at, self._fault = -1, None
            return False
        said, at_most = checks.announced(steps), checks.announced(steps, announced_at_most)
        self.told.append(f"    preview: {checks.shown(steps)}; announces {said}, at most {at_most}")
        since, between = self.book.now, self._acted_at
        for step in self._between:
            self._act(step)
        self._between.clear()
        self._begin("up", steps)
        assert self._context is not None
        self._context = Context(**{**vars(self._context), "since": since})
        self._during = armed
        if self._fault is not None:
            self.emulator.plant(self._fault.what, after=self._fault.at, times=self._fault.seed)
        done, there = False, facts(self.emulator.store)
        try:
            self.engine.update(specs)
            done = True
        except REFUSALS as error:
            self._refused(error)
        except Killed:
            self.told.append("    killed")
        finally:
            self.emulator.heal()
            self._during.clear()
            self._kill_at, self._fault = -1, None
        self.book.taken |= checks.named_as_own(self.engine.state, self._context, self.book, there)
        self._check_deployments(said, at_most, done=done, alone=self._acted_at == between)
        if done:
            self._check_orphans()
        return done

    def _refresh(self) -> bool:
        self.told.append("refresh")
        self._begin("refresh")
        try:
            self.engine.refresh()
        except REFUSALS as error:
            self._refused(error)
            return False
        finally:
            self._during.clear()
        return True

    def _destroy(self) -> None:
        self.told.append("destroy")
        before, acted_at = facts(self.emulator.store), self._acted_at
        self._begin("destroy")
        try:
            self.engine.destroy()
        except REFUSALS as error:
            self._refused(error)
            # What the colleague does after the gate has asked cannot be known before the first deletion.
            if self._deletions and self._acted_at == acted_at:
                self.wrong.append(Violation(Rule.LATE, ("destroy",), f"{self._deletions} facts; {error}", "destroy"))
            return
        finally:
            self._during.clear()
        self._check_orphans()
        kept = self.engine.config.get("dataOnDestroy") != "delete"
        for key, value in before.items():
            if kept and key[0] == "volume_instance" and value != facts(self.emulator.store).get(key):
                self.wrong.append(Violation(Rule.DATA, key, "", "destroy"))

    def _refused(self, error: Exception) -> None:
        self.told.append(f"    refused: {error}")
        if isinstance(error, Failure) and not (error.subject and error.problem):
            self.wrong.append(Violation(Rule.BROKEN, ("error",), str(error)))

    # What is judged after a run.

    def _check_deployments(self, said: dict[str, int], at_most: dict[str, int], *, done: bool, alone: bool) -> None:
        """What is made is what was announced; what others do after the preview costs what it has said for that case."""
        names = {made.id: key.partition("/")[0] for key, made in self.engine.state.items() if key.endswith("/service")}
        did = dict.fromkeys(said, 0)
        for service_id, count in self._made.items():
            name = names.get(service_id, service_id)
            did[name] = did.get(name, 0) + count
        self.wrong += checks.unannounced(did, said if alone else at_most, done=done, alone=alone)

    def _check_orphans(self) -> None:
        is_destroy = self._context is not None and self._context.name == "destroy"
        for key in checks.left_over(self.emulator.store, self.book, self.engine.state):
            if is_destroy and checks.is_kept(self.emulator.store, self.book, self.engine.said, key):
                continue
            self.wrong.append(Violation(Rule.ORPHAN, key, "", self._context.name if self._context else ""))

    def _check_status(self) -> None:
        # Who asks for the status comes between no two requests of a run.
        context, self._context, armed, self._during = self._context, None, self._during, []
        try:
            told = status.told(self.emulator.session(lambda _: None).client, self.engine.state)
        except REFUSALS as error:
            # A state that an update was killed in may name two environments: status then says that alone.
            self.told.append(f"    status: {error}")
            return
        finally:
            self._context, self._during = context, armed
        true = status.true_of(self.emulator.store, self.engine.state)
        for name in sorted(told.keys() ^ true.keys()):
            what = f"says {told.get(name)}, true is {true.get(name)}"
            found = Violation(Rule.STATUS, ("status", *true.get(name, ())[:1]), f"{name} {what}", "status")
            (self.passed if self.known(found) else self.wrong).append(found)

    def _end(self) -> None:
        """Bring it to the config, as the runbook says: refresh, up; then once more, and away with it."""
        self.told.append("(the end)")
        self._between.clear()
        self._during.clear()
        self._kill_at, self._fault = -1, None
        brought = self._refresh() and self._up()
        if not brought and not self.wrong:
            # What stood in the way may be gone with the first try, as a volume that had to be detached.
            brought = self._refresh() and self._up()
        if self.wrong:
            return
        if brought:
            for key, told in checks.differences(self.emulator.store, self.wanted, self.engine.state):
                self.wrong.append(Violation(Rule.CONFIG, key, told))
            self._check_status()
            if not self.wrong:
                self._up()
                if self._mutations:
                    self.wrong.append(Violation(Rule.UNSTEADY, ("up",), f"{self._mutations} mutations"))
        else:
            self._check_obstacle()
        if not self.wrong:
            self._destroy()

    def _check_obstacle(self) -> None:
        """A refusal has a reason that is there."""
        if not checks.obstacles(self.emulator.store, self.engine.state):
            self.wrong.append(Violation(Rule.BLOCKED, ("up",), self.told[-1]))
